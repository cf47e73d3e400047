"""What rests on Stripe's own description, and what holds when it is absent."""

import json
from typing import Any

import pytest
import stripe

from tests.stripe_fake import StripeFake, openapi, serving
from tests.stripe_fake.forms import Params
from tests.stripe_fake.official import official_client
from tests.stripe_fake.resources.catalogue import new_price
from tests.stripe_fake.resources.webhook_endpoints import SECRET
from tests.stripe_fake.routing import ROUTES
from tests.unit.stripe_fake.acts import buy, top_up

Client = stripe.StripeClient
described = pytest.mark.skipif(not openapi.present(), reason=openapi.ABSENT)
# Left out of newer objects by Stripe, and asked for by the description of 2023.
OLDER = {"product": {"features"}}


@described
@pytest.mark.parametrize("route", ROUTES, ids=lambda each: f"{each.method} {each.template}")
def test_every_call_of_the_fake_is_one_of_stripes(route: Any) -> None:
    operation = openapi.operation(route.method, route.template)
    assert operation is not None
    known = operation.parameters["properties"].keys() | {"expand"}
    assert route.takes - known == set()


@described
def test_a_parameter_that_stripe_has_and_the_fake_lacks_is_501(client: Client) -> None:
    with pytest.raises(stripe.APIError, match="does not serve the parameter tax_exempt"):
        client.v1.customers.create({"tax_exempt": "none"})
    with pytest.raises(stripe.APIError, match=r"not serve payment_intent_data\[transfer_group"):
        top_up(client, payment_intent_data={"transfer_group": "group"})
    with pytest.raises(stripe.APIError, match="does not serve GET /v1/invoices"):
        client.v1.invoices.list()


@described
@pytest.mark.parametrize(
    ("params", "param", "told"),
    [
        ({"address": {"planet": "Mars"}}, "address[planet]", "unknown parameter"),
        ({"address": "Mars"}, "address", "Invalid"),
        ({"preferred_locales": "en"}, "preferred_locales", "Invalid array"),
        ({"name": "x" * 257}, "name", "at most 256"),
        ({"metadata": {"k" * 41: "v"}}, "metadata", "40"),
        ({"metadata": {"k": "v" * 501}}, "metadata[k]", "500"),
        ({"metadata": {f"k{n}": "v" for n in range(51)}}, "metadata", "50"),
    ],
)
def test_a_nested_parameter_is_checked_too(
    client: Client, params: dict[str, Any], param: str, told: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError, match=told) as refused:
        client.v1.customers.create(params)
    assert refused.value.param.startswith(param)


@described
def test_a_word_must_be_on_the_list(client: Client) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="must be one of"):
        client.v1.webhook_endpoints.create(
            {"url": "https://shop.example", "enabled_events": ["charge.exploded"]}
        )


@described
def test_an_answer_that_stripe_would_not_give_is_noticed(
    fake: StripeFake, client: Client, customer: stripe.Customer
) -> None:
    fake.account.find("customer", customer.id)["created"] = "yesterday"
    client.v1.customers.update(customer.id, {"name": "Ada"})
    answer, event = sorted(fake.broken)
    assert "created: 'yesterday' is not of type 'integer'" in answer
    assert event.startswith("customer.updated")
    fake.broken.clear()


@described
def test_a_long_run_may_leave_its_answers_unchecked() -> None:
    quick = StripeFake(checks_answers=False)
    with serving(quick), official_client(quick) as client:
        customer = client.v1.customers.create()
        quick.account.find("customer", customer.id)["created"] = "yesterday"
        assert client.v1.customers.retrieve(customer.id).id == customer.id


@described
def test_every_object_has_the_fields_of_the_newest_version(
    fake: StripeFake, client: Client, customer: stripe.Customer
) -> None:
    """Stripe's own sample objects of 2026 name every field that an object has."""
    paid = buy(client, "pm_card_createDispute", customer=customer.id)
    other = buy(client, "pm_card_visa")
    client.v1.refunds.create({"payment_intent": other.id})
    fake.checkout(top_up(client).id)
    client.v1.setup_intents.create({"customer": customer.id})
    client.v1.billing_portal.sessions.create({"customer": customer.id})
    client.v1.billing.meters.create(
        {"display_name": "x", "event_name": "x", "default_aggregation": {"formula": "sum"}}
    )
    fake.endpoint("https://shop.example")
    samples = json.loads(openapi.FIXTURES.read_bytes())["resources"]
    kinds = [
        *("customer", "payment_intent", "charge", "payment_method", "setup_intent", "refund"),
        *("dispute", "event", "balance_transaction", "checkout.session", "price", "product"),
        *("billing_portal.session", "billing.meter", "webhook_endpoint"),
    ]
    strange = {
        kind: set(fake.all(kind)[0]) - set(samples[kind]) - {SECRET} - OLDER.get(kind, set())
        for kind in kinds
    }
    assert {kind: names for kind, names in strange.items() if names} == {}
    assert paid.status == "succeeded"


def test_without_the_description_calls_still_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, fake: StripeFake, client: Client
) -> None:
    caches = (
        openapi.operation,
        openapi._description,
        openapi._components,
        openapi._answer_validator,
        openapi._object_validator,
        openapi._spellings,
    )
    monkeypatch.setattr(openapi, "DESCRIPTION", tmp_path / "absent.yaml")
    for each in caches:
        each.cache_clear()
    try:
        assert not openapi.present()
        assert client.v1.customers.create({"name": "Ada"}).name == "Ada"
        with pytest.raises(stripe.InvalidRequestError) as refused:
            client.v1.customers.create({"nickname": "ada"})
        assert refused.value.code == "parameter_unknown"
        with pytest.raises(stripe.InvalidRequestError) as refused:
            client.v1.payment_intents.create({"amount": 1000})
        assert refused.value.code == "parameter_missing"
    finally:
        for each in caches:
            each.cache_clear()


def test_a_price_in_passing_is_named_as_it_was_asked(fake: StripeFake) -> None:
    params = Params({"currency": "usd", "unit_amount": "5"}, "line_items[0][price_data]")
    with pytest.raises(Exception, match=r"line_items\[0\]\[price_data\]\[product\]"):
        new_price(fake.account, params)
