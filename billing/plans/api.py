"""`/v1/billing/plans`, public as a price list is, and the organization's own subscription."""

from datetime import datetime
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel import clock
from anneal.kernel.api import OpenView, TenantView, whole_list
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Permission
from anneal.kernel.scopes import OrganizationRef
from billing.numbers import decimal_text, quantity_json
from billing.plans.contracts import CapWindow, Overage, Period, PlanInfo, SubscriptionInfo
from billing.plans.selectors import billing_period, plans_offered, subscription_get
from billing.plans.services import subscription_change
from billing.prices.api import PriceOut, price_json
from billing.prices.contracts import PriceInfo
from billing.prices.selectors import prices_current


class IncludedOut(serializers.Serializer[Any]):
    """Units that come with each period."""

    meter = serializers.CharField()
    units = serializers.FloatField()


class PlanLimitsOut(serializers.Serializer[Any]):
    """What the plan allows at once; null is no limit."""

    requests_per_minute = serializers.IntegerField(allow_null=True)
    calls_in_flight = serializers.IntegerField(allow_null=True, help_text="Online calls at once.")
    concurrency = serializers.IntegerField(allow_null=True, help_text="Training jobs at once.")
    priority = serializers.IntegerField(
        help_text="0 to 100; of training jobs that wait equally the lower is served first."
    )
    storage_gb = serializers.IntegerField(allow_null=True)
    seats = serializers.IntegerField(allow_null=True)


class CapOut(serializers.Serializer[Any]):
    """What may be used at most in a window, units and credit of other origin included."""

    unit = serializers.CharField(help_text="A meter's code, or the plan's currency.")
    window = serializers.ChoiceField(
        choices=[one.value for one in CapWindow], help_text="Days and months are those of UTC."
    )
    amount = serializers.CharField(help_text="A decimal number, exact.")
    enforcement = serializers.ChoiceField(
        choices=["hard", "soft"], help_text="A soft cap only warns."
    )


class OverageOut(serializers.Serializer[Any]):
    """What happens when nothing is left: `block`, or `invoice` up to a credit line."""

    mode = serializers.ChoiceField(choices=[one.value for one in Overage])
    credit_line = serializers.CharField(allow_null=True)


class PlanOut(serializers.Serializer[Any]):
    """A version of a plan."""

    object = serializers.CharField()
    code = serializers.CharField()
    version = serializers.IntegerField()
    name = serializers.DictField(child=serializers.CharField(), help_text="By language.")
    fee = serializers.CharField(help_text="A decimal number, exact, paid each period.")
    currency = serializers.CharField()
    period = serializers.ChoiceField(choices=[one.value for one in Period])
    included = IncludedOut(many=True)
    limits = PlanLimitsOut()
    caps = CapOut(many=True)
    overage = OverageOut()


class PlanOfferOut(PlanOut):
    """A plan as it is offered, with prices of its own in place of the list's."""

    prices = PriceOut(many=True)


class PlanListOut(serializers.Serializer[Any]):
    """Plans, in the operator's order."""

    object = serializers.CharField()
    data = PlanOfferOut(many=True)  # type: ignore[assignment] # the API's name, not DRF's
    has_more = serializers.BooleanField()


class PeriodOut(serializers.Serializer[Any]):
    """Half open: it ends where the next one begins."""

    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()


class NextPlanOut(serializers.Serializer[Any]):
    """A change of plan that waits for the period's end."""

    plan = PlanOut()
    starts_at = serializers.DateTimeField()


class SubscriptionOut(serializers.Serializer[Any]):
    """The organization's plan; without one, `status` is `none` and periods are UTC months."""

    object = serializers.CharField()
    id = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=["active", "none"])
    plan = PlanOut(allow_null=True)
    starts_at = serializers.DateTimeField(allow_null=True)
    current_period = PeriodOut()
    time_zone = serializers.CharField()
    next = NextPlanOut(allow_null=True)
    ends_at = serializers.DateTimeField(
        allow_null=True, help_text="When a cancelled plan ends, with no plan to follow."
    )


class SubscriptionIn(serializers.Serializer[Any]):
    """The plan to go on."""

    plan = serializers.CharField(max_length=50, help_text="A plan's `code`.")
    time_zone = serializers.CharField(
        max_length=60,
        required=False,
        help_text="For the first plan: where its periods begin at midnight, such as Asia/Shanghai.",
    )


