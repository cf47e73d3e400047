"""What the world may hear of: each room registers its public events here, in `AppConfig.ready`.

Rooms above publish typed events of their own; this one turns them into facts and knows no model,
job or plan.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from anneal.kernel.events import Event, subscribe
from tenants.webhooks.contracts import TEST_EVENT, Fact
from tenants.webhooks.services.emit import fact_emit

EventType = TypeVar("EventType", bound=Event)
_types: Final[dict[str, str]] = {
    TEST_EVENT: "Somebody asked for a test; data.id is the webhook's own id."
}
_sources: Final[dict[type[Event], Callable[[Any], Fact | None]]] = {}


def public_events_register(
    event: type[EventType],
    *,
    types: Mapping[str, str],
    fact: Callable[[EventType], Fact | None],
) -> None:
    """Tell webhooks of each ``event``: what ``fact`` makes of it, in the publisher's transaction.

    ``types`` are the names it may get, each with a sentence for its readers.
    """
    _types.update(types)
    _sources[event] = fact
    subscribe(event, _announce)


def event_types() -> dict[str, str]:
    """Return every public event type with its sentence, sorted."""
    return dict(sorted(_types.items()))


def _announce(event: Event) -> None:
    fact = _sources[type(event)](event)
    if fact is None:
        return
    if fact.type not in _types:
        raise AssertionError(f"The public event type '{fact.type}' is not registered.")
    fact_emit(fact)
