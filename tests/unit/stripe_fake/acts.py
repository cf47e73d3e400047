"""What many tests do with the client."""

import time
from collections.abc import Callable
from typing import Any

import stripe

from tests.stripe_fake import StripeFake


def collect(
    client: stripe.StripeClient, customer: str, payment_method: str, **more: Any
) -> stripe.PaymentIntent:
    """Collect ten dollars off session."""
    return client.v1.payment_intents.create(
        {
            "amount": 1000,
            "currency": "usd",
            "customer": customer,
            "payment_method": payment_method,
            "payment_method_types": ["card"],
            "off_session": True,
            "confirm": True,
            **more,
        }
    )


def buy(client: stripe.StripeClient, payment_method: str, **more: Any) -> stripe.PaymentIntent:
    """Pay ten dollars on session, with a test card that nobody saved."""
    return client.v1.payment_intents.create(
        {
            "amount": 1000,
            "currency": "usd",
            "payment_method": payment_method,
            "payment_method_types": ["card"],
            "confirm": True,
            **more,
        }
    )


def top_up(client: stripe.StripeClient, **more: Any) -> stripe.checkout.Session:
    """Open a Checkout session that sells one thing for ten dollars."""
    price = {"currency": "usd", "unit_amount": 1000, "product_data": {"name": "Credit"}}
    return client.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "success_url": "https://shop.example/done",
            "cancel_url": "https://shop.example/back",
            "line_items": [{"quantity": 1, "price_data": price}],
            **more,
        }
    )


def types(fake: StripeFake) -> list[str]:
    """The types of all events so far, oldest first."""
    return [each["type"] for each in fake.all("event")]


def wait_for(happened: Callable[[], object]) -> None:
    """Wait, generously, for what must happen."""
    deadline = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < deadline, "It did not happen."
        time.sleep(0.01)
