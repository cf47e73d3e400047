"""Meters: what is counted for billing at Stripe, and the sums of it."""

from tests.stripe_fake.account import Account, Object, owned
from tests.stripe_fake.errors import InvalidRequest
from tests.stripe_fake.pages import page
from tests.stripe_fake.resources.meter_events import counted
from tests.stripe_fake.routing import PAGE, Call, route

WINDOWS = {"hour": 3600, "day": 24 * 3600}
MINUTE = 60
KEY = "event_payload_key"


@route(
    "POST",
    "/v1/billing/meters",
    "display_name event_name event_time_window default_aggregation customer_mapping value_settings",
)
def create(account: Account, call: Call) -> Object:
    """Create a meter; no other active one may count the same events."""
    params = call.params
    event_name = params.need("event_name")
    if owned(account.all("billing.meter"), event_name=event_name, status="active"):
        raise InvalidRequest(
            f"There is already an active meter with the event name {event_name}.",
            param="event_name",
        )
    now = account.clock.seconds
    customer = params.inside("customer_mapping", f"{KEY} type").text(KEY)
    value = params.inside("value_settings", KEY).text(KEY)
    return account.add(
        {
            "id": account.new_id("mtr_test"),
            "object": "billing.meter",
            "created": now,
            "customer_mapping": {
                "event_payload_key": customer or "stripe_customer_id",
                "type": "by_id",
            },
            "default_aggregation": {
                "formula": params.inside("default_aggregation", "formula").need("formula")
            },
            "display_name": params.need("display_name"),
            "event_name": event_name,
            "event_time_window": params.text("event_time_window"),
            "livemode": False,
            "status": "active",
            "status_transitions": {"deactivated_at": None},
            "updated": now,
            "value_settings": {"event_payload_key": value or "value"},
        }
    )


@route("GET", "/v1/billing/meters", f"{PAGE} status")
def list_all(account: Account, call: Call) -> Object:
    """List meters."""
    return page(call, owned(account.all("billing.meter"), status=call.params.text("status")))


@route("GET", "/v1/billing/meters/{id}")
def retrieve(account: Account, call: Call) -> Object:
    """Retrieve a meter."""
    return account.find("billing.meter", call.ids["id"])


@route("POST", "/v1/billing/meters/{id}", "display_name")
def update(account: Account, call: Call) -> Object:
    """Rename a meter; nothing else of it can be changed."""
    meter = account.find("billing.meter", call.ids["id"])
    name = call.params.text("display_name") or meter["display_name"]
    account.change(meter, display_name=name, updated=account.clock.seconds)
    return meter


@route("POST", "/v1/billing/meters/{id}/deactivate")
def deactivate(account: Account, call: Call) -> Object:
    """Let a meter count no more."""
    return _switch(account, call, "inactive", {"deactivated_at": account.clock.seconds})


@route("POST", "/v1/billing/meters/{id}/reactivate")
def reactivate(account: Account, call: Call) -> Object:
    """Let a meter count again."""
    return _switch(account, call, "active", {"deactivated_at": None})


@route(
    "GET",
    "/v1/billing/meters/{id}/event_summaries",
    f"{PAGE} customer start_time end_time value_grouping_window",
)
def summaries(account: Account, call: Call) -> Object:
    """The sums of a customer's events, whole or by hour or day, newest first."""
    params = call.params
    meter = account.find("billing.meter", call.ids["id"])
    start, end = params.need_integer("start_time"), params.need_integer("end_time")
    window = WINDOWS.get(params.text("value_grouping_window") or "", end - start)
    if start % MINUTE or end % MINUTE or end <= start:
        raise InvalidRequest("start_time and end_time must be whole minutes, in order.")
    customer = params.need("customer")
    return page(
        call,
        [
            _summary(meter, customer, begin, begin + window, counted(account, meter, customer))
            for begin in reversed(range(start, end, window))
        ],
    )


def _summary(meter: Object, customer: str, start: int, end: int, events: list[Object]) -> Object:
    inside = [each for each in events if start <= each["timestamp"] < end]
    key = meter["value_settings"]["event_payload_key"]
    values = [float(each["payload"].get(key, "1")) for each in inside]
    formula = meter["default_aggregation"]["formula"]
    figure = {"sum": sum(values), "count": len(values), "last": values[-1] if values else 0}
    return {
        "id": f"mtrusg_test_{meter['id'][-6:]}_{customer[-6:]}_{start}",
        "object": "billing.meter_event_summary",
        "aggregated_value": figure[formula],
        "end_time": end,
        "livemode": False,
        "meter": meter["id"],
        "start_time": start,
    }


def _switch(account: Account, call: Call, status: str, transitions: Object) -> Object:
    meter = account.find("billing.meter", call.ids["id"])
    if meter["status"] == status:
        raise InvalidRequest(f"This meter is already {status}.")
    now = account.clock.seconds
    account.change(meter, status=status, status_transitions=transitions, updated=now)
    return meter
