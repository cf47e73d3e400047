"""Stripe's meters: what is counted there, and what it refuses because it has it."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import stripe

from billing.payments.contracts import MeterEventWanted
from billing.payments.errors import ProviderRefused


def event_create(billing: Any, wanted: MeterEventWanted) -> None:
    """Create a meter event, for a meter that reads its usual keys."""
    billing.meter_events.create(
        {
            "event_name": wanted.event_name,
            "identifier": wanted.identifier,
            "payload": {
                "stripe_customer_id": wanted.customer,
                "value": f"{wanted.units.normalize():f}",
            },
            "timestamp": int(wanted.at.timestamp()),
        },
        {"idempotency_key": wanted.key},
    )


def event_is_known(error: ProviderRefused, identifier: str) -> bool:
    """Say whether an event was refused because Stripe has it: it has no code for that."""
    told = error.__cause__
    text = str(told.user_message) if isinstance(told, stripe.InvalidRequestError) else ""
    return f"already exists with identifier {identifier}" in text


def hour_counted(billing: Any, *, event_name: str, customer: str, hour: datetime) -> Decimal:
    """Return what the active meter of an event name sums up to in an hour."""
    active = billing.meters.list({"status": "active", "limit": 100})
    meter = next((one for one in active.auto_paging_iter() if one.event_name == event_name), None)
    if meter is None:
        raise ProviderRefused(f"Stripe has no active meter of '{event_name}': make one.")
    begin = int(hour.timestamp())
    span = {"customer": customer, "start_time": begin, "end_time": begin + 3600}
    listed = billing.meters.event_summaries.list(meter.id, span)
    return sum((Decimal(str(each.aggregated_value)) for each in listed.data), Decimal(0))
