"""`/v1/billing/grants`: of what the balances consist."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel import clock
from anneal.kernel.api import TenantView, whole_list
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Permission
from billing.ledger.contracts import GrantInfo
from billing.ledger.models import GrantKind
from billing.ledger.selectors import grants_open
from billing.numbers import quantity_json


class GrantOut(serializers.Serializer[Any]):
    """Units given once, of which some are left."""

    object = serializers.CharField()
    id = serializers.CharField()
    unit = serializers.CharField()
    kind = serializers.ChoiceField(choices=GrantKind.choices)
    amount = serializers.FloatField(help_text="What was given.")
    available = serializers.FloatField(help_text="What of it is left and not set aside.")
    effective_at = serializers.DateTimeField(help_text="It may lie ahead.")
    expires_at = serializers.DateTimeField(allow_null=True)


class GrantListOut(serializers.Serializer[Any]):
    """Grants that are not spent, by unit, the next to be spent first."""

    object = serializers.CharField()
    data = GrantOut(many=True)  # type: ignore[assignment] # the API's name, not DRF's
    has_more = serializers.BooleanField()


class GrantsView(TenantView):
    """What was given and is not spent."""

    permission = Permission.BILLING_READ

    @extend_schema(operation_id="billing_grants", responses=GrantListOut)
    def get(self, request: Request) -> Response:
        """List the grants still open. One that is over is left out before the ledger ends it."""
        now = clock.now()
        found = grants_open(organization=self.organization)
        open_ones = [each for each in found if each.expires_at is None or each.expires_at > now]
        return Response(whole_list([grant_json(grant) for grant in open_ones]))


def grant_json(grant: GrantInfo) -> dict[str, Any]:
    """Render one grant."""
    return {
        "object": "billing.grant",
        "id": public_id("grant_", grant.id),
        "unit": grant.unit,
        "kind": grant.kind,
        "amount": quantity_json(grant.amount),
        "available": quantity_json(grant.available),
        "effective_at": grant.effective_at.isoformat(),
        "expires_at": grant.expires_at.isoformat() if grant.expires_at else None,
    }
