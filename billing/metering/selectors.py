"""Questions to the usage events."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import DateTimeField, DurationField, Func, Sum, Value

from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.metering.contracts import UsageBucket, UsageEventInfo, UsagePage, UsageResult
from billing.metering.errors import UsageEventUnknown
from billing.metering.models import UsageEvent

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
GROUPS: Final = frozenset({"model", "api_key_id", "meter"})


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
    bucket = Func(
        Value(width, output_field=DurationField()),
        "occurred_at",
        Value(EPOCH, output_field=DateTimeField()),
        function="date_bin",
        output_field=DateTimeField(),
    )
    rows = (
        UsageEvent.objects.filter(
            organization_id=organization.id, occurred_at__gte=start, occurred_at__lt=until
        )
        .annotate(bucket=bucket)
        .values("bucket", *fields)
        .annotate(total=Sum("units"))
        .order_by("bucket", *fields)
    )
    found: dict[datetime, list[UsageResult]] = {}
    for row in rows:
        found.setdefault(row["bucket"], []).append(_result(row))
    starts = [first + width * number for number in range(count)]
    buckets = tuple(
        UsageBucket(begin, min(begin + width, end), tuple(found.get(begin, ()))) for begin in starts
    )
    return UsagePage(buckets, first + count * width if whole > count else None)


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


def _result(row: dict[str, Any]) -> UsageResult:
    return UsageResult(
        meter=row["meter"],
        units=row["total"],
        model=row.get("model"),
        api_key_id=row.get("api_key_id"),
    )
