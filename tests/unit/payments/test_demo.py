"""An installation without keys: the same roads, a page of its own, and no money."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from anneal.kernel import clock
from anneal.kernel.ids import public_id
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.ledger.selectors import balance_get
from billing.payments.tasks import sweep
from tests.unit.factories import error_of
from tests.unit.invoices.helpers import invoiced
from tests.unit.payments.shop import Shop

pytestmark = pytest.mark.django_db

CARD = {"card_number": "4242424242424242", "exp": "12/34", "cvc": "123"}


def opened(client: APIClient, **body: Any) -> dict[str, Any]:
    answer = client.post(
        "/v1/billing/checkout",
        {"return_path": "/o/acme/billing/checkout"} | body,
        format="json",
        headers={"Idempotency-Key": "once"},
    )
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def test_credit_is_bought_with_a_card_of_tests(
    organization: OrganizationRef, client_api: APIClient
) -> None:
    page = opened(client_api, purpose="top_up", amount="50")

    done = client_api.post(f"/v1/billing/demo_checkout/{page['id']}", CARD, format="json")

    assert done.json()["status"] == "complete"
    assert page["url"].endswith(f"/o/{organization.slug}/billing/demo-checkout/{page['id']}")
    with tenant_scope(organization):
        assert balance_get(organization=organization, unit="USD").available == Decimal(50)


@pytest.mark.parametrize("number", ["4000000000000002", "4111111111111111"])
def test_a_card_that_is_declined_leaves_the_page_open(client_api: APIClient, number: str) -> None:
    page = opened(client_api, purpose="payment_method")

    refused = client_api.post(
        f"/v1/billing/demo_checkout/{page['id']}", CARD | {"card_number": number}, format="json"
    )

    assert error_of(refused)["code"] == "card_declined"
    assert client_api.get(f"/v1/billing/checkout/{page['id']}").json()["status"] == "open"


def test_a_card_is_saved(client_api: APIClient) -> None:
    page = opened(client_api, purpose="payment_method")
    client_api.post(f"/v1/billing/demo_checkout/{page['id']}", CARD, format="json")

    (card,) = client_api.get("/v1/billing/payment_methods").json()["data"]

    assert (card["last4"], card["is_default"]) == ("4242", True)


def test_the_page_is_none_where_stripe_collects(client_api: APIClient, settings: Any) -> None:
    page = opened(client_api, purpose="payment_method")
    settings.ANNEAL_DEMO_BILLING = False

    answer = client_api.post(f"/v1/billing/demo_checkout/{page['id']}", CARD, format="json")

    assert answer.status_code == 404


def test_what_the_demo_kept_keeps_nobody_from_paying_once_stripe_collects(
    shop: Shop, settings: Any
) -> None:
    settings.ANNEAL_DEMO_BILLING = True
    page = opened(shop.api, purpose="payment_method")
    shop.api.post(f"/v1/billing/demo_checkout/{page['id']}", CARD, format="json")
    invoice = invoiced(shop.organization, "20", at=clock.now())
    asked = public_id("inv_", invoice.id)
    shop.open(purpose="invoice", invoice=asked)
    shop.open(purpose="top_up", amount="50")

    settings.ANNEAL_DEMO_BILLING = False
    assert shop.api.get("/v1/billing/payment_methods").json()["data"] == []
    shop.complete(shop.open(purpose="invoice", invoice=asked))
    card = shop.save_card()
    with clock.frozen(clock.now() + timedelta(days=2)):
        sweep()

    assert shop.invoice(invoice).payment_status == "paid"
    assert [page["amount_total"] for page in shop.fake.all("checkout.session")] == [2000, None]
    assert "open" not in {row.state for row in shop.attempts()}
    assert card == shop.fake.all("payment_method")[-1]["id"]
