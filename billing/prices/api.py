"""`/v1/billing/prices`: public, as a price list should be."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.api import OpenView, whole_list
from billing.numbers import decimal_text
from billing.prices.contracts import MONEY_METER, PriceInfo, PriceModel
from billing.prices.selectors import prices_current


class TierOut(serializers.Serializer[Any]):
    """Units up to and with `up_to`, the last tier without end."""

    up_to = serializers.CharField(allow_null=True)
    unit_amount = serializers.CharField()
    flat_amount = serializers.CharField(help_text="Paid once when the tier is reached.")


class PackageOut(serializers.Serializer[Any]):
    """What is sold at once: begun packages are paid whole."""

    units = serializers.CharField()
    amount = serializers.CharField()


class PriceOut(serializers.Serializer[Any]):
    """What one meter costs now, for all usage or for what `match` says."""

    object = serializers.CharField()
    meter = serializers.CharField()
    name = serializers.DictField(child=serializers.CharField(), help_text="By language.")
    unit = serializers.DictField(child=serializers.CharField(), help_text="By language.")
    currency = serializers.CharField()
    unit_amount = serializers.CharField(
        help_text="What the first unit costs: a decimal number, exact."
    )
    model = serializers.ChoiceField(choices=[one.value for one in PriceModel])
    tiers = TierOut(many=True, help_text="Of the models graduated and volume.")
    package = PackageOut(allow_null=True, help_text="Of the model package.")
    percent = serializers.CharField(allow_null=True, help_text="Of the model percentage.")
    minimum = serializers.CharField(
        allow_null=True, help_text="What an invoice's line is raised to."
    )
    match = serializers.DictField(
        child=serializers.CharField(),
        help_text="The usage it is for, by task, tier and channel; empty for all.",
    )
    version = serializers.IntegerField()
    effective_at = serializers.DateTimeField()


class PriceListOut(serializers.Serializer[Any]):
    """List prices: a meter's price of all usage, then those for a task, tier or channel."""

    object = serializers.CharField()
    data = PriceOut(many=True)  # type: ignore[assignment] # the API's name, not DRF's
    has_more = serializers.BooleanField()


class PricesView(OpenView):
    """The price list."""

    @extend_schema(operation_id="billing_prices", responses=PriceListOut, auth=[])
    def get(self, request: Request) -> Response:
        """List the prices that rule now."""
        listed = [price for price in prices_current() if price.meter != MONEY_METER]
        data = [price_json(price) for price in listed]
        return Response(whole_list(data))


def price_json(price: PriceInfo) -> dict[str, Any]:
    """Render one price."""
    terms = price.terms
    package = None
    if terms.package_units is not None:
        package = {
            "units": decimal_text(terms.package_units),
            "amount": decimal_text(terms.package_amount),
        }
    return {
        "object": "billing.price",
        "meter": price.meter,
        "name": {"en": price.name_en, "zh-Hans": price.name_zh},
        "unit": {"en": price.unit_en, "zh-Hans": price.unit_zh},
        "currency": price.currency,
        "unit_amount": decimal_text(price.unit_amount),
        "model": terms.model.value,
        "tiers": [
            {
                "up_to": decimal_text(tier.up_to),
                "unit_amount": decimal_text(tier.unit_amount),
                "flat_amount": decimal_text(tier.flat_amount),
            }
            for tier in terms.tiers
        ],
        "package": package,
        "percent": decimal_text(terms.percent),
        "minimum": decimal_text(terms.minimum),
        "match": dict(price.match),
        "version": price.version,
        "effective_at": price.effective_at.isoformat(),
    }
