"""`/v1/billing/subscription/cancellation`: leaving a plan that is paid, and staying after all."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.api import TenantView
from anneal.kernel.principal import Permission
from billing.numbers import decimal_text
from billing.plans.api import PlanOut, SubscriptionOut, plan_json, subscription_answer
from billing.plans.contracts import CancellationInfo
from billing.plans.selectors import cancellation_get
from billing.plans.services import subscription_cancel, subscription_keep

PERIOD_END, NOW = "period_end", "now"


class ReturnedOut(serializers.Serializer[Any]):
    """Units or money of the plan that are not spent."""

    unit = serializers.CharField()
    amount = serializers.CharField(help_text="A decimal number, exact.")


class CancellationOut(serializers.Serializer[Any]):
    """What leaving the plan means. A plan that costs nothing is not cancelled: `none`."""

    object = serializers.CharField()
    status = serializers.ChoiceField(choices=["none", "possible", "waiting"])
    plan = PlanOut(allow_null=True, help_text="The free plan that follows; null is no plan.")
    period_ends_at = serializers.DateTimeField(
        allow_null=True, help_text="Until then the plan goes on, unless it is left now."
    )
    returned = ReturnedOut(many=True, help_text="What leaving now takes back. No fee comes back.")


class CancellationIn(serializers.Serializer[Any]):
    """When to leave."""

    when = serializers.ChoiceField(
        choices=[PERIOD_END, NOW],
        help_text="`now` takes the plan's unspent units back and cannot be undone.",
    )


class CancellationView(TenantView):
    """The end of a plan that is paid. Owners alone, and no key, leave it."""

    permission: ClassVar = {
        "GET": Permission.BILLING_READ,
        "POST": Permission.OWNERSHIP,
        "DELETE": Permission.OWNERSHIP,
    }
    idempotency: ClassVar = {"POST": "required"}

    @extend_schema(operation_id="billing_cancellation", responses=CancellationOut)
    def get(self, request: Request) -> Response:
        """Say what leaving the plan means."""
        return Response(cancellation_json(cancellation_get(organization=self.organization)))

    @extend_schema(
        operation_id="billing_cancellation_make", request=CancellationIn, responses=SubscriptionOut
    )
    def post(self, request: Request) -> Response:
        """Leave the plan at the period's end, or now."""
        body = self.body(CancellationIn)
        left = subscription_cancel(
            organization=self.organization, actor=self.actor, at_once=body["when"] == NOW
        )
        return Response(subscription_answer(self.organization, left))

    @extend_schema(
        operation_id="billing_cancellation_undo", request=None, responses=SubscriptionOut
    )
    def delete(self, request: Request) -> Response:
        """Stay on the plan after all, before the period ends."""
        kept = subscription_keep(organization=self.organization, actor=self.actor)
        return Response(subscription_answer(self.organization, kept))


def cancellation_json(found: CancellationInfo | None) -> dict[str, Any]:
    """Render what leaving means."""
    if found is None:
        return {
            "object": "billing.cancellation",
            "status": "none",
            "plan": None,
            "period_ends_at": None,
            "returned": [],
        }
    return {
        "object": "billing.cancellation",
        "status": "waiting" if found.waits else "possible",
        "plan": plan_json(found.plan) if found.plan else None,
        "period_ends_at": found.period_ends_at.isoformat(),
        "returned": [
            {"unit": unit, "amount": decimal_text(amount)} for unit, amount in found.returned
        ],
    }
