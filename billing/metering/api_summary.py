"""`/v1/usage/summary` and `/v1/billing/forecast`: what the usage page shows, a call each."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel import clock
from anneal.kernel.api import TenantView, integer_read
from anneal.kernel.errors import InvalidRequest
from anneal.kernel.principal import Permission
from billing.metering.api import (
    LAST_SECOND,
    UsageReading,
    deployment_id,
    key_id,
    number_parameter,
)
from billing.metering.contracts import Forecast, MeterForecast, Range, UsageSum, UsageSummary
from billing.metering.forecast import forecast_read
from billing.metering.selectors import usage_summary
from billing.numbers import quantity_json

LONGEST: Final = timedelta(days=400)


class UsageSumOut(serializers.Serializer[Any]):
    """A sum of one meter."""

    meter = serializers.CharField()
    units = serializers.FloatField()


class UsageDayOut(UsageSumOut):
    """A day's sum; days without usage are left out."""

    start_time = serializers.IntegerField(help_text="Unix seconds of the day's beginning, UTC.")


class UsageKeyOut(UsageSumOut):
    """A key's sum; null is usage without a key."""

    api_key_id = serializers.CharField(allow_null=True)


class UsageDeploymentOut(UsageSumOut):
    """A deployment's sum; null is usage of models called by their own names."""

    deployment_id = serializers.CharField(allow_null=True)


class UsageModelOut(UsageSumOut):
    """A model's sum."""

    model = serializers.CharField()


class UsageSummaryOut(serializers.Serializer[Any]):
    """The same usage cut by day, key, deployment and model."""

    object = serializers.CharField()
    start_time = serializers.IntegerField()
    end_time = serializers.IntegerField()
    total = UsageSumOut(many=True)
    by_day = UsageDayOut(many=True)
    by_key = UsageKeyOut(many=True)
    by_deployment = UsageDeploymentOut(many=True)
    by_model = UsageModelOut(many=True)


class UnitsRangeOut(serializers.Serializer[Any]):
    """Four of five outcomes lie between low and high."""

    low = serializers.FloatField()
    expected = serializers.FloatField()
    high = serializers.FloatField()


class AmountRangeOut(serializers.Serializer[Any]):
    """Decimal numbers, exact."""

    low = serializers.CharField()
    expected = serializers.CharField()
    high = serializers.CharField()


class MeterForecastOut(serializers.Serializer[Any]):
    """One meter at the end of the period; money is null without a price."""

    meter = serializers.CharField()
    used = serializers.FloatField()
    units = UnitsRangeOut()
    amount_used = serializers.CharField(allow_null=True)
    amount = AmountRangeOut(allow_null=True)


class ForecastOut(serializers.Serializer[Any]):
    """The running period, at the prices that rule now and before any credit."""

    object = serializers.CharField()
    period_start = serializers.IntegerField()
    period_end = serializers.IntegerField()
    currency = serializers.CharField()
    amount_used = serializers.CharField()
    amount = AmountRangeOut()
    data = MeterForecastOut(many=True)  # type: ignore[assignment] # the API's name, not DRF's


class UsageSummaryView(UsageReading):
    """Usage in one answer, for a page."""

    @extend_schema(
        operation_id="usage_summary",
        parameters=[
            number_parameter("start_time", "Unix seconds; by default 30 days before the end."),
            number_parameter("end_time", "Unix seconds, exclusive; by default now."),
        ],
        responses=UsageSummaryOut,
    )
    def get(self, request: Request) -> Response:
        """Sum usage by day, key, deployment and model."""
        end = integer_read(request, "end_time", 1, LAST_SECOND, int(clock.now().timestamp()) + 1)
        month = int(timedelta(days=30).total_seconds())
        start = integer_read(request, "start_time", 0, LAST_SECOND, max(0, end - month))
        if not 0 < end - start <= LONGEST.total_seconds():
            raise InvalidRequest(
                "start_time must be before end_time, by 400 days at most.", param="start_time"
            )
        summary = usage_summary(
            organization=self.organization,
            start=datetime.fromtimestamp(start, UTC),
            end=datetime.fromtimestamp(end, UTC),
        )
        return Response(summary_json(summary, start, end))


class ForecastView(TenantView):
    """What the running period will come to."""

    permission = Permission.BILLING_READ

    @extend_schema(operation_id="billing_forecast", responses=ForecastOut)
    def get(self, request: Request) -> Response:
        """Forecast usage and money to the end of the billing period."""
        return Response(forecast_json(forecast_read(organization=self.organization)))


def summary_json(summary: UsageSummary, start: int, end: int) -> dict[str, Any]:
    """Render a summary."""
    return {
        "object": "usage.summary",
        "start_time": start,
        "end_time": end,
        "total": [_sum_json(each) for each in summary.total],
        "by_day": [{"start_time": _of_json(each), **_sum_json(each)} for each in summary.by_day],
        "by_key": [
            {"api_key_id": key_id(each.of if isinstance(each.of, UUID) else None)} | _sum_json(each)
            for each in summary.by_key
        ],
        "by_deployment": [
            {"deployment_id": deployment_id(each.of if isinstance(each.of, UUID) else None)}
            | _sum_json(each)
            for each in summary.by_deployment
        ],
        "by_model": [{"model": each.of, **_sum_json(each)} for each in summary.by_model],
    }


def forecast_json(forecast: Forecast) -> dict[str, Any]:
    """Render a forecast."""
    return {
        "object": "billing.forecast",
        "period_start": int(forecast.start.timestamp()),
        "period_end": int(forecast.end.timestamp()),
        "currency": forecast.currency,
        "amount_used": _money(forecast.amount_used),
        "amount": _amounts_json(forecast.amount),
        "data": [_meter_json(each) for each in forecast.meters],
    }


def _meter_json(each: MeterForecast) -> dict[str, Any]:
    return {
        "meter": each.meter,
        "used": quantity_json(each.used),
        "units": {
            "low": quantity_json(each.units.low),
            "expected": quantity_json(each.units.expected),
            "high": quantity_json(each.units.high),
        },
        "amount_used": None if each.amount_used is None else _money(each.amount_used),
        "amount": None if each.amount is None else _amounts_json(each.amount),
    }


def _amounts_json(amounts: Range) -> dict[str, str]:
    return {
        "low": _money(amounts.low),
        "expected": _money(amounts.expected),
        "high": _money(amounts.high),
    }


def _money(amount: Decimal) -> str:
    return f"{amount.normalize():f}"


def _sum_json(each: UsageSum) -> dict[str, Any]:
    return {"meter": each.meter, "units": quantity_json(each.units)}


def _of_json(each: UsageSum) -> int:
    day = each.of if isinstance(each.of, date) else date.min
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
