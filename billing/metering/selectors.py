"""Questions to the usage: hourly sums answer where they are whole, the events for the rest."""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import connection

from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.metering.contracts import (
    UsageBucket,
    UsageEventInfo,
    UsagePage,
    UsageResult,
    UsageSum,
    UsageSummary,
)
from billing.metering.errors import UsageEventUnknown
from billing.metering.models import EPOCH, UsageEvent

GROUPS: Final = frozenset({"model", "api_key_id", "deployment_id", "meter"})
_HOUR: Final = timedelta(hours=1)

_SUMMARY: Final = """
SELECT (u.at AT TIME ZONE 'UTC')::date, u.api_key_id, u.deployment_id, u.model, u.meter,
       sum(u.units),
       GROUPING((u.at AT TIME ZONE 'UTC')::date), GROUPING(u.api_key_id),
       GROUPING(u.deployment_id), GROUPING(u.model)
FROM usage_between(%s, %s, %s) u
GROUP BY GROUPING SETS ((u.meter), ((u.at AT TIME ZONE 'UTC')::date, u.meter),
                        (u.api_key_id, u.meter), (u.deployment_id, u.meter), (u.model, u.meter))
ORDER BY 1, 5, 6 DESC, 2, 3, 4
"""


def usage_buckets(
    *,
    organization: OrganizationRef,
    start: datetime,
    end: datetime,
    width: timedelta,
    group_by: Collection[str],
    limit: int,
) -> UsagePage:
    """Sum usage of ``[start, end)`` in buckets of ``width`` aligned to the epoch, in UTC.

    Sums are always apart by meter: units of different meters do not add up. Buckets without usage
    are listed, empty; at most ``limit`` of them.
    """
    require_scope(organization)
    first = EPOCH + (start - EPOCH) // width * width
    whole = -((first - end) // width)
    count = min(limit, whole)
    until = min(end, first + count * width)
    fields = ["meter", *sorted(GROUPS & set(group_by) - {"meter"})]
    names = ", ".join(f"u.{name}" for name in fields)  # of GROUPS alone, none from a caller
    statement = (
        f"SELECT date_bin(%s, u.at, %s) AS bucket, {names}, sum(u.units)"  # noqa: S608 # see above
        f" FROM usage_between(%s, %s, %s, %s) u GROUP BY bucket, {names} ORDER BY bucket, {names}"
    )
    found: dict[datetime, list[UsageResult]] = {}
    with connection.cursor() as cursor:
        values: list[Any] = [
            width,
            EPOCH,
            organization.id,
            start,
            until,
            width % _HOUR == timedelta(),
        ]
        cursor.execute(statement, values)
        for bucket, *row, total in cursor.fetchall():
            result = _result(dict(zip(fields, row, strict=True)), total)
            found.setdefault(bucket.astimezone(UTC), []).append(result)
    starts = [first + width * number for number in range(count)]
    buckets = tuple(
        UsageBucket(begin, min(begin + width, end), tuple(found.get(begin, ()))) for begin in starts
    )
    return UsagePage(buckets, first + count * width if whole > count else None)


def usage_summary(*, organization: OrganizationRef, start: datetime, end: datetime) -> UsageSummary:
    """Sum usage of ``[start, end)`` by day (UTC), key, deployment and model, in one statement."""
    require_scope(organization)
    parts: dict[str, list[UsageSum]] = {
        name: [] for name in ("total", "by_day", "by_key", "by_deployment", "by_model")
    }
    with connection.cursor() as cursor:
        cursor.execute(_SUMMARY, [organization.id, start, end])
        for day, key, deployment, model, meter, units, *absent in cursor.fetchall():
            part, of = _cut(absent, day, key, deployment, model)
            parts[part].append(UsageSum(of, meter, units))
    return UsageSummary(**{name: tuple(sums) for name, sums in parts.items()})


def usage_event_get(*, organization: OrganizationRef, event_id: UUID) -> UsageEventInfo:
    """Return one usage event by its id, such as a prediction's. Raises UsageEventUnknown."""
    require_scope(organization)
    row = UsageEvent.objects.filter(organization_id=organization.id, id=event_id).first()
    if row is None:
        raise UsageEventUnknown
    return UsageEventInfo(
        id=row.id,
        source=row.source,
        event_id=row.event_id,
        meter=row.meter,
        units=row.units,
        model=row.model,
        deployment_id=row.deployment_id,
        api_key_id=row.api_key_id,
        occurred_at=row.occurred_at,
        dims=row.dims,
    )


def _cut(
    absent: list[int], day: date, key: UUID | None, deployment: UUID | None, model: str
) -> tuple[str, date | UUID | str | None]:
    """Say which way a row of the grouping sets is cut: what is grouped by is not absent."""
    ways: tuple[tuple[str, date | UUID | str | None], ...] = (
        ("by_day", day),
        ("by_key", key),
        ("by_deployment", deployment),
        ("by_model", model),
    )
    for (name, of), missing in zip(ways, absent, strict=True):
        if not missing:
            return name, of
    return "total", None


def _result(row: dict[str, Any], total: Decimal) -> UsageResult:
    return UsageResult(
        meter=row["meter"],
        units=total,
        model=row.get("model"),
        api_key_id=row.get("api_key_id"),
        deployment_id=row.get("deployment_id"),
    )
