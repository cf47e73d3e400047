"""Lists: cursors, the span of `created`, `has_more`."""

from typing import Any

from tests.stripe_fake.account import Object
from tests.stripe_fake.errors import InvalidParameter, missing
from tests.stripe_fake.forms import Params
from tests.stripe_fake.routing import Call

LARGEST = 100
USUAL = 10


def page(call: Call, things: list[Object]) -> dict[str, Any]:
    """The page of `things` (newest first) that the call asks for."""
    params = call.params
    asked = params.integer("limit")
    limit = USUAL if asked is None else asked
    if not 1 <= limit <= LARGEST:
        raise InvalidParameter(
            f"Invalid limit: must be between 1 and {LARGEST}",
            code="parameter_invalid_integer",
            param="limit",
        )
    things = [each for each in things if _in_span(params, each)]
    after, before = params.text("starting_after"), params.text("ending_before")
    if after and before:
        raise InvalidParameter(
            "You may only specify one of these parameters: ending_before, starting_after.",
            code="parameters_exclusive",
        )
    if before:
        newer = things[: _place(things, before, "ending_before")]
        return _list(call, newer[-limit:], has_more=len(newer) > limit)
    older = things[_place(things, after, "starting_after") + 1 :] if after else things
    return _list(call, older[:limit], has_more=len(older) > limit)


def list_of(url: str, things: list[Object], *, has_more: bool = False) -> dict[str, Any]:
    """A list as Stripe writes it."""
    return {"object": "list", "data": things, "has_more": has_more, "url": url}


def _list(call: Call, things: list[Object], *, has_more: bool) -> dict[str, Any]:
    return list_of(call.path, things, has_more=has_more)


def _place(things: list[Object], wanted: str, param: str) -> int:
    for place, each in enumerate(things):
        if each["id"] == wanted:
            return place
    raise missing(things[0]["object"] if things else "object", wanted, param=param, status=400)


def _in_span(params: Params, thing: Object) -> bool:
    if "created" not in params:
        return True
    if not isinstance(params.values["created"], dict):
        return bool(thing["created"] == params.integer("created"))
    span, created = params.inside("created", "gt gte lt lte"), thing["created"]
    bounds = {name: span.integer(name) for name in ("gt", "gte", "lt", "lte")}
    tests = {
        "gt": lambda bound: created > bound,
        "gte": lambda bound: created >= bound,
        "lt": lambda bound: created < bound,
        "lte": lambda bound: created <= bound,
    }
    return all(bound is None or tests[name](bound) for name, bound in bounds.items())
