"""Pages: to buy credit, to save a card, to go on a plan."""

from decimal import Decimal

import pytest

from anneal.kernel import clock
from billing.payments.services.attempts import invoice_collect
from tests.unit.billing.test_plans_subscriptions import add_plan
from tests.unit.factories import error_of
from tests.unit.invoices.helpers import invoices, tick
from tests.unit.payments.shop import CHECKOUT, Shop

pytestmark = pytest.mark.django_db

BODY = {"purpose": "top_up", "amount": "50", "return_path": "/o/acme/billing/checkout"}


def test_r22_a_top_up_needs_a_key(shop: Shop) -> None:
    answer = shop.api.post(CHECKOUT, BODY, format="json")

    assert (answer.status_code, shop.attempts()) == (400, [])


def test_r22_a_key_used_twice_is_one_page(shop: Shop) -> None:
    pages = [shop.open(key="once", purpose="top_up", amount="50") for _ in range(3)]
    assert len({page["id"] for page in pages}) == 1

    shop.complete(pages[0])
    shop.hear()

    assert shop.credit() == Decimal(50)
    assert len(shop.fake.all("checkout.session")) == 1


def test_a_key_used_for_something_else_is_refused(shop: Shop) -> None:
    shop.open(key="once", purpose="top_up", amount="50")

    body = shop.open(key="once", purpose="top_up", amount="60", status=409)

    assert body["error"]["code"] == "checkout_mismatch"


def test_a_page_whose_opening_was_not_answered_is_asked_for_again(shop: Shop) -> None:
    shop.fake.faults.add("cut_after", method="POST", path="/v1/checkout/sessions")
    # The client asks once more by itself.
    shop.fake.faults.add("cut_before", method="POST", path="/v1/checkout/sessions")
    shop.open(key="once", purpose="top_up", amount="50", status=503)

    page = shop.open(key="once", purpose="top_up", amount="50")

    assert page["url"]
    assert len(shop.fake.all("checkout.session")) == 1


@pytest.mark.parametrize("amount", ["4.99", "10000.01", "10.001"])
def test_an_amount_beyond_what_is_paid_at_once_is_refused(shop: Shop, amount: str) -> None:
    shop.open(purpose="top_up", amount=amount, status=400)

    assert shop.attempts() == []


@pytest.mark.parametrize("path", ["https://evil.example", "//evil.example", "billing"])
def test_nobody_is_sent_back_to_another_site(shop: Shop, path: str) -> None:
    shop.open(purpose="payment_method", return_path=path, status=400)


def test_a_page_that_nobody_used_ends_its_try_without_a_ladder(shop: Shop) -> None:
    page = shop.open(purpose="top_up", amount="50")
    shop.fake.advance(days=2)
    shop.hear()

    found = shop.api.get(f"{CHECKOUT}/{page['id']}").json()

    assert (found["status"], found["url"]) == ("expired", None)
    assert [(row.state, row.failure) for row in shop.attempts()] == [("failed", "expired")]


def test_a_card_is_saved_and_then_the_plan_begins_and_is_paid(shop: Shop) -> None:
    add_plan("team", fee=Decimal(30))
    refused = shop.api.post(
        "/v1/billing/subscription",
        {"plan": "team"},
        format="json",
        headers={"Idempotency-Key": "plan"},
    )
    assert error_of(refused)["code"] == "payment_method_required"

    shop.complete(shop.open(purpose="plan", plan="team"))
    shop.hear(copies=2)
    tick(clock.now())
    (invoice,) = invoices(shop.organization)
    invoice_collect(organization=shop.organization, invoice_id=invoice.id, automatic=True)

    assert shop.api.get("/v1/billing/subscription").json()["plan"]["code"] == "team"
    assert shop.invoice(invoice).payment_status == "paid"
    assert shop.collected() == 3000


def test_a_card_is_chosen_and_removed(shop: Shop, card: str) -> None:
    second = shop.open(purpose="payment_method")
    shop.complete(second, "pm_card_mastercard")
    shop.hear()
    listed = shop.api.get("/v1/billing/payment_methods").json()["data"]
    other = next(one for one in listed if not one["is_default"])

    chosen = shop.api.post(f"/v1/billing/payment_methods/{other['id']}/default")
    gone = shop.api.delete(f"/v1/billing/payment_methods/{other['id']}")
    left = shop.api.get("/v1/billing/payment_methods").json()["data"]

    assert (chosen.json()["is_default"], gone.status_code) == (True, 204)
    assert [one["is_default"] for one in left] == [True]
