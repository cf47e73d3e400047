"""Counting in bulk: one statement per batch, all of it or nothing."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from anneal.kernel import clock
from anneal.kernel.scopes import ScopeError, current_scope
from billing.metering.contracts import UsageEventNew, UsageIngested, UsageRefusal
from billing.metering.errors import UsageBatchTooLarge, UsageConflict, UsageInvalid
from billing.prices.models import Meter
from tenants.accounts.models import Organization

MOST: Final = 10_000
LATEST: Final = timedelta(days=35)
"""How old an event may be when it comes."""
AHEAD: Final = timedelta(minutes=5)
"""How far two clocks may be apart."""
_LARGEST: Final = Decimal(10) ** 15
_STEP: Final = Decimal("0.000000000001")
_SOURCE, _NAME, _MODEL = 50, 200, 200
_JSON: Final = json.JSONEncoder(allow_nan=False, ensure_ascii=False).encode
"""Writes dims as they are checked and as they are kept."""

_RECORD: Final = """
SELECT r.item, r.code FROM usage_record(ARRAY(
  SELECT ROW(NULL, i.organization_id, i.source, i.event_id, i.meter, i.units, i.model,
             i.deployment_id, i.api_key_id, i.occurred_at, NULL, i.dims)::usage_item
  FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::numeric[], %s::text[],
              %s::uuid[], %s::uuid[], %s::timestamptz[], %s::jsonb[])
       WITH ORDINALITY AS i (organization_id, source, event_id, meter, units, model,
                             deployment_id, api_key_id, occurred_at, dims, n)
  ORDER BY i.n), %s) r
"""


def usage_ingest(*, events: Sequence[UsageEventNew]) -> UsageIngested:
    """Count a batch of events of any organizations, in an open system scope.

    An event that was counted before, under the same name and with the same content, is accepted
    and not counted again, whatever moment it carries now. One up to 35 days late is taken: while
    the billing period it occurred in is open it counts there, afterwards in the one that runs.
    Raises UsageInvalid, UsageConflict (both name every item at fault), UsageBatchTooLarge; then
    nothing of the batch is counted.
    """
    scope = current_scope()
    if scope is None or scope.organization is not None:
        raise ScopeError("usage_ingest counts for many organizations: open a system scope.")
    if len(events) > MOST:
        raise UsageBatchTooLarge
    if not events:
        return UsageIngested(0, 0)
    usage_check(events=events)
    # A savepoint: whoever catches the conflict goes on in a clean transaction.
    with transaction.atomic():
        known = _record(events, clock.now())
        conflicts = [
            UsageRefusal(number - 1, code, f"'{events[number - 1].event_id[:80]}' was counted")
            for number, code in known
            if code == "conflict"
        ]
        if conflicts:
            raise UsageConflict(conflicts)
    return UsageIngested(counted=len(events) - len(known), known=len(known))


def usage_check(*, events: Sequence[UsageEventNew]) -> None:
    """Refuse a batch with an event that cannot be counted. System scope. Raises UsageInvalid."""
    now = clock.now()
    meters = frozenset(Meter.objects.values_list("code", flat=True))
    named = {event.organization_id for event in events}
    known_ids = frozenset(Organization.objects.filter(id__in=named).values_list("id", flat=True))
    refusals = [
        UsageRefusal(index, code, message)
        for index, event in enumerate(events)
        for code, message in _faults(event, known_ids, meters, now)
    ]
    if refusals:
        raise UsageInvalid(refusals)


def _record(events: Sequence[UsageEventNew], now: datetime) -> list[tuple[int, str]]:
    columns: list[Any] = [
        [event.organization_id for event in events],
        [event.source for event in events],
        [event.event_id for event in events],
        [event.meter for event in events],
        [event.units for event in events],
        [event.model for event in events],
        [event.deployment_id for event in events],
        [event.api_key_id for event in events],
        [event.occurred_at for event in events],
        [_JSON(event.dims) for event in events],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, [*columns, now])
        return list(cursor.fetchall())


def _faults(
    event: UsageEventNew,
    organizations: frozenset[UUID],
    meters: frozenset[str],
    now: datetime,
) -> Iterator[tuple[str, str]]:
    if event.organization_id not in organizations:
        yield "organization_unknown", f"there is no organization {event.organization_id}"
    if not _countable(event.units):
        yield "amount_invalid", "units must be above 0, at most 10^15, with at most 12 decimals"
    if event.meter not in meters:
        yield "meter_unknown", f"nothing is counted as '{event.meter[:50]}'"
    for name, value, least, most in (
        ("source", event.source, 1, _SOURCE),
        ("event_id", event.event_id, 1, _NAME),
        ("model", event.model, 0, _MODEL),
    ):
        if not least <= len(value) <= most or "\0" in value:
            yield "name_invalid", f"{name} must have {least} to {most} characters, none of them NUL"
    if event.dims and not _kept(event.dims):
        yield "dims_invalid", "dims must be JSON, without NaN, infinite numbers and NUL characters"
    if event.occurred_at.tzinfo is None:
        yield "time_invalid", "occurred_at needs a time zone"
    elif event.occurred_at > now + AHEAD:
        yield "time_in_future", f"occurred_at is more than 5 minutes ahead of {now:%Y-%m-%d %H:%M}"
    elif event.occurred_at < now - LATEST:
        oldest = (now - LATEST).astimezone(UTC)
        yield (
            "time_too_old",
            f"occurred_at is more than 35 days ago, before {oldest:%Y-%m-%d %H:%M}",
        )


def _kept(dims: dict[str, Any]) -> bool:
    """Whether Postgres keeps it: jsonb has no NaN, no U+0000 and no half of a pair."""
    try:
        text = _JSON(dims)
        text.encode()
    except (TypeError, ValueError):
        return False
    return "\\u0000" not in text.replace("\\\\", "")


def _countable(units: object) -> bool:
    return (
        isinstance(units, Decimal)
        and units.is_finite()
        and 0 < units <= _LARGEST
        and (units == units.to_integral_value() or units.quantize(_STEP) == units)
    )
