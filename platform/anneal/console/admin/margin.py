"""The console's page of what each organization brings and costs."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _

from anneal.console.margin import SHOWN, margins_read
from anneal.console.months import month_after, month_before, month_read
from anneal.kernel import clock
from billing.prices.currency import DEFAULT


def margin_context(request: HttpRequest) -> dict[str, Any]:
    """Read the month asked for, else the present one."""
    start = month_read(request.GET.get("month", ""))
    end = month_after(start)
    margins = margins_read(start=start, end=end)
    return {
        "title": _("Margin"),
        "month": start,
        "before": month_before(start),
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
