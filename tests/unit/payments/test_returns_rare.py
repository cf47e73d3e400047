"""Money that goes back by rarer ways: disputes that were prevented, refunds that are made again."""

import pytest

from anneal.kernel import clock
from anneal.kernel.scopes import tenant_scope
from billing.invoices.contracts import ReturnBy
from billing.invoices.models import Invoice
from billing.payments.models import Refund
from billing.payments.services.attempts import invoice_collect
from billing.payments.services.returning import refund_ask
from tests.unit.invoices.helpers import credit, drifts, invoiced
from tests.unit.payments.shop import Shop
from tests.unit.payments.test_returns import notes, paid, refund

__all__ = ["paid"]  # a fixture of the other returns' tests

pytestmark = pytest.mark.django_db


def test_a_prevented_dispute_that_took_the_money_opens_the_invoice_again(
    shop: Shop, paid: Invoice
) -> None:
    shop.fake.dispute_prevent(shop.fake.all("charge")[-1]["id"], pays=True)

    shop.hear(copies=2)

    assert shop.invoice(paid).due_minor == 2000
    assert shop.api.get("/v1/billing/payments").json()["data"][0]["status"] == "disputed"
    assert drifts(shop.organization) == []


def test_money_that_a_prevented_dispute_takes_later_than_it_is_told_is_booked(
    shop: Shop, paid: Invoice
) -> None:
    dispute = shop.fake.dispute_prevent(shop.fake.all("charge")[-1]["id"], pays=True)
    moved = dispute["balance_transactions"]
    shop.fake.account.find("dispute", dispute["id"])["balance_transactions"] = []
    events = shop.fake.all("event")
    [shop.tell(each) for each in events if each["type"] == "charge.dispute.created"]
    shop.act()
    assert shop.invoice(paid).due_minor == 0
    shop.fake.account.find("dispute", dispute["id"])["balance_transactions"] = moved

    shop.hear()

    assert shop.invoice(paid).due_minor == 2000


def test_a_prevented_dispute_that_took_nothing_changes_nothing(shop: Shop, paid: Invoice) -> None:
    shop.fake.dispute_prevent(shop.fake.all("charge")[-1]["id"], pays=False)

    shop.hear(copies=2)

    assert shop.invoice(paid).due_minor == 0
    assert shop.api.get("/v1/billing/payments").json()["data"][0]["status"] == "succeeded"
    refund(shop, 500)
    assert notes(shop) == [(500, "outside")]


def test_a_refund_that_failed_and_is_made_again_at_the_provider_has_one_note(shop: Shop) -> None:
    card = shop.save_card("pm_card_refundFail")
    invoice = invoiced(shop.organization, "20", at=clock.now())
    invoice_collect(organization=shop.organization, invoice_id=invoice.id, automatic=True)
    refund(shop, 500)
    shop.fake.advance(days=4)
    shop.fake.card_becomes(card, "pm_card_visa")

    refund(shop, 500)
    assert notes(shop) == [(500, "outside")]
    assert [row.refunded_minor for row in shop.payments()] == [500]
    refund(shop, 500)

    # Nothing had failed any more: this is another one.
    assert notes(shop) == [(500, "outside"), (500, "outside")]
    assert [row.refunded_minor for row in shop.payments()] == [1000]
    assert drifts(shop.organization) == []


def test_a_refund_of_ours_that_failed_and_is_made_at_the_provider_instead_has_one_note(
    shop: Shop,
) -> None:
    card = shop.save_card("pm_card_refundFail")
    invoice = invoiced(shop.organization, "20", at=clock.now())
    invoice_collect(organization=shop.organization, invoice_id=invoice.id, automatic=True)
    credit(shop.organization, invoice, 500, return_by=ReturnBy.REFUND, at=clock.now())
    with tenant_scope(shop.organization):
        ours = Refund.objects.get()
    refund_ask(organization=shop.organization, refund_id=ours.id)
    shop.fake.advance(days=4)
    shop.hear()
    shop.fake.card_becomes(card, "pm_card_visa")

    refund(shop, 500)

    assert notes(shop) == [(500, "refund")]
    assert [row.refunded_minor for row in shop.payments()] == [500]
    assert drifts(shop.organization) == []
