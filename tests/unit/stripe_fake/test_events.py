import pytest
import stripe

from tests.stripe_fake import StripeFake
from tests.unit.stripe_fake.acts import buy

Client = stripe.StripeClient


def test_an_event_holds_the_object_as_it_was(fake: StripeFake, client: Client) -> None:
    customer = client.v1.customers.create({"name": "Ada"}, {"idempotency_key": "key_1"})
    client.v1.customers.update(customer.id, {"name": "Eve"})
    second, first = client.v1.events.list()
    assert (first.type, first.data.object.name) == ("customer.created", "Ada")
    assert (second.type, second.data.object.name) == ("customer.updated", "Eve")
    assert first.request.idempotency_key == "key_1"
    assert first.api_version == "2026-10-28.endive"
    assert client.v1.events.retrieve(first.id).data.object.name == "Ada"


def test_events_since_a_cursor_are_found_in_order(fake: StripeFake, client: Client) -> None:
    for name in ("a", "b", "c"):
        client.v1.customers.create({"name": name})
        fake.advance(minutes=1)
    start = fake.clock.seconds - 150
    found = client.v1.events.list({"created": {"gte": start}, "limit": 1}).auto_paging_iter()
    assert [each.data.object.name for each in found] == ["c", "b"]
    assert list(client.v1.events.list({"created": {"gt": start, "lt": start}})) == []


def test_events_are_chosen_by_type(client: Client) -> None:
    buy(client, "pm_card_visa")
    client.v1.customers.create()
    one = client.v1.events.list({"type": "charge.succeeded"})
    family = client.v1.events.list({"type": "payment_intent.*"})
    some = client.v1.events.list({"types": ["customer.created", "charge.succeeded"]})
    assert [each.type for each in one] == ["charge.succeeded"]
    assert [each.type for each in family] == [
        "payment_intent.succeeded",
        "payment_intent.created",
    ]
    assert [each.type for each in some] == ["customer.created", "charge.succeeded"]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.events.list({"type": "charge.succeeded", "types": ["charge.succeeded"]})
    assert refused.value.code == "parameters_exclusive"


def test_events_are_kept_for_thirty_days(fake: StripeFake, client: Client) -> None:
    client.v1.customers.create()
    (event,) = client.v1.events.list()
    fake.advance(days=31)
    assert list(client.v1.events.list()) == []
    with pytest.raises(stripe.InvalidRequestError, match="No such event"):
        client.v1.events.retrieve(event.id)
