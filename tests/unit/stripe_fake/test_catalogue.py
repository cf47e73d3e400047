import pytest
import stripe

from tests.stripe_fake import StripeFake
from tests.unit.stripe_fake.acts import types

Client = stripe.StripeClient


def test_a_product_keeps_its_own_id_and_is_changed(fake: StripeFake, client: Client) -> None:
    client.v1.products.create({"id": "plan_pro", "name": "Pro", "metadata": {"a": "1"}})
    kept = client.v1.products.update("plan_pro", {"name": "Pro 2", "active": False})
    assert (kept.name, kept.active) == ("Pro 2", False)
    assert client.v1.products.retrieve("plan_pro").metadata["a"] == "1"
    assert list(client.v1.products.list({"active": True})) == []
    assert types(fake) == ["product.created", "product.updated"]


def test_a_price_may_bring_its_product(client: Client) -> None:
    price = client.v1.prices.create(
        {"currency": "usd", "unit_amount": 900, "product_data": {"name": "Credit"}}
    )
    found = client.v1.prices.retrieve(price.id, {"expand": ["product"]})
    assert (found.unit_amount, found.product.name) == (900, "Credit")
    listed = client.v1.prices.list({"product": found.product.id})
    assert [each.id for each in listed] == [price.id]


def test_recurring_prices_are_not_served(client: Client) -> None:
    with pytest.raises(stripe.StripeError, match="recurring"):
        client.v1.prices.create(
            {
                "currency": "usd",
                "unit_amount": 900,
                "product_data": {"name": "Credit"},
                "recurring": {"interval": "month"},
            }
        )


def test_the_id_of_a_product_is_given_once(client: Client) -> None:
    client.v1.products.create({"id": "plan_pro", "name": "Pro"})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.products.create({"id": "plan_pro", "name": "Other"})
    assert refused.value.code == "resource_already_exists"
    assert client.v1.products.retrieve("plan_pro").name == "Pro"
