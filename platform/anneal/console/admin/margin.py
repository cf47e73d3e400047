"""The console's page of what each organization brings and costs."""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _

from anneal.console.margin import SHOWN, margins_read
from anneal.kernel import clock
from billing.prices.currency import DEFAULT


def margin_context(request: HttpRequest) -> dict[str, Any]:
    """Read the month asked for, else the present one."""
    start = _month(request.GET.get("month", ""))
    end = _after(start)
    margins = margins_read(start=start, end=end)
    return {
        "title": _("Margin"),
        "month": start,
        "before": _before(start),
        "after": end if end <= clock.now() else None,
        "margins": margins[:SHOWN],
        "left_out": max(0, len(margins) - SHOWN),
        "currency": DEFAULT,
        "hour_price": settings.ANNEAL_DEVICE_HOUR_PRICE,
        "prediction_seconds": settings.ANNEAL_PREDICTION_SECONDS,
        "totals": {
            "revenue": sum(each.revenue for each in margins),
            "given": sum(each.given for each in margins),
            "cost": sum(each.cost for each in margins),
            "margin": sum(each.margin for each in margins),
        },
    }


def _month(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
    except ValueError:
        return clock.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _after(month: datetime) -> datetime:
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def _before(month: datetime) -> datetime:
    years, index = divmod(month.month - 2, 12)
    return month.replace(year=month.year + years, month=index + 1)
