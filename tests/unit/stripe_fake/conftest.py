"""A fake whose time stands still, and the official client that talks to it."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import stripe

from tests.stripe_fake import StripeFake, serving
from tests.stripe_fake.official import official_client
from tests.stripe_fake.receiver import Receiver, receiving

START = datetime(2026, 10, 31, 12, tzinfo=UTC)


@pytest.fixture
def fake() -> Iterator[StripeFake]:
    """A Stripe account on the last day of October."""
    with serving(StripeFake(now=START, seed=7)) as fake:
        yield fake


@pytest.fixture
def client(fake: StripeFake) -> Iterator[stripe.StripeClient]:
    """The official client; it repeats nothing by itself."""
    with official_client(fake) as client:
        yield client


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of webhooks."""
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def customer(client: stripe.StripeClient) -> stripe.Customer:
    """A customer with nothing saved."""
    return client.v1.customers.create({"email": "ada@example.com"})


@pytest.fixture
def saved_card(client: stripe.StripeClient, customer: stripe.Customer) -> stripe.PaymentMethod:
    """The customer's saved card."""
    return client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
