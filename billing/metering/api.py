"""`/v1/usage`, in OpenAI's shape of buckets."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel import clock
from anneal.kernel.api import TenantView, integer_read
from anneal.kernel.errors import InvalidRequest
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Permission
from billing.metering.contracts import UsageBucket, UsageResult
from billing.metering.selectors import GROUPS, usage_buckets
from billing.numbers import quantity_json

WIDTHS: Final = {
    # width: its length, the default and the highest number of buckets, as OpenAI has them
    "1m": (timedelta(minutes=1), 60, 1440),
    "1h": (timedelta(hours=1), 24, 168),
    "1d": (timedelta(days=1), 7, 31),
}
LAST_SECOND: Final = 253_402_300_799  # the end of the year 9999


class UsageResultOut(serializers.Serializer[Any]):
    """One sum."""

    object = serializers.CharField()
    meter = serializers.CharField()
    units = serializers.FloatField()
    model = serializers.CharField(allow_null=True, help_text="Null unless grouped by.")
    api_key_id = serializers.CharField(allow_null=True, help_text="Null unless grouped by.")
    deployment_id = serializers.CharField(allow_null=True, help_text="Null unless grouped by.")


class UsageBucketOut(serializers.Serializer[Any]):
    """Sums of one stretch of time, in Unix seconds."""

    object = serializers.CharField()
    start_time = serializers.IntegerField()
    end_time = serializers.IntegerField()
    results = UsageResultOut(many=True)


class UsagePageOut(serializers.Serializer[Any]):
    """Buckets in order of time."""

    object = serializers.CharField()
    data = UsageBucketOut(many=True)  # type: ignore[assignment] # the API's name, not DRF's
    has_more = serializers.BooleanField()
    next_page = serializers.CharField(allow_null=True)


def number_parameter(name: str, text: str) -> OpenApiParameter:
    """Describe a whole number of the query."""
    return OpenApiParameter(name, OpenApiTypes.INT, description=text)


PARAMETERS: Final = [
    number_parameter("start_time", "Unix seconds; by default as many buckets back as are shown."),
    number_parameter("end_time", "Unix seconds, exclusive; by default now."),
    OpenApiParameter("bucket_width", enum=list(WIDTHS), default="1d"),
    OpenApiParameter("group_by[]", enum=sorted(GROUPS), many=True, description="Also `group_by`."),
    number_parameter(
        "limit", "Buckets: 7 of at most 31 days, 24 of 168 hours, 60 of 1440 minutes."
    ),
    OpenApiParameter("page", description="`next_page` of the answer before."),
]


class UsageReading(TenantView):
    """Usage. Readers may see it, and keys made for billing."""

    permission = Permission.READ

    def _check_permission(self, method: str) -> None:
        if not self.principal.can(Permission.BILLING_READ):
            super()._check_permission(method)


class UsageView(UsageReading):
    """What the organization used."""

    @extend_schema(operation_id="usage", parameters=PARAMETERS, responses=UsagePageOut)
    def get(self, request: Request) -> Response:
        """Sum usage in buckets of time."""
        query = request.query_params
        width_name = query.get("bucket_width", "1d")
        if width_name not in WIDTHS:
            raise InvalidRequest("bucket_width must be 1m, 1h or 1d.", param="bucket_width")
        width, usual, most = WIDTHS[width_name]
        limit = integer_read(request, "limit", 1, most, usual)
        end_time = integer_read(
            request, "end_time", 1, LAST_SECOND, int(clock.now().timestamp()) + 1
        )
        seconds = int(width.total_seconds())
        earliest = max(0, (end_time - 1) // seconds - limit + 1) * seconds
        start_time = integer_read(request, "start_time", 0, LAST_SECOND, earliest)
        start_time = integer_read(request, "page", 0, LAST_SECOND, start_time)
        if start_time >= end_time:
            raise InvalidRequest("start_time must be before end_time.", param="start_time")
        page = usage_buckets(
            organization=self.organization,
            start=datetime.fromtimestamp(start_time, UTC),
            end=datetime.fromtimestamp(end_time, UTC),
            width=width,
            group_by=_groups(request),
            limit=limit,
        )
        further = str(int(page.next_start.timestamp())) if page.next_start else None
        return Response(
            {
                "object": "page",
                "data": [bucket_json(bucket) for bucket in page.buckets],
                "has_more": further is not None,
                "next_page": further,
            }
        )


def bucket_json(bucket: UsageBucket) -> dict[str, Any]:
    """Render one bucket."""
    return {
        "object": "bucket",
        "start_time": int(bucket.start.timestamp()),
        "end_time": int(bucket.end.timestamp()),
        "results": [result_json(result) for result in bucket.results],
    }


def result_json(result: UsageResult) -> dict[str, Any]:
    """Render one sum."""
    return {
        "object": "usage.result",
        "meter": result.meter,
        "units": quantity_json(result.units),
        "model": result.model,
        "api_key_id": key_id(result.api_key_id),
        "deployment_id": deployment_id(result.deployment_id),
    }


def key_id(value: UUID | None) -> str | None:
    """Render an API key's id; usage of a session has none."""
    return public_id("key_", value) if value else None


def deployment_id(value: UUID | None) -> str | None:
    """Render a deployment's id; usage of a model called by its own name has none."""
    return public_id("dep_", value) if value else None


def _groups(request: Request) -> frozenset[str]:
    query = request.query_params
    named = [*query.getlist("group_by[]"), *query.getlist("group_by")]
    groups = frozenset(part for text in named for part in text.split(",") if part)
    if not groups <= GROUPS:
        raise InvalidRequest(f"group_by knows {', '.join(sorted(GROUPS))}.", param="group_by")
    return groups
