"""Hourly sums: a cache that can be dropped at any moment without changing an answer."""

from datetime import datetime, timedelta
from typing import Final

from django.db import connection
from django.db.models import Min

from billing.metering.models import RollupMark, UsageLateHour, UsageRollup

LAG: Final = timedelta(minutes=5)
"""An hour is summed this long after its end; until then its events themselves answer."""
STEP: Final = 24
"""Hours summed in one transaction."""


def rollups_advance(*, now: datetime) -> bool:
    """Sum up to a day of hours, anew those that something came late into; True when more wait.

    Runs in a system scope of its own: while it lasts, late events for these very hours wait.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT usage_reseal(%s)", [STEP])
        (anew,) = cursor.fetchone()
        if anew == STEP:
            return True
        cursor.execute("SELECT usage_seal(%s, %s)", [now - LAG, STEP])
        (more,) = cursor.fetchone()
    return bool(more)


def rollups_drop() -> int:
    """Forget every sum; return how many there were. Until they are made anew, events answer.

    The mark goes back to the first hour that was ever summed and no further: an earlier event is
    late whenever it comes, so nobody who writes has to wait.
    """
    mark = RollupMark.objects.select_for_update().get()
    hours = (
        mark.sealed_until,
        UsageRollup.objects.aggregate(first=Min("hour"))["first"],
        UsageLateHour.objects.aggregate(first=Min("hour"))["first"],
    )
    mark.sealed_until = min(hour for hour in hours if hour is not None)
    mark.save(update_fields=["sealed_until"])
    UsageLateHour.objects.all().delete()
    dropped, _ = UsageRollup.objects.all().delete()
    return dropped
