"""Which function answers which call."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.stripe_fake.forms import Params

if TYPE_CHECKING:
    from tests.stripe_fake.account import Account

Handler = Callable[["Account", "Call"], dict[str, Any]]


@dataclass(frozen=True)
class Call:
    """One request, read."""

    id: str
    method: str
    path: str
    params: Params
    idempotency_key: str | None = None
    ids: dict[str, str] = field(default_factory=dict)
    """The parts of the path that are ids, by their name in the template."""


@dataclass(frozen=True)
class Route:
    """A call that the fake serves, and the parameters it understands there."""

    method: str
    template: str
    takes: frozenset[str]
    handler: Handler

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """The ids in the path, if it is this route's."""
        if method != self.method:
            return None
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.template)
        found = re.fullmatch(pattern, path)
        return found.groupdict() if found else None


ROUTES: list[Route] = []
PAGE = "limit starting_after ending_before"


def route(method: str, template: str, takes: str = "") -> Callable[[Handler], Handler]:
    """Serve a call; a parameter that is not named in `takes` is refused, never ignored."""

    def serve(handler: Handler) -> Handler:
        names = frozenset(takes.split()) | {"expand"}
        ROUTES.append(Route(method, template, names, handler))
        return handler

    return serve


def route_of(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The route that serves this call."""
    for each in ROUTES:
        ids = each.match(method, path)
        if ids is not None:
            return each, ids
    return None
