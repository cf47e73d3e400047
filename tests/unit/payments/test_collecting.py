"""Collecting invoices: from a card, from a page, and never from both."""

from datetime import timedelta
from typing import Any

import pytest

from anneal.kernel import clock
from anneal.kernel.ids import public_id
from anneal.kernel.scopes import tenant_scope
from billing.invoices.contracts import ReturnBy
from billing.invoices.models import Dunning, Invoice
from billing.invoices.services import invoice_payment_apply
from billing.payments.errors import ProviderAway, RefundExceeded
from billing.payments.models import Refund
from billing.payments.services.attempts import invoice_collect
from billing.payments.services.returning import refund_ask
from billing.payments.tasks import retry
from tests.stripe_fake.official import official_client
from tests.unit.factories import error_of
from tests.unit.invoices.helpers import credit, invoiced
from tests.unit.payments.shop import Shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice(shop: Shop) -> Invoice:
    """An invoice of twenty dollars that is due."""
    return invoiced(shop.organization, "20", at=clock.now())


def pay(shop: Shop, invoice: Invoice, status: int = 200) -> dict[str, Any]:
    answer = shop.api.post(
        f"/v1/billing/invoices/{public_id('inv_', invoice.id)}/pay",
        headers={"Idempotency-Key": "once"},
    )
    assert answer.status_code == status, answer.content
    return dict(answer.json())


def transferred(shop: Shop, invoice: Invoice, minor: int) -> None:
    """The operator books a transfer."""
    with tenant_scope(shop.organization):
        invoice_payment_apply(
            organization=shop.organization,
            invoice_id=invoice.id,
            payment_id=None,
            key="bank",
            amount_minor=minor,
        )


def collect(shop: Shop, invoice: Invoice) -> str:
    made = invoice_collect(organization=shop.organization, invoice_id=invoice.id, automatic=True)
    return made.state.value


def test_an_invoice_is_paid_from_the_saved_card(shop: Shop, card: str, invoice: Invoice) -> None:
    pay(shop, invoice)
    shop.hear()

    assert shop.invoice(invoice).payment_status == "paid"
    assert shop.collected() == 2000


def test_without_a_card_nothing_is_tried(shop: Shop, invoice: Invoice) -> None:
    answer = shop.api.post(
        f"/v1/billing/invoices/{public_id('inv_', invoice.id)}/pay",
        headers={"Idempotency-Key": "once"},
    )

    assert error_of(answer)["code"] == "payment_method_required"
    assert shop.attempts() == []


def test_a_refused_card_begins_the_ladder_and_the_next_try_has_a_key_of_its_own(
    shop: Shop, card: str, invoice: Invoice
) -> None:
    shop.fake.card_becomes(card, "pm_card_chargeCustomerFail")
    assert collect(shop, invoice) == "failed"
    with tenant_scope(shop.organization):
        assert Dunning.objects.filter(invoice_id=invoice.id).count() == 1

    shop.fake.card_becomes(card, "pm_card_visa")
    assert collect(shop, invoice) == "succeeded"

    assert [row.key[-2:] for row in shop.attempts()] == [":1", ":2"]
    assert shop.invoice(invoice).payment_status == "paid"


def test_r17_an_answer_that_was_lost_is_asked_for_again_and_the_card_charged_once(
    shop: Shop, card: str, invoice: Invoice
) -> None:
    shop.fake.faults.add("cut_after", method="POST", path="/v1/payment_intents")
    # The client asks once more by itself.
    shop.fake.faults.add("cut_before", method="POST", path="/v1/payment_intents")
    with pytest.raises(ProviderAway):
        collect(shop, invoice)
    assert [row.state for row in shop.attempts()] == ["open"]

    with clock.frozen(clock.now() + timedelta(minutes=2)):
        retry()

    assert [row.state for row in shop.attempts()] == ["succeeded"]
    assert shop.collected() == 2000
    assert shop.invoice(invoice).payment_status == "paid"


def test_r20_an_open_page_is_closed_before_the_card_is_charged(
    shop: Shop, card: str, invoice: Invoice
) -> None:
    page = shop.open(purpose="invoice", invoice=public_id("inv_", invoice.id))

    assert collect(shop, invoice) == "succeeded"
    shop.hear()

    with pytest.raises(ValueError, match="expired"):
        shop.complete(page)
    assert shop.collected() == 2000
    with tenant_scope(shop.organization):
        assert not Dunning.objects.filter(invoice_id=invoice.id).exists()


