"""Meter events: each identifier counts once, and a repeated one is refused with 400."""

from decimal import Decimal, InvalidOperation
from typing import Any

from tests.stripe_fake.account import Account, Object, owned
from tests.stripe_fake.errors import InvalidRequest
from tests.stripe_fake.routing import Call, route

DAY = 24 * 3600
OLDEST = 35 * DAY
NEWEST = 5 * 60
MOST_DIGITS = 15


@route("POST", "/v1/billing/meter_events", "event_name payload identifier timestamp")
def create(account: Account, call: Call) -> Object:
    """Count something; an unknown customer is found out later and counts nothing."""
    params = call.params
    meter = _meter(account, params.need("event_name"))
    payload = params.mapping("payload")
    _checked(meter, payload)
    now = account.clock.seconds
    asked = params.integer("timestamp")
    timestamp = now if asked is None else asked
    if not now - OLDEST <= timestamp <= now + NEWEST:
        raise InvalidRequest(
            "The timestamp must be within the past 35 calendar days or up to 5 minutes in the "
            "future.",
            param="timestamp",
        )
    identifier = params.text("identifier") or account.new_id("evt")
    if now - account.identifiers.get(identifier, now - DAY) < DAY:
        raise InvalidRequest(f"An event already exists with identifier {identifier}.")
    event = {
        "object": "billing.meter_event",
        "created": now,
        "event_name": meter["event_name"],
        "identifier": identifier,
        "livemode": False,
        "payload": payload,
        "timestamp": timestamp,
    }
    account.identifiers[identifier] = now
    account.meter_events.append(event)
    return event


@route("POST", "/v1/billing/meter_event_adjustments", "event_name type cancel")
def adjust(account: Account, call: Call) -> Object:
    """Take one event back, within a day of its receipt."""
    params = call.params
    meter = _meter(account, params.need("event_name"))
    identifier = params.inside("cancel", "identifier").need("identifier")
    found = owned(account.meter_events, identifier=identifier, event_name=meter["event_name"])
    if not found or account.clock.seconds - found[-1]["created"] > DAY:
        raise InvalidRequest(
            f"No event with identifier {identifier} was received within the last 24 hours.",
            param="cancel[identifier]",
        )
    account.meter_events.remove(found[-1])
    return {
        "object": "billing.meter_event_adjustment",
        "cancel": {"identifier": identifier},
        "event_name": meter["event_name"],
        "livemode": False,
        "status": "pending",
        "type": "cancel",
    }


def counted(account: Account, meter: Object, customer: str) -> list[Object]:
    """The events of a customer that count, oldest first."""
    key = meter["customer_mapping"]["event_payload_key"]
    known = account.get("customer", customer)
    events = [
        each
        for each in owned(account.meter_events, event_name=meter["event_name"])
        if each["payload"][key] == customer
    ]
    return sorted(events, key=lambda each: each["timestamp"]) if known else []


def _meter(account: Account, event_name: str) -> Object:
    found = owned(account.all("billing.meter"), event_name=event_name, status="active")
    if not found:
        raise InvalidRequest(
            f'No active meter found for event name "{event_name}".', param="event_name"
        )
    return found[0]


def _checked(meter: Object, payload: dict[str, Any]) -> None:
    value = meter["value_settings"]["event_payload_key"]
    needed = [meter["customer_mapping"]["event_payload_key"]]
    needed += [] if meter["default_aggregation"]["formula"] == "count" else [value]
    for key in needed:
        if key not in payload:
            raise InvalidRequest(f"Missing {key} in the payload.", param=f"payload[{key}]")
    try:
        number = Decimal(payload.get(value, "1"))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise InvalidRequest(f"Invalid {value}: must be a number.", param=f"payload[{value}]")
    if len(number.normalize().as_tuple().digits) > MOST_DIGITS:
        raise InvalidRequest(
            f"The {value} in the event payload can have at most {MOST_DIGITS} digits. Received "
            f"{payload[value]}.",
            param=f"payload[{value}]",
        )
