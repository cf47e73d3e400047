"""`/v1/billing/balance`."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.api import TenantView, whole_list
from anneal.kernel.principal import Permission
from billing.ledger.contracts import BalanceInfo
from billing.ledger.selectors import balances
from billing.numbers import quantity_json


class BalanceOut(serializers.Serializer[Any]):
    """What is left of one unit."""

    object = serializers.CharField()
    unit = serializers.CharField(help_text="A meter's code, such as `prediction`.")
    granted = serializers.FloatField()
    held = serializers.FloatField(help_text="Set aside for work under way.")
    consumed = serializers.FloatField()
    expired = serializers.FloatField()
    available = serializers.FloatField(help_text="granted - held - consumed - expired.")
    expires_at = serializers.DateTimeField(
        allow_null=True, help_text="When the first of what is available ends."
    )


class BalanceListOut(serializers.Serializer[Any]):
    """Balances, one per unit."""

    object = serializers.CharField()
    data = BalanceOut(many=True)  # type: ignore[assignment] # the API's name, not DRF's
    has_more = serializers.BooleanField()


class BalanceView(TenantView):
    """What the organization may still spend."""

    permission = Permission.BILLING_READ

    @extend_schema(operation_id="billing_balance", responses=BalanceListOut)
    def get(self, request: Request) -> Response:
        """List the balances."""
        data = [balance_json(balance) for balance in balances(organization=self.organization)]
        return Response(whole_list(data))


def balance_json(balance: BalanceInfo) -> dict[str, Any]:
    """Render one balance."""
    return {
        "object": "billing.balance",
        "unit": balance.unit,
        "granted": quantity_json(balance.granted),
        "held": quantity_json(balance.held),
        "consumed": quantity_json(balance.consumed),
        "expired": quantity_json(balance.expired),
        "available": quantity_json(balance.available),
        "expires_at": balance.expires_at.isoformat() if balance.expires_at else None,
    }