def test_r20_what_was_paid_on_the_page_is_not_charged_again(
    shop: Shop, card: str, invoice: Invoice
) -> None:
    shop.complete(shop.open(purpose="invoice", invoice=public_id("inv_", invoice.id)))

    answer = shop.api.post(
        f"/v1/billing/invoices/{public_id('inv_', invoice.id)}/pay",
        headers={"Idempotency-Key": "once"},
    )

    assert error_of(answer)["code"] == "invoice_paid_already"
    assert shop.collected() == 2000
    assert shop.invoice(invoice).payment_status == "paid"


def test_r21_a_payment_told_by_answer_and_event_is_booked_once(
    shop: Shop, card: str, invoice: Invoice
) -> None:
    collect(shop, invoice)
    shop.hear(copies=3)

    assert [row.amount_minor for row in shop.payments()] == [2000]
    assert shop.invoice(invoice).paid_minor == 2000


def test_a_credit_note_sends_money_back_to_the_card_once(
    shop: Shop, card: str, invoice: Invoice
) -> None:
    collect(shop, invoice)
    credit(shop.organization, shop.invoice(invoice), 500, return_by=ReturnBy.REFUND)
    with tenant_scope(shop.organization):
        refund = Refund.objects.get()

    states = [refund_ask(organization=shop.organization, refund_id=refund.id) for _ in range(2)]

    assert states == ["succeeded", "succeeded"]
    assert [each["amount"] for each in shop.fake.all("refund")] == [500]


def test_a_note_promises_cards_no_more_than_they_paid(
    shop: Shop, card: str, invoice: Invoice
) -> None:
    transferred(shop, invoice, 1500)
    collect(shop, invoice)
    paid = shop.invoice(invoice)

    with pytest.raises(RefundExceeded, match=r"5\.00 USD"):
        credit(shop.organization, paid, 1000, return_by=ReturnBy.REFUND, at=clock.now())

    credit(shop.organization, paid, 500, return_by=ReturnBy.REFUND, at=clock.now())
    retry()
    assert [each["amount"] for each in shop.fake.all("refund")] == [500]


def test_a_lost_dispute_asks_again_only_for_what_had_not_gone_back(
    shop: Shop, card: str, invoice: Invoice
) -> None:
    collect(shop, invoice)
    dispute = shop.fake.dispute(shop.fake.all("charge")[0]["id"])
    credit(shop.organization, shop.invoice(invoice), 500, return_by=ReturnBy.CREDIT)
    shop.fake.dispute_close(dispute["id"], won=False)

    shop.hear()

    assert shop.states() == {"done"}
    assert shop.invoice(invoice).due_minor == 1500


def test_what_stripe_does_not_take_is_called_no_decline_of_the_card(
    shop: Shop, card: str, invoice: Invoice
) -> None:
    with official_client(shop.fake) as client:
        (customer,) = client.v1.customers.list().data
        client.v1.customers.delete(customer.id)

    body = pay(shop, invoice, status=502)

    assert body["error"]["code"] == "payment_provider_refused"


def half_made(shop: Shop, invoice: Invoice) -> str:
    """Stripe fails between making a payment and confirming it: it waits for ever."""
    shop.fake.faults.add("cut_before", method="POST", path="/v1/payment_intents", times=2)
    with pytest.raises(ProviderAway):
        collect(shop, invoice)
    (attempt,) = shop.attempts()
    params = {"amount": 2000, "currency": "usd", "metadata": {"anneal_attempt": str(attempt.id)}}
    with official_client(shop.fake) as client:
        (customer,) = client.v1.customers.list().data
        made = client.v1.payment_intents.create({"customer": customer.id, **params})
    shop.hear()
    return made.id


def test_a_payment_that_was_only_half_made_is_given_up_after_a_day(
    shop: Shop, card: str, invoice: Invoice
) -> None:
    half_made(shop, invoice)

    with clock.frozen(clock.now() + timedelta(hours=22)):
        retry()
    assert [row.state for row in shop.attempts()] == ["open"]
    with clock.frozen(clock.now() + timedelta(hours=24)):
        retry()

    assert [(row.state, row.failure) for row in shop.attempts()] == [("failed", "unanswered")]
    assert collect(shop, invoice) == "succeeded"
    assert shop.collected() == 2000


def test_a_payment_that_the_operator_cancels_at_stripe_says_so(
    shop: Shop, card: str, invoice: Invoice
) -> None:
    intent = half_made(shop, invoice)
    with official_client(shop.fake) as client:
        client.v1.payment_intents.cancel(intent)
    shop.hear()

    (row,) = shop.attempts()
    assert (row.state, row.failure) == ("failed", "canceled")
