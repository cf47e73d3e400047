"""`/v1/billing/balance`, `/v1/billing/budgets` and `/v1/billing/notices`."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.api import TenantView, page, whole_list
from anneal.kernel.errors import NotFound
from anneal.kernel.ids import parse_id, public_id
from anneal.kernel.principal import Permission
from billing.ledger.contracts import BalanceInfo, LimitInfo, NoticeInfo
from billing.ledger.errors import LimitInvalid, LimitUnknown
from billing.ledger.models import LimitScope, LimitWindow
from billing.ledger.selectors import balances, limits_list, notice_info, notices_rows
from billing.ledger.services import limit_remove, limit_set
from billing.ledger.services.limits import ALERTS, MOST_ALERTS
from billing.numbers import quantity_json
from tenants.accounts.selectors import member_get
from tenants.keys.selectors import key_exists


class BalanceOut(serializers.Serializer[Any]):
    """What is left of one unit."""

    object = serializers.CharField()
    unit = serializers.CharField(help_text="A meter's code, such as `prediction`, or a currency's.")
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


class BudgetIn(serializers.Serializer[Any]):
    """A budget to set: the one there is for its subject, unit and window."""

    unit = serializers.CharField(
        max_length=50, help_text="A meter's code, or a currency's for money beyond the grants."
    )
    window = serializers.ChoiceField(
        choices=LimitWindow.values, help_text="Days and months are those of UTC."
    )
    amount = serializers.DecimalField(max_digits=38, decimal_places=12)
    subject = serializers.CharField(
        required=False,
        allow_null=True,
        help_text="`key_...` or `usr_...`; without it the budget is the whole organization's.",
    )
    enforcement = serializers.ChoiceField(
        choices=["hard", "soft"], default="hard", help_text="A soft budget only warns."
    )
    alerts = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=1000),
        default=list(ALERTS),
        max_length=MOST_ALERTS,
        help_text="Percentages at which a notice is written and mailed, once a window.",
    )


class BudgetOut(serializers.Serializer[Any]):
    """A budget and what counts against it in the present window."""

    id = serializers.CharField()
    object = serializers.CharField()
    scope = serializers.ChoiceField(choices=LimitScope.values)
    subject = serializers.CharField(allow_null=True)
    unit = serializers.CharField()
    window = serializers.ChoiceField(choices=LimitWindow.values)
    window_started_at = serializers.DateTimeField(allow_null=True, help_text="Null for `total`.")
    amount = serializers.FloatField()
    used = serializers.FloatField()
    held = serializers.FloatField(help_text="Set aside for work under way; it counts too.")
    enforcement = serializers.ChoiceField(choices=["hard", "soft"])
    alerts = serializers.ListField(child=serializers.IntegerField())


class BudgetListOut(serializers.Serializer[Any]):
    """Budgets, oldest first, the plan's limits among them."""

    object = serializers.CharField()
    data = BudgetOut(many=True)  # type: ignore[assignment] # the API's name, not DRF's
    has_more = serializers.BooleanField()


class NoticeOut(serializers.Serializer[Any]):
    """A threshold that was reached, or a change of plan that could not be."""

    id = serializers.CharField()
    object = serializers.CharField()
    kind = serializers.ChoiceField(choices=["balance", "budget", "plan"])
    plan = serializers.CharField(
        allow_null=True,
        help_text="The plan that could not begin; numbers and unit then say nothing.",
    )
    reason = serializers.ChoiceField(choices=["currency", "payment"], allow_null=True)
    budget = serializers.CharField(allow_null=True, help_text="Null: it is the balance's.")
    unit = serializers.CharField()
    threshold = serializers.IntegerField(help_text="Per cent of `amount`.")
    used = serializers.FloatField()
    amount = serializers.FloatField()
    reached_at = serializers.DateTimeField()


class NoticeListOut(serializers.Serializer[Any]):
    """Notices, newest first."""

    object = serializers.CharField()
    data = NoticeOut(many=True)  # type: ignore[assignment] # the API's name, not DRF's
    first_id = serializers.CharField(allow_null=True)
    last_id = serializers.CharField(allow_null=True)
    has_more = serializers.BooleanField()


