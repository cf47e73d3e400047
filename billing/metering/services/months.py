"""The months of the usage events."""

from datetime import date
from typing import Final

from django.db import connection

from anneal.kernel import clock

AHEAD: Final = 2


def months_ensure() -> int:
    """Make this month's partition and those of the next two where missing; return how many.

    Runs in a system scope, at least once in two months. Events whose month is not made go to the
    partition for the rest, are counted like all others, and move when it is.
    """
    today = clock.now().date()
    with connection.cursor() as cursor:
        made = 0
        for ahead in range(AHEAD + 1):
            years, month = divmod(today.month - 1 + ahead, 12)
            cursor.execute(
                "SELECT metering_usageevent_month(%s)", [date(today.year + years, month + 1, 1)]
            )
            made += cursor.fetchone()[0]
    return made
