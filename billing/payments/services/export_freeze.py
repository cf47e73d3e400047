"""From the usage of hours that are over to what Stripe's meters are told: once, and never changed.

The hourly sums are read. While some are made anew they say less, never more, than was used, and
only what is more than was frozen becomes a row: a later look finds the rest.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Context, Decimal
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connection

from anneal.kernel import clock
from anneal.kernel.scopes import system_scope
from billing.metering.models import RollupMark
from billing.metering.services.ingest import LATEST
from billing.payments.models import MeterExport, MeterExportSpan
from tenants.accounts.models import Organization

_HOUR: Final = timedelta(hours=1)
_BATCH: Final = 500
_DIGITS: Final = Context(prec=15, rounding=ROUND_DOWN)
"""Stripe takes values of 15 digits at most: what is beyond is the next revision."""

# An event counts in the hour it occurred in or, late, in one up to 35 days after that.
_MORE: Final = """
SELECT u.organization_id, u.hour, coalesce(x.revision, 0) + 1, u.units - coalesce(x.units, 0)
FROM (
  SELECT r.organization_id, r.counts_hour AS hour, sum(r.units) AS units
  FROM metering_usagerollup r
  WHERE r.organization_id = ANY(%(some)s) AND r.meter = %(meter)s
    AND r.hour >= %(since)s - %(latest)s
    AND r.counts_hour >= %(since)s AND r.counts_hour < %(until)s
  GROUP BY 1, 2
) u LEFT JOIN (
  SELECT e.organization_id, e.hour, sum(e.units) AS units, max(e.revision) AS revision
  FROM payments_meterexport e
  WHERE e.organization_id = ANY(%(some)s) AND e.meter = %(meter)s AND e.hour >= %(since)s
  GROUP BY 1, 2
) x ON x.organization_id = u.organization_id AND x.hour = u.hour
WHERE u.units > coalesce(x.units, 0)
ORDER BY u.hour, u.organization_id
"""


def meters_exported() -> dict[str, str]:
    """Return the meters that Stripe is told of, with its names of their events."""
    return {} if settings.ANNEAL_DEMO_BILLING else dict(settings.ANNEAL_STRIPE_METERS)


def exports_freeze() -> int:
    """Make rows of what was used in the hours that are over; return how many. Opens its own scopes.

    A meter begins with the next whole hour after the setting names it, and ends with what was
    frozen when it does so no more.
    """
    meters, begun = meters_exported(), clock.now()
    with system_scope("meter exports"):
        _spans_end(meters, begun)
        spans = [_span(meter, begun) for meter in meters]
        until = RollupMark.objects.get().sealed_until
    made = 0
    for span in spans:
        for some in _organizations():
            # What has more digits than Stripe takes is several revisions.
            while rows := _freeze(span, meters[span.meter], some, until):
                made += rows
        with system_scope("meter exports"):
            # Sums that were dropped and are made anew do not reach as far as before: no look yet.
            MeterExportSpan.objects.filter(id=span.id, frozen_until__lte=until).update(
                frozen_until=until, looked_at=begun
            )
    return made


def _freeze(span: MeterExportSpan, event_name: str, some: list[UUID], until: datetime) -> int:
    """Make one revision of each hour that has more than was frozen of it; return how many."""
    now = clock.now()
    values: dict[str, Any] = {
        "some": some,
        "meter": span.meter,
        "since": max(span.starts_at, _hour(now - LATEST)),
        "until": until,
        "latest": LATEST + _HOUR,
    }
    with system_scope("meter exports"):
        # Whoever freezes the same meter waits, and then finds nothing.
        MeterExportSpan.objects.select_for_update().get(id=span.id)
        with connection.cursor() as cursor:
            cursor.execute(_MORE, values)
            rows = [_row(span.meter, event_name, now, *found) for found in cursor.fetchall()]
        MeterExport.objects.bulk_create(rows)
    return len(rows)


def _row(
    meter: str,
    event_name: str,
    now: datetime,
    organization_id: UUID,
    hour: datetime,
    revision: int,
    units: Decimal,
) -> MeterExport:
    name = f"{organization_id}/{meter}/{int(hour.timestamp())}/{revision}"
    return MeterExport(
        organization_id=organization_id,
        meter=meter,
        event_name=event_name,
        hour=hour,
        revision=revision,
        units=_DIGITS.create_decimal(units),
        identifier=f"anneal_{hashlib.sha256(name.encode()).hexdigest()}",
        next_try_at=now,
    )


def _span(meter: str, now: datetime) -> MeterExportSpan:
    """Return the meter's open span, begun now if there is none."""
    first = _hour(now) + _HOUR
    span = MeterExportSpan(meter=meter, starts_at=first, frozen_until=first, looked_at=now)
    MeterExportSpan.objects.bulk_create([span], ignore_conflicts=True)
    return MeterExportSpan.objects.get(meter=meter, ended_at=None)


def _spans_end(meters: Iterable[str], now: datetime) -> None:
    MeterExportSpan.objects.filter(ended_at=None).exclude(meter__in=list(meters)).update(
        ended_at=now
    )


def _organizations() -> Iterable[list[UUID]]:
    """Yield the customers' ids, some at a time; the house pays nobody."""
    last = UUID(int=0)
    while True:
        with system_scope("meter exports"):
            rows = Organization.objects.filter(kind="customer", id__gt=last).order_by("id")
            some = list(rows.values_list("id", flat=True)[:_BATCH])
        if not some:
            return
        yield some
        last = some[-1]


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
