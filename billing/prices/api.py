"""`/v1/billing/prices`: public, as a price list should be."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.api import OpenView, whole_list
from billing.prices.contracts import PriceInfo
from billing.prices.selectors import prices_current


class PriceOut(serializers.Serializer[Any]):
    """What a unit of one meter costs now."""

    object = serializers.CharField()
    meter = serializers.CharField()
    name = serializers.DictField(child=serializers.CharField(), help_text="By language.")
    unit = serializers.DictField(child=serializers.CharField(), help_text="By language.")
    currency = serializers.CharField()
    unit_amount = serializers.CharField(help_text="A decimal number, exact.")
    version = serializers.IntegerField()
    effective_at = serializers.DateTimeField()


class PriceListOut(serializers.Serializer[Any]):
    """Prices, one per meter."""

    object = serializers.CharField()
    data = PriceOut(many=True)  # type: ignore[assignment] # the API's name, not DRF's
    has_more = serializers.BooleanField()


class PricesView(OpenView):
    """The price list."""

    @extend_schema(operation_id="billing_prices", responses=PriceListOut, auth=[])
    def get(self, request: Request) -> Response:
        """List the prices that rule now."""
        data = [price_json(price) for price in prices_current()]
        return Response(whole_list(data))


def price_json(price: PriceInfo) -> dict[str, Any]:
    """Render one price."""
    return {
        "object": "billing.price",
        "meter": price.meter,
        "name": {"en": price.name_en, "zh-Hans": price.name_zh},
        "unit": {"en": price.unit_en, "zh-Hans": price.unit_zh},
        "currency": price.currency,
        "unit_amount": f"{price.unit_amount.normalize():f}",
        "version": price.version,
        "effective_at": price.effective_at.isoformat(),
    }
