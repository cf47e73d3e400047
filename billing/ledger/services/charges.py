"""Usage that happened without a hold, such as stored bytes: counted, and charged where possible."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID, uuid5

from django.db import transaction

from anneal.kernel.scopes import ScopeError, current_scope
from billing.ledger import functions
from billing.metering.contracts import UsageEventNew
from billing.metering.errors import UsageBatchTooLarge
from billing.metering.services import usage_check, usage_ingest

MOST: Final = 1_000
_TTL_SECONDS: Final = 600
_TAKEN: Final = frozenset({"accepted", "duplicate"})
_SETTLED: Final = frozenset({"captured", "duplicate"})


def usage_charge(*, events: Sequence[UsageEventNew]) -> int:
    """Count events of any organizations, in an open system scope; return how many have a hold.

    Grants pay first, then money at the price, as everywhere. What happened already cannot be
    refused: budgets count it, and they, parking and suspension let it through. What neither grants
    nor money cover stands as ``uncovered`` in its hold: money where a price is reachable, else
    units. Without a grant and without any price of its meter nothing is owed, and an event is only
    counted. An event is counted and charged once, by its name. At most `MOST` at a time.
    Raises UsageInvalid, UsageConflict, UsageBatchTooLarge; then nothing is counted or charged.
    """
    scope = current_scope()
    if scope is None or scope.organization is not None:
        raise ScopeError("usage_charge counts for many organizations: open a system scope.")
    if len(events) > MOST:
        raise UsageBatchTooLarge(f"At most {MOST:,} events at once: send several batches.")
    usage_check(events=events)
    # A savepoint: whoever catches a refusal finds nothing taken.
    with transaction.atomic():
        return _charge(events)


def _charge(events: Sequence[UsageEventNew]) -> int:
    named: dict[UUID, UsageEventNew] = {}
    for event in events:
        named.setdefault(_hold_id(event), event)
    codes = functions.holds_take([_request(hold_id, event) for hold_id, event in named.items()])
    taken = [hold for hold, code in zip(named, codes, strict=True) if code in _TAKEN]
    settled = functions.holds_settle([_settlement(hold, named[hold]) for hold in taken])
    paid = {hold for hold, code in zip(taken, settled, strict=True) if code in _SETTLED}
    # Counted without charge before: what was set aside for it now goes back.
    functions.holds_settle([_release(hold, named[hold]) for hold in taken if hold not in paid])
    # Those paid too: they are known by now, and another content under their name is told.
    usage_ingest(events=events)
    return len(paid)


def _hold_id(event: UsageEventNew) -> UUID:
    return uuid5(event.organization_id, f"usage:{event.source}:{event.event_id}")


def _request(hold_id: UUID, event: UsageEventNew) -> dict[str, Any]:
    return {
        "organization_id": event.organization_id,
        "hold_id": hold_id,
        "unit": event.meter,
        "amount": event.units,
        "ttl_seconds": _TTL_SECONDS,
        "source": event.source,
        "dims": event.dims,
        "api_key_id": event.api_key_id,
        "happened": True,
    }


def _settlement(hold_id: UUID, event: UsageEventNew) -> dict[str, Any]:
    return {
        "hold_id": hold_id,
        "organization_id": event.organization_id,
        "captured": event.units,
        "event_id": event.event_id,
        "source": event.source,
        "model": event.model,
        "deployment_id": event.deployment_id,
        "api_key_id": event.api_key_id,
        "occurred_at": event.occurred_at,
        "dims": event.dims,
    }


def _release(hold_id: UUID, event: UsageEventNew) -> dict[str, Any]:
    return {"hold_id": hold_id, "organization_id": event.organization_id, "captured": 0}
