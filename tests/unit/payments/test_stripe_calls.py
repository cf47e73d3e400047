"""Every call that our code makes of Stripe is one that the fake answers and Stripe describes."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from anneal.kernel.ids import uuid7
from billing.payments.contracts import ChargeWanted, MeterEventWanted, SessionWanted
from billing.payments.provider.stripe import StripeProvider, stripe_provider
from tests.stripe_fake import StripeFake, openapi
from tests.stripe_fake.routing import route_of
from tests.stripe_fake.service import Reply, Request
from tests.unit.payments.metered import EVENT, make_meter
from tests.unit.payments.stripe_calls import (
    HOME,
    attributes_of_stripe,
    calls_made,
    doors,
    importers,
    route_of_call,
)

ASKS_NOTHING = {"RequestsClient", "StripeClient", "WebhookSignature"}


def shape(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)


def test_only_the_provider_speaks_with_stripe_and_through_one_door() -> None:
    assert {path.parent for path in importers()} == {HOME}
    errors = {name for name in attributes_of_stripe() if name.endswith("Error")}
    assert attributes_of_stripe() - errors <= ASKS_NOTHING
    assert doors() == ["client.v1"]


@pytest.mark.skipif(not openapi.present(), reason=openapi.ABSENT)
@pytest.mark.parametrize("call", sorted(calls_made()))
def test_a_call_of_ours_is_one_that_stripe_describes(call: str) -> None:
    assert openapi.operation(*route_of_call(call)) is not None


def test_the_fake_answers_the_official_client_in_every_call_that_our_code_makes(
    fake: StripeFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered: set[tuple[str, str]] = set()
    answer = fake.service.answer

    def listening(request: Request, *more: Any) -> Reply:
        reply = answer(request, *more)
        found = route_of(request.method, request.target.partition("?")[0])
        if found is not None and reply.status == 200:
            answered.add((request.method, shape(found[0].template)))
        return reply

    monkeypatch.setattr(fake.service, "answer", listening)
    make_meter(fake)
    answered.clear()
    provider = stripe_provider()

    customer = sell(provider, fake)
    pay(provider, fake, customer)
    count(provider, fake, customer)

    made = {(method, shape(path)) for method, path in map(route_of_call, calls_made())}
    assert answered == made


def page(customer: str, amount_minor: int = 0) -> SessionWanted:
    return SessionWanted(
        customer=customer,
        success_url="https://shop.example/done",
        cancel_url="https://shop.example/back",
        key=uuid4().hex,
        checkout_id=uuid7(),
        attempt_id=uuid7() if amount_minor else None,
        amount_minor=amount_minor,
        currency="USD",
        label="Credit",
    )


def sell(provider: StripeProvider, fake: StripeFake) -> str:
    """Open pages, and let one save a card; the customer."""
    customer = provider.customer_make(name="Acme", organization="org_1", key="customer")
    saving = provider.session_open(page(customer))
    fake.checkout(saving.ref, payment_method="pm_card_visa")
    assert provider.session_read(saving.ref).state == "complete"
    buying = provider.session_open(page(customer, 5000))
    assert provider.session_expire(buying.ref).state == "expired"
    assert provider.portal_open(customer=customer, return_url="https://shop.example/back")
    return customer


def pay(provider: StripeProvider, fake: StripeFake, customer: str) -> None:
    """Charge the card, send a part back, dispute the rest, and remove the card."""
    (card,) = provider.cards(customer)
    provider.card_default(customer=customer, card=card.ref)
    wanted = ChargeWanted(customer, card.ref, 2000, "USD", "charge", uuid7(), "Invoice")
    paid = provider.charge(wanted)
    assert provider.intent_read(paid.ref).card is not None
    back = provider.refund(
        intent=paid.ref, amount_minor=500, currency="USD", key="back", refund_id=uuid7()
    )
    assert provider.refund_read(back.ref) == back
    dispute = fake.dispute(fake.all("charge")[-1]["id"], amount=1500)
    assert provider.dispute_read(dispute["id"]).intent == paid.ref
    assert [each.ref for each in provider.intents_since(None)] == [paid.ref]
    assert [each.ref for each in provider.refunds_since(None)] == [back.ref]
    assert [each.ref for each in provider.disputes_since(None)] == [dispute["id"]]
    assert list(provider.events_since(fake.clock.now - timedelta(days=1)))
    provider.card_remove(card.ref)


def count(provider: StripeProvider, fake: StripeFake, customer: str) -> None:
    """Tell a meter of an hour, and read what it has counted."""
    at = fake.clock.now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    provider.meter_tell(MeterEventWanted(customer, EVENT, Decimal(7), at, "hour", "hour"))
    assert provider.meter_counted(event_name=EVENT, customer=customer, hour=at) == 7
