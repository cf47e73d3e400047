"""Money that goes back without us: disputes, and refunds made at the provider."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import uuid4

import pytest
from django.utils import timezone

from anneal.kernel import clock
from anneal.kernel.events import PaymentRetryDue
from anneal.kernel.ids import public_id
from anneal.kernel.models import OutboxMessage
from anneal.kernel.scopes import system_scope, tenant_scope
from billing.invoices.contracts import ReturnBy
from billing.invoices.models import CreditNote, Invoice
from billing.invoices.services import account_suspend, invoice_payment_unapply
from billing.invoices.tasks import dun
from billing.ledger.selectors import account_get, balance_get
from billing.payments.contracts import AutoTopUpTerms, ProviderRefund
from billing.payments.errors import ProviderAway
from billing.payments.models import Refund
from billing.payments.provider import Provider, provider_instead
from billing.payments.provider.stripe import stripe_provider
from billing.payments.services.attempts import invoice_collect
from billing.payments.services.auto_top_up import auto_top_up_get
from billing.payments.services.collecting import COLLECT_TASK
from billing.payments.services.returning import refund_ask
from tests.stripe_fake.official import official_client
from tests.unit.invoices.helpers import (
    add_tax,
    credit,
    drifts,
    heard,
    invoiced,
    pay,
    set_profile,
    set_seller,
    use,
)
from tests.unit.payments.shop import Shop

pytestmark = pytest.mark.django_db

PRICE = Decimal("0.0001")
"""Of a prediction."""


@pytest.fixture
def paid(shop: Shop, card: str) -> Invoice:
    """An invoice of twenty dollars that the card has paid."""
    invoice = invoiced(shop.organization, "20", at=clock.now())
    invoice_collect(organization=shop.organization, invoice_id=invoice.id, automatic=True)
    return shop.invoice(invoice)


@pytest.fixture
def bought(shop: Shop) -> Invoice:
    """The invoice of fifty dollars of credit."""
    shop.complete(shop.open(purpose="top_up", amount="50"))
    shop.hear()
    return newest(shop)


def newest(shop: Shop) -> Invoice:
    with tenant_scope(shop.organization):
        return Invoice.objects.order_by("-id")[0]


def spend(shop: Shop, amount: str) -> None:
    """Use predictions for so much money, after those that are free."""
    with tenant_scope(shop.organization):
        free = balance_get(organization=shop.organization, unit="prediction").available
    use(shop.organization, int(free + Decimal(amount) / PRICE), clock.now())


def lose(shop: Shop, amount: int = 0) -> None:
    """The bank takes the last charge back, and we hear of it twice."""
    charge = shop.fake.all("charge")[-1]["id"]
    dispute = shop.fake.dispute(charge, amount=amount)
    shop.fake.dispute_close(dispute["id"], won=False)
    shop.hear(copies=2)
    assert shop.states() == {"done"}


def refund(shop: Shop, amount: int) -> None:
    """The operator refunds a part of the last payment at Stripe, and we hear of it twice."""
    intent = shop.fake.all("payment_intent")[-1]["id"]
    with official_client(shop.fake) as client:
        client.v1.refunds.create({"payment_intent": intent, "amount": amount})
    shop.hear(copies=2)
    assert shop.states() == {"done"}


def notes(shop: Shop) -> list[tuple[int, str]]:
    with tenant_scope(shop.organization):
        return list(CreditNote.objects.order_by("id").values_list("total_minor", "return_by"))


def parked(shop: Shop) -> str:
    """Why the account is parked once what was asked for is done."""
    with system_scope("test"):
        account_suspend(organization=shop.organization)
    with tenant_scope(shop.organization):
        return account_get(organization=shop.organization).parked_reason


def test_a_lost_dispute_opens_the_invoice_again(shop: Shop, paid: Invoice) -> None:
    lose(shop)

    after = shop.invoice(paid)
    assert (after.payment_status, after.due_minor) == ("open", 2000)
    listed = shop.api.get("/v1/billing/payments").json()["data"]
    assert listed[0]["status"] == "disputed"


def test_a_card_whose_bank_took_a_payment_back_is_not_tried_again_for_it(
    shop: Shop, paid: Invoice
) -> None:
    lose(shop)
    began = timezone.now()

    with clock.frozen(clock.now() + timedelta(days=8)):
        with heard(PaymentRetryDue) as told:
            dun()
        assert [event.invoice_id for event in told] == [paid.id]
        with system_scope("test"):
            asked = OutboxMessage.objects.filter(task=COLLECT_TASK, created_at__gte=began)
            assert asked.count() == 0
        # Its customer may pay it so all the same.
        invoice_collect(organization=shop.organization, invoice_id=paid.id, automatic=False)
    assert shop.invoice(paid).payment_status == "paid"


def test_a_lost_dispute_takes_unspent_credit_back_and_nothing_is_owed(
    shop: Shop, bought: Invoice
) -> None:
    lose(shop)

    assert (shop.credit(), shop.invoice(bought).due_minor) == (0, 0)
    assert notes(shop) == [(5000, "none")]
    assert parked(shop) == ""
    assert drifts(shop.organization) == []


def test_what_was_spent_of_disputed_credit_is_owed_and_the_account_parked_until_it_is_paid(
    shop: Shop, bought: Invoice
) -> None:
    spend(shop, "12.345")

    lose(shop)

    after = shop.invoice(bought)
    assert (shop.credit(), after.due_minor) == (Decimal("0.005"), 1235)
    assert parked(shop) == f"unpaid invoice {after.number}"
    assert drifts(shop.organization) == []
    pay(shop.organization, after, at=clock.now())
    assert shop.invoice(bought).payment_status == "paid"


def test_a_dispute_of_a_part_takes_no_more_than_that(shop: Shop, bought: Invoice) -> None:
    spend(shop, "10")

    lose(shop, 3000)

    assert (shop.credit(), shop.invoice(bought).due_minor) == (10, 0)
    assert notes(shop) == [(3000, "none")]


def test_disputed_credit_goes_back_with_its_tax(shop: Shop) -> None:
    set_seller(country="DE", top_ups_taxed=True)
    set_profile(shop.organization)
    add_tax("19")
    shop.complete(shop.open(purpose="top_up", amount="100"))
    shop.hear()
    spend(shop, "40")

    lose(shop)

    assert shop.credit() < Decimal("0.01")
    assert shop.invoice(newest(shop)).due_minor == 4760
    assert drifts(shop.organization) == []


def test_credit_is_bought_by_itself_no_more_after_a_lost_dispute(
    shop: Shop, card: str, bought: Invoice
) -> None:
    body = {"enabled": True, "threshold": "10", "amount": "30", "daily_cap": "60"}
    assert shop.api.put("/v1/billing/auto_top_up", body, format="json").status_code == 200

    lose(shop)

    with tenant_scope(shop.organization):
        terms: AutoTopUpTerms = auto_top_up_get(organization=shop.organization)
    assert (terms.enabled, terms.paused) == (False, "dispute_lost")


def test_a_lost_dispute_beyond_the_invoice_takes_the_credit_of_the_excess(
    shop: Shop, card: str
) -> None:
    invoice = invoiced(shop.organization, "20", at=clock.now())
    page = shop.open(purpose="invoice", invoice=public_id("inv_", invoice.id))
    pay(shop.organization, invoice, 500, at=clock.now())
    shop.complete(page)
    shop.hear()
    assert (shop.invoice(invoice).paid_minor, shop.credit()) == (2000, 5)

    lose(shop)

    # What was paid besides by a transfer stays paid.
    assert (shop.invoice(invoice).due_minor, shop.credit()) == (1500, 0)


def test_a_refund_made_at_the_provider_has_its_credit_note_once(shop: Shop, paid: Invoice) -> None:
    refund(shop, 500)
    refund(shop, 300)

    assert notes(shop) == [(500, "outside"), (300, "outside")]
    assert [row.refunded_minor for row in shop.payments()] == [800]
    assert len(shop.fake.all("refund")) == 2
    assert shop.invoice(paid).payment_status == "paid"
    assert drifts(shop.organization) == []


def test_a_refund_made_at_the_provider_takes_bought_credit_back_as_far_as_it_is_there(
    shop: Shop, bought: Invoice
) -> None:
    spend(shop, "30")

    refund(shop, 4000)

    assert (shop.credit(), notes(shop)) == (0, [(4000, "outside")])


def test_notes_of_refunds_are_never_more_than_the_invoice(shop: Shop, paid: Invoice) -> None:
    credit(shop.organization, paid, 1800, at=clock.now())

    refund(shop, 500)
    refund(shop, 400)

    assert notes(shop) == [(1800, "credit"), (200, "outside")]
    assert drifts(shop.organization) == []


def test_a_refund_leaves_what_is_due_of_its_invoice_alone(shop: Shop, paid: Invoice) -> None:
    with tenant_scope(shop.organization):
        invoice_payment_unapply(
            organization=shop.organization,
            invoice_id=paid.id,
            payment_id=uuid4(),
            amount_minor=700,
            key="test",
            reason="A transfer that was called back.",
        )

    refund(shop, 500)

    after = shop.invoice(paid)
    assert (after.due_minor, after.paid_minor, after.credited_minor) == (700, 800, 500)


def test_a_refund_of_ours_has_no_second_note_though_its_answer_was_lost(
    shop: Shop, paid: Invoice
) -> None:
    credit(shop.organization, paid, 500, return_by=ReturnBy.REFUND, at=clock.now())
    with tenant_scope(shop.organization):
        asked = Refund.objects.get()
    shop.fake.faults.add("cut_after", method="POST", path="/v1/refunds")
    shop.fake.faults.add("cut_before", method="POST", path="/v1/refunds", times=1)
    with pytest.raises(ProviderAway):
        refund_ask(organization=shop.organization, refund_id=asked.id)

    shop.hear(copies=2)

    assert refund_ask(organization=shop.organization, refund_id=asked.id) == "succeeded"
    assert notes(shop) == [(500, "refund")]
    assert [each["amount"] for each in shop.fake.all("refund")] == [500]


class _Slow:
    """Stripe, whose answer to a refund is written only after ``then``."""

    def __init__(self, then: Callable[[], None]) -> None:
        self._stripe, self._then = stripe_provider(), then

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stripe, name)

    def refund(self, **wanted: Any) -> ProviderRefund:
        answer = self._stripe.refund(**wanted)
        self._then()
        return answer


def test_a_refund_that_failed_before_its_answer_was_written_stays_failed(shop: Shop) -> None:
    shop.save_card("pm_card_refundFail")
    invoice = invoiced(shop.organization, "20", at=clock.now())
    invoice_collect(organization=shop.organization, invoice_id=invoice.id, automatic=True)
    credit(shop.organization, invoice, 500, return_by=ReturnBy.REFUND, at=clock.now())
    with tenant_scope(shop.organization):
        asked = Refund.objects.get()

    def fails() -> None:
        shop.fake.advance(days=4)
        shop.hear()

    with provider_instead(cast("Provider", _Slow(fails))):
        refund_ask(organization=shop.organization, refund_id=asked.id)

    with tenant_scope(shop.organization):
        assert Refund.objects.get().state == "failed"


def test_a_refund_made_at_the_provider_that_fails_later_leaves_its_note_and_parks_nobody(
    shop: Shop,
) -> None:
    shop.save_card("pm_card_refundFail")
    invoice = invoiced(shop.organization, "20", at=clock.now())
    invoice_collect(organization=shop.organization, invoice_id=invoice.id, automatic=True)
    refund(shop, 500)

    shop.fake.advance(days=4)
    shop.hear()

    with tenant_scope(shop.organization):
        assert Refund.objects.get().state == "failed"
    assert notes(shop) == [(500, "outside")]
    assert drifts(shop.organization) == []


def test_a_lost_dispute_of_money_that_was_on_no_invoice_is_over_and_parks_nobody(
    shop: Shop,
) -> None:
    pages = [
        shop.open(purpose="top_up", amount=amount, currency=currency)
        for amount, currency in (("5000", "JPY"), ("50", "USD"))
    ]
    for page in pages:
        shop.complete(page)
        shop.hear()

    lose(shop)

    # Its refund is refused: the bank has taken the money back already.
    with tenant_scope(shop.organization):
        (asked,) = Refund.objects.all()
    assert refund_ask(organization=shop.organization, refund_id=asked.id) == "failed"
    assert shop.credit("JPY") == 5000
    assert drifts(shop.organization) == []
