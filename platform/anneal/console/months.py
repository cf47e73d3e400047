"""Months of UTC, as the console's pages about money choose them."""

from datetime import UTC, datetime

from anneal.kernel import clock


def month_read(text: str) -> datetime:
    """Return the begin of a month written ``2029-02``; of the present one for anything else."""
    now = clock.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    try:
        return min(datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC), now)
    except ValueError:
        return now


def month_after(month: datetime) -> datetime:
    """Return the begin of the next month."""
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def month_before(month: datetime) -> datetime:
    """Return the begin of the month before; the calendar's first has none."""
    years, index = divmod(month.month - 2, 12)
    return month.replace(year=max(1, month.year + years), month=index + 1)
