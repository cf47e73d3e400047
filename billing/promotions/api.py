"""`/v1/billing/promotion_codes`."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.api import TenantView, page
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Permission
from billing.numbers import decimal_text, quantity_json
from billing.promotions.contracts import DiscountInfo, PromotionKind, RedemptionInfo
from billing.promotions.selectors import redemption_info, redemptions
from billing.promotions.services import promotion_redeem


class DiscountOut(serializers.Serializer[Any]):
    """What invoices will still take off: a per cent of some, or money until none is left."""

    percent = serializers.CharField(allow_null=True)
    invoices_left = serializers.IntegerField(allow_null=True)
    amount = serializers.CharField(allow_null=True)
    remaining = serializers.CharField(allow_null=True)
    currency = serializers.CharField(allow_null=True)


class RedemptionOut(serializers.Serializer[Any]):
    """A code the organization redeemed."""

    object = serializers.CharField()
    id = serializers.CharField()
    code = serializers.CharField()
    kind = serializers.ChoiceField(choices=[one.value for one in PromotionKind])
    meter = serializers.CharField(allow_null=True, help_text="Of the kind `units`.")
    units = serializers.FloatField(allow_null=True)
    days = serializers.IntegerField(
        allow_null=True, help_text="How long units last, or what the trial gained."
    )
    discount = DiscountOut(allow_null=True, help_text="Of the kinds `percent` and `amount`.")
    redeemed_at = serializers.DateTimeField()


class RedemptionListOut(serializers.Serializer[Any]):
    """Redemptions, newest first."""

    object = serializers.CharField()
    data = RedemptionOut(many=True)  # type: ignore[assignment] # the API's name, not DRF's
    first_id = serializers.CharField(allow_null=True)
    last_id = serializers.CharField(allow_null=True)
    has_more = serializers.BooleanField()


class RedeemIn(serializers.Serializer[Any]):
    """The code, in capitals or not."""

    code = serializers.CharField(max_length=60)


class PromotionCodesView(TenantView):
    """What the organization redeemed."""

    permission = Permission.BILLING_READ

    @extend_schema(
        operation_id="billing_promotion_codes",
        parameters=[
            OpenApiParameter("after", str, description="The last id seen."),
            OpenApiParameter("limit", int, description="1 to 100."),
        ],
        responses=RedemptionListOut,
    )
    def get(self, request: Request) -> Response:
        """List the codes redeemed."""
        rows = redemptions(organization=self.organization)
        return Response(
            page(
                rows,
                request,
                prefix="promo_",
                render=lambda row: redemption_json(redemption_info(row)),
            )
        )


class RedeemView(TenantView):
    """The door for codes."""

    permission = Permission.BILLING_MANAGE
    idempotency: ClassVar = {"POST": "required"}

    @extend_schema(
        operation_id="billing_promotion_code_redeem",
        request=RedeemIn,
        responses={201: RedemptionOut},
    )
    def post(self, request: Request) -> Response:
        """Redeem a code: units and trial days come at once, discounts with the next invoices."""
        code = self.body(RedeemIn)["code"]
        redeemed = promotion_redeem(organization=self.organization, actor=self.actor, code=code)
        return Response(redemption_json(redeemed), status=201)


def redemption_json(redeemed: RedemptionInfo) -> dict[str, Any]:
    """Render one redemption."""
    terms = redeemed.terms
    return {
        "object": "billing.promotion_redemption",
        "id": public_id("promo_", redeemed.id),
        "code": redeemed.code,
        "kind": terms.kind.value,
        "meter": terms.unit or None,
        "units": None if terms.units is None else quantity_json(terms.units),
        "days": terms.days,
        "discount": None if redeemed.discount is None else _discount_json(redeemed.discount),
        "redeemed_at": redeemed.redeemed_at.isoformat(),
    }


def _discount_json(discount: DiscountInfo) -> dict[str, Any]:
    return {
        "percent": decimal_text(discount.percent),
        "invoices_left": discount.invoices_left,
        "amount": decimal_text(discount.amount),
        "remaining": decimal_text(discount.remaining),
        "currency": discount.currency or None,
    }
