"""The calls that the fake serves, a module for each of Stripe's objects."""

from tests.stripe_fake.resources import (
    balance,
    catalogue,
    charges,
    checkout,
    customers,
    disputes,
    events,
    meter_events,
    meters,
    payment_intents,
    payment_methods,
    portal,
    refunds,
    setup_intents,
    webhook_endpoints,
)

__all__ = [
    "balance",
    "catalogue",
    "charges",
    "checkout",
    "customers",
    "disputes",
    "events",
    "meter_events",
    "meters",
    "payment_intents",
    "payment_methods",
    "portal",
    "refunds",
    "setup_intents",
    "webhook_endpoints",
]
