"""The lists of payments and of cards: what each row tells, and how many statements they cost."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from anneal.kernel import clock
from anneal.kernel.ids import public_id
from billing.invoices.contracts import ReturnBy
from billing.invoices.models import Invoice
from billing.payments.services.attempts import invoice_collect
from billing.payments.tasks import retry
from tests.stripe_fake.official import official_client
from tests.unit.invoices.helpers import credit, invoiced
from tests.unit.payments.shop import Shop
from tests.unit.payments.test_demo import CARD, opened

pytestmark = pytest.mark.django_db

PAYMENTS = "/v1/billing/payments"
CARDS = "/v1/billing/payment_methods"


def collected(shop: Shop, amount: str) -> Invoice:
    """An invoice that the saved card was charged for."""
    invoice = invoiced(shop.organization, amount, at=clock.now())
    invoice_collect(organization=shop.organization, invoice_id=invoice.id, automatic=True)
    return invoice


def statements(client: APIClient, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


def test_a_charged_card_and_its_invoice_are_named(shop: Shop, card: str) -> None:
    invoice = collected(shop, "20")

    (paid,) = shop.api.get(PAYMENTS).json()["data"]

    assert (paid["brand"], paid["last4"], paid["status"]) == ("visa", "4242", "succeeded")
    assert (paid["invoice"], paid["invoice_number"]) == (
        public_id("inv_", invoice.id),
        invoice.number,
    )


def test_a_card_used_on_a_page_is_named_though_it_is_not_kept(shop: Shop) -> None:
    shop.complete(shop.open(purpose="top_up", amount="50"), "pm_card_mastercard")
    shop.hear()

    (paid,) = shop.api.get(PAYMENTS).json()["data"]

    assert (paid["purpose"], paid["brand"], paid["last4"]) == ("top_up", "mastercard", "4444")
    assert (
        paid["invoice_number"] == shop.api.get("/v1/billing/invoices").json()["data"][0]["number"]
    )
    assert shop.api.get(CARDS).json()["data"] == []


def test_the_demo_names_the_card_of_its_page(client_api: APIClient) -> None:
    page = opened(client_api, purpose="top_up", amount="50")
    client_api.post(f"/v1/billing/demo_checkout/{page['id']}", CARD, format="json")

    (paid,) = client_api.get(PAYMENTS).json()["data"]

    assert (paid["brand"], paid["last4"]) == ("visa", "4242")
    assert paid["invoice_number"] is not None


def test_money_whose_refund_failed_is_not_called_refunded(shop: Shop) -> None:
    card = shop.save_card("pm_card_refundFail")
    invoice = collected(shop, "20")
    credit(shop.organization, shop.invoice(invoice), return_by=ReturnBy.REFUND, at=clock.now())
    retry()
    assert told(shop) == ("refunded", "20.00")
    shop.fake.advance(days=4)
    shop.hear()
    assert told(shop) == ("succeeded", "0.00")
    shop.fake.card_becomes(card, "pm_card_visa")

    with official_client(shop.fake) as client:
        client.v1.refunds.create({"payment_intent": shop.payments()[0].intent_ref})
    shop.hear()

    assert told(shop) == ("refunded", "20.00")


def told(shop: Shop) -> tuple[str, str]:
    """What the list says of the only payment, and of what went back."""
    (paid,) = shop.api.get(PAYMENTS).json()["data"]
    return paid["status"], paid["refunded"]


def test_lists_cost_the_same_however_long_they_are(shop: Shop, card: str) -> None:
    collected(shop, "20")
    before = [statements(shop.api, path) for path in (PAYMENTS, CARDS)]
    for amount in ("30", "40", "50"):
        collected(shop, amount)
    shop.save_card("pm_card_mastercard")

    after = [statements(shop.api, path) for path in (PAYMENTS, CARDS)]

    assert before == after == [10, 6]
