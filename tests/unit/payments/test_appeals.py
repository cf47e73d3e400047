"""Disputes that are appealed against after they were decided, and may end the other way."""

import pytest

from anneal.kernel import clock
from anneal.kernel.scopes import system_scope, tenant_scope
from billing.invoices.models import Invoice
from billing.invoices.services import account_restore
from billing.ledger.selectors import account_get
from billing.payments.models import Dispute
from billing.payments.provider.stripe import stripe_provider
from billing.payments.services.returning import dispute_book, dispute_read
from tests.unit.billing.test_reconcile_tampered import Tamper, _door, tamper
from tests.unit.invoices.helpers import drifts, pay
from tests.unit.payments.shop import Shop
from tests.unit.payments.test_returns import bought, lose, notes, paid, parked, spend

__all__ = ["_door", "bought", "paid", "tamper"]  # fixtures of others' tests

pytestmark = pytest.mark.django_db


def appeal(shop: Shop, *, won: bool) -> None:
    """Whoever lost the last dispute appeals, is heard, and it is decided; we hear of it twice."""
    dispute = shop.fake.all("dispute")[-1]["id"]
    for answered in (False, True):
        shop.fake.dispute_appeal(dispute, answered=answered)
        shop.hear(copies=2)
    shop.fake.dispute_close(dispute, won=won)
    shop.hear(copies=2)
    assert shop.states() == {"done"}


def status(shop: Shop) -> str:
    """What the customer reads of the payment."""
    return str(shop.api.get("/v1/billing/payments").json()["data"][0]["status"])


def test_an_invoice_stays_open_while_its_lost_dispute_is_appealed_against(
    shop: Shop, paid: Invoice
) -> None:
    lose(shop)
    shop.fake.dispute_appeal(shop.fake.all("dispute")[-1]["id"], answered=False)
    shop.hear()

    with tenant_scope(shop.organization):
        row = Dispute.objects.get()
    assert (row.state, row.booked) == ("appeal_needs_response", True)
    assert (shop.invoice(paid).due_minor, status(shop)) == (2000, "disputed")
    assert drifts(shop.organization) == []


def test_a_dispute_that_is_won_on_appeal_pays_its_invoice_again(shop: Shop, paid: Invoice) -> None:
    lose(shop)

    appeal(shop, won=True)

    after = shop.invoice(paid)
    assert (after.payment_status, after.due_minor) == ("paid", 0)
    assert (status(shop), shop.credit()) == ("succeeded", 0)
    assert drifts(shop.organization) == []


def test_a_dispute_that_is_lost_on_appeal_too_is_booked_once(shop: Shop, paid: Invoice) -> None:
    lose(shop)

    appeal(shop, won=False)

    assert (shop.invoice(paid).due_minor, status(shop)) == (2000, "disputed")
    assert drifts(shop.organization) == []


def test_a_dispute_that_was_won_and_is_lost_on_appeal_opens_the_invoice(
    shop: Shop, paid: Invoice
) -> None:
    dispute = shop.fake.dispute(shop.fake.all("charge")[-1]["id"])
    shop.fake.dispute_close(dispute["id"], won=True)
    shop.hear()
    assert status(shop) == "succeeded"

    appeal(shop, won=False)

    assert (shop.invoice(paid).due_minor, status(shop)) == (2000, "disputed")
    assert drifts(shop.organization) == []


def test_what_was_paid_again_meanwhile_becomes_credit_when_the_appeal_is_won(
    shop: Shop, paid: Invoice
) -> None:
    lose(shop)
    pay(shop.organization, shop.invoice(paid), 1500, at=clock.now())

    appeal(shop, won=True)

    assert (shop.invoice(paid).due_minor, shop.credit()) == (0, 15)
    assert drifts(shop.organization) == []


def test_disputed_credit_comes_back_and_frees_the_account_when_the_appeal_is_won(
    shop: Shop, bought: Invoice
) -> None:
    spend(shop, "12")
    lose(shop)
    assert (shop.invoice(bought).due_minor, shop.credit()) == (1200, 0)
    assert parked(shop) != ""

    appeal(shop, won=True)

    with system_scope("test"):
        account_restore(organization=shop.organization)
    with tenant_scope(shop.organization):
        assert account_get(organization=shop.organization).parked_reason == ""
    assert (shop.invoice(bought).due_minor, shop.credit()) == (0, 38)
    assert notes(shop) == [(3800, "none")]
    assert drifts(shop.organization) == []


def test_a_reading_that_began_before_the_one_that_is_kept_changes_nothing(
    shop: Shop, paid: Invoice
) -> None:
    lose(shop)
    lost = dispute_read(stripe_provider(), shop.fake.all("dispute")[-1]["id"])
    appeal(shop, won=True)

    with tenant_scope(shop.organization):
        dispute_book(organization=shop.organization, read=lost)

    assert shop.invoice(paid).due_minor == 0


@pytest.mark.differs("disputes.taken", "payments.invoice", "invoices.paid")
def test_less_on_the_invoice_than_the_bank_gave_back_is_a_difference(
    shop: Shop, paid: Invoice, tamper: Tamper
) -> None:
    lose(shop)
    appeal(shop, won=True)

    assert tamper(
        "invoices_invoicepayment",
        "UPDATE invoices_invoicepayment SET amount_minor = 1999 WHERE key LIKE 'regained:%'",
    )

    assert "disputes.taken" in {each.check for each in drifts(shop.organization)}
