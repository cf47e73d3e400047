"""Events: what happened, for thirty days."""

from tests.stripe_fake.account import Account, Object
from tests.stripe_fake.errors import InvalidParameter, missing
from tests.stripe_fake.pages import page
from tests.stripe_fake.routing import PAGE, Call, route

KEPT = 30 * 24 * 3600


@route("GET", "/v1/events", f"{PAGE} created type types delivery_success")
def list_all(account: Account, call: Call) -> Object:
    """List events, newest first; `type` may end in `.*`."""
    params = call.params
    if "type" in params and "types" in params:
        raise InvalidParameter(
            "You may only specify one of these parameters: type, types.",
            code="parameters_exclusive",
        )
    wanted = [params.need("type")] if "type" in params else params.texts("types")
    delivered = params.boolean("delivery_success")
    events = [
        each
        for each in _kept(account)
        if (wanted is None or any(_of_type(each, type_) for type_ in wanted))
        and (delivered is None or delivered == (each["pending_webhooks"] == 0))
    ]
    return page(call, events)


@route("GET", "/v1/events/{id}")
def retrieve(account: Account, call: Call) -> Object:
    """Retrieve an event."""
    event = account.find("event", call.ids["id"])
    if event["created"] < account.clock.seconds - KEPT:
        raise missing("event", event["id"], param="id", status=404)
    return event


def _kept(account: Account) -> list[Object]:
    oldest = account.clock.seconds - KEPT
    return [each for each in account.all("event") if each["created"] >= oldest]


def _of_type(event: Object, wanted: str) -> bool:
    if wanted.endswith("*"):
        return bool(event["type"].startswith(wanted[:-1]))
    return bool(event["type"] == wanted)