class PlansView(OpenView):
    """The plans."""

    @extend_schema(operation_id="billing_plans", responses=PlanListOut, auth=[])
    def get(self, request: Request) -> Response:
        """List the plans on offer."""
        plans = plans_offered()
        prices = prices_current(plans=[plan.code for plan in plans])
        return Response(whole_list([_offer_json(plan, prices) for plan in plans]))


class SubscriptionView(TenantView):
    """The organization's plan."""

    permission: ClassVar = {"GET": Permission.BILLING_READ, "POST": Permission.BILLING_MANAGE}
    idempotency: ClassVar = {"POST": "required"}

    @extend_schema(operation_id="billing_subscription", responses=SubscriptionOut)
    def get(self, request: Request) -> Response:
        """Say which plan the organization is on."""
        found = subscription_get(organization=self.organization)
        return Response(subscription_answer(self.organization, found))

    @extend_schema(
        operation_id="billing_subscription_change",
        request=SubscriptionIn,
        responses=SubscriptionOut,
    )
    def post(self, request: Request) -> Response:
        """Change the plan: now if it costs as much or more, else at the period's end."""
        body = self.body(SubscriptionIn)
        changed = subscription_change(
            organization=self.organization,
            actor=self.actor,
            plan=body["plan"],
            time_zone=body.get("time_zone"),
        )
        return Response(subscription_json(changed))


def plan_json(plan: PlanInfo) -> dict[str, Any]:
    """Render one version of a plan."""
    terms = plan.terms
    return {
        "object": "billing.plan",
        "code": plan.code,
        "version": plan.version,
        "name": {"en": plan.name_en, "zh-Hans": plan.name_zh},
        "fee": decimal_text(terms.fee),
        "currency": terms.currency,
        "period": terms.period.value,
        "included": [
            {"meter": meter, "units": quantity_json(units)}
            for meter, units in sorted(terms.included.items())
        ],
        "limits": {
            "requests_per_minute": terms.limits.requests_per_minute,
            "calls_in_flight": terms.limits.calls_in_flight,
            "concurrency": terms.limits.concurrency,
            "priority": terms.limits.priority,
            "storage_gb": terms.limits.storage_gb,
            "seats": terms.limits.seats,
        },
        "caps": [
            {
                "unit": cap.unit,
                "window": cap.window.value,
                "amount": decimal_text(cap.amount),
                "enforcement": "hard" if cap.hard else "soft",
            }
            for cap in terms.caps
        ],
        "overage": {"mode": terms.overage.value, "credit_line": decimal_text(terms.credit_line)},
    }


def subscription_answer(
    organization: OrganizationRef, found: SubscriptionInfo | None
) -> dict[str, Any]:
    """Render the organization's subscription, or that there is none."""
    if found is not None:
        return subscription_json(found)
    return _none_json(billing_period(organization=organization, at=clock.now()))


def subscription_json(found: SubscriptionInfo) -> dict[str, Any]:
    """Render the organization's subscription."""
    following = None
    if found.next_plan is not None:
        following = {
            "plan": plan_json(found.next_plan),
            "starts_at": found.period_ends_at.isoformat(),
        }
    return {
        "object": "billing.subscription",
        "id": public_id("sub_", found.id),
        "status": "active",
        "plan": plan_json(found.plan),
        "starts_at": found.starts_at.isoformat(),
        "current_period": _period_json((found.period_starts_at, found.period_ends_at)),
        "time_zone": found.time_zone,
        "next": following,
        "ends_at": found.period_ends_at.isoformat() if found.ends_with_period else None,
    }


def _none_json(period: tuple[datetime, datetime]) -> dict[str, Any]:
    return {
        "object": "billing.subscription",
        "id": None,
        "status": "none",
        "plan": None,
        "starts_at": None,
        "current_period": _period_json(period),
        "time_zone": "UTC",
        "next": None,
        "ends_at": None,
    }


def _offer_json(plan: PlanInfo, prices: tuple[PriceInfo, ...]) -> dict[str, Any]:
    own = [price_json(price) for price in prices if price.plan == plan.code]
    return {**plan_json(plan), "prices": own}


def _period_json(period: tuple[datetime, datetime]) -> dict[str, str]:
    return {"starts_at": period[0].isoformat(), "ends_at": period[1].isoformat()}