class BudgetsView(TenantView):
    """What may be used at most."""

    permission: ClassVar = {"GET": Permission.BILLING_READ, "POST": Permission.BILLING_MANAGE}

    @extend_schema(operation_id="billing_budgets_list", responses=BudgetListOut)
    def get(self, request: Request) -> Response:
        """List the budgets."""
        data = [budget_json(limit) for limit in limits_list(organization=self.organization)]
        return Response(whole_list(data))

    @extend_schema(operation_id="billing_budgets_set", request=BudgetIn, responses={201: BudgetOut})
    def post(self, request: Request) -> Response:
        """Set a budget; the same subject, unit and window again changes it."""
        body = self.body(BudgetIn)
        scope, subject_id = self._subject(body.get("subject"))
        limit = limit_set(
            organization=self.organization,
            actor=self.actor,
            scope=scope,
            subject_id=subject_id,
            unit=body["unit"],
            window=body["window"],
            amount=body["amount"],
            hard=body["enforcement"] == "hard",
            alerts=body["alerts"],
        )
        return Response(budget_json(limit), status=status.HTTP_201_CREATED)

    def _subject(self, subject: str | None) -> tuple[str, UUID | None]:
        """Return whose budget it is; only keys and members of this organization have one here."""
        if not subject:
            return LimitScope.ORGANIZATION, None
        try:
            if subject.startswith("key_"):
                key_id = parse_id("key_", subject)
                if key_exists(organization=self.organization, key_id=key_id):
                    return LimitScope.KEY, key_id
            elif subject.startswith("usr_"):
                user_id = parse_id("usr_", subject)
                member_get(organization=self.organization, user_id=user_id)
                return LimitScope.MEMBER, user_id
        except NotFound:
            pass
        raise LimitInvalid(
            "subject: name an API key ('key_...') or a member ('usr_...') of this organization.",
            param="subject",
        )


class BudgetView(TenantView):
    """One budget."""

    permission: ClassVar = {"GET": Permission.BILLING_READ, "DELETE": Permission.BILLING_MANAGE}
    located: LimitInfo

    def locate(self, request: Request, **ids: str) -> LimitInfo:
        """Find it among the organization's."""
        limit_id = parse_id("bud_", ids["budget_id"])
        found = limits_list(organization=self.organization, limit_id=limit_id)
        if not found:
            raise NotFound(LimitUnknown.message)
        return found[0]

    @extend_schema(operation_id="billing_budgets_retrieve", responses=BudgetOut)
    def get(self, request: Request, budget_id: str) -> Response:
        """Read one budget."""
        return Response(budget_json(self.located))

    @extend_schema(operation_id="billing_budgets_remove", request=None, responses={204: None})
    def delete(self, request: Request, budget_id: str) -> Response:
        """Remove a budget. A plan's limit goes with the plan."""
        limit_remove(organization=self.organization, limit_id=self.located.id, actor=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)


class NoticesView(TenantView):
    """Which thresholds were reached, and what became of plans."""

    permission = Permission.BILLING_READ

    @extend_schema(operation_id="billing_notices", responses=NoticeListOut)
    def get(self, request: Request) -> Response:
        """List the notices, newest first."""
        rows = notices_rows(organization=self.organization)
        return Response(
            page(rows, request, prefix="ntc_", render=lambda row: notice_json(notice_info(row)))
        )


def budget_json(limit: LimitInfo) -> dict[str, Any]:
    """Render one budget."""
    prefix = "key_" if limit.scope == LimitScope.KEY else "usr_"
    whole = limit.window == LimitWindow.TOTAL
    return {
        "id": public_id("bud_", limit.id),
        "object": "billing.budget",
        "scope": limit.scope,
        "subject": public_id(prefix, limit.subject_id) if limit.subject_id else None,
        "unit": limit.unit,
        "window": limit.window,
        "window_started_at": None if whole else limit.begins_at.isoformat(),
        "amount": quantity_json(limit.amount),
        "used": quantity_json(limit.used),
        "held": quantity_json(limit.held),
        "enforcement": "hard" if limit.hard else "soft",
        "alerts": list(limit.alerts),
    }


def notice_json(notice: NoticeInfo) -> dict[str, Any]:
    """Render one notice."""
    kind, _, subject = notice.rule.partition(":")
    of_plan = kind == "plan"
    return {
        "id": public_id("ntc_", notice.id),
        "object": "billing.notice",
        "kind": "budget" if kind == "limit" else kind,
        "plan": notice.unit if of_plan else None,
        "reason": subject if of_plan else None,
        "budget": public_id("bud_", UUID(subject)) if kind == "limit" else None,
        "unit": "" if of_plan else notice.unit,
        "threshold": notice.threshold,
        "used": quantity_json(notice.used),
        "amount": quantity_json(notice.amount),
        "reached_at": notice.reached_at.isoformat(),
    }


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
