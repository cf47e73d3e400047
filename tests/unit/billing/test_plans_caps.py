"""Caps of plans: limits of scope plan that come, change and go with the plan."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from anneal.kernel import clock
from anneal.kernel.errors import DomainError
from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger.contracts import LimitInfo
from billing.ledger.errors import LimitReached
from billing.ledger.models import LimitScope, SpendingLimit
from billing.ledger.reconcile import ledger_drift
from billing.ledger.selectors import limits_list
from billing.ledger.services import hold_capture, hold_take, limit_set
from billing.plans.contracts import CapWindow, Overage, PlanCap, PlanTerms
from billing.plans.models import PlanVersion
from billing.plans.services import plan_version_draft
from tests.unit.billing.test_plans_subscriptions import BEGINS, FEBRUARY, add_plan, go, tick

pytestmark = pytest.mark.django_db

D = Decimal
MONTHLY = PlanCap("prediction", CapWindow.MONTH, D(40))
TERMS = PlanTerms(included={"prediction": D(100)}, caps=(MONTHLY,))


def caps(organization: OrganizationRef) -> list[tuple[Any, ...]]:
    return [
        (one.unit, one.window, one.amount, one.hard)
        for one in plan_limits(organization)
        if one.scope == LimitScope.PLAN
    ]


def plan_limits(organization: OrganizationRef) -> tuple[LimitInfo, ...]:
    with tenant_scope(organization):
        return limits_list(organization=organization)


def use(organization: OrganizationRef, units: int, key: str, at: Any = BEGINS) -> None:
    with clock.frozen(at), tenant_scope(organization):
        hold = hold_take(
            organization=organization, unit="prediction", amount=units, key=key, ttl_seconds=600
        )
        hold_capture(organization=organization, hold_id=hold.id, amount=units, event_id=key)


def add_capped(code: str, *given: PlanCap, **terms: Any) -> None:
    add_plan(code, included={"prediction": D(100)}, caps=given, **terms)


def test_a_cap_begins_with_the_plan_and_refuses_what_the_units_would_cover(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    add_capped("capped", MONTHLY)
    go(organization, "capped", BEGINS, assigned=False)
    use(organization, 30, "first")

    with pytest.raises(LimitReached) as refused:
        use(organization, 11, "second")

    assert caps(organization) == [("prediction", "month", 40, True)]
    assert caps(other_organization) == []
    assert (refused.value.status, refused.value.code) == (402, "limit_reached")
    assert "The limit of the plan is 40 prediction per month: 30 used" in refused.value.text
    assert "Change the plan under Billing or wait for the next month" in refused.value.text
    use(organization, 10, "third")
    use(organization, 40, "next month", BEGINS + timedelta(days=2))
    with system_scope("test"):
        assert ledger_drift() == ()


def test_a_change_of_plan_changes_adds_and_takes_away(organization: OrganizationRef) -> None:
    daily = PlanCap("trained_token", CapWindow.DAY, D(9), hard=False)
    add_capped("small", MONTHLY, daily)
    add_capped("large", replace(MONTHLY, amount=D(90)), fee=D(5))
    go(organization, "small", BEGINS, assigned=False)
    use(organization, 40, "all of it")

    go(organization, "large", BEGINS + timedelta(minutes=1))

    assert caps(organization) == [("prediction", "month", 90, True)]
    use(organization, 50, "what counted counts on")
    with pytest.raises(LimitReached):
        use(organization, 1, "one too many")
    go(organization, "free", BEGINS + timedelta(hours=1), assigned=False)
    assert caps(organization) == [("prediction", "month", 90, True)]
    tick(FEBRUARY)
    assert caps(organization) == []
    with tenant_scope(organization):
        rows = AuditEvent.objects.filter(action__startswith="limit.").order_by("id")
        told = list(rows.values_list("action", flat=True))
    assert told == ["limit.set", "limit.set", "limit.remove", "limit.set", "limit.remove"]


def test_a_renewal_brings_back_what_is_missing_and_changes_nothing_else(
    organization: OrganizationRef,
) -> None:
    add_capped("capped", MONTHLY)
    go(organization, "capped", BEGINS, assigned=False)
    with tenant_scope(organization):
        limit_set(organization=organization, unit="prediction", window="month", amount=7)
    before = plan_limits(organization)

    tick(FEBRUARY)

    assert [one.id for one in plan_limits(organization)] == [one.id for one in before]
    with tenant_scope(organization):
        SpendingLimit.objects.filter(scope="plan").update(removed_at=FEBRUARY)
    tick(FEBRUARY + timedelta(days=40))
    assert caps(organization) == [("prediction", "month", 40, True)]


def test_a_cap_of_money_counts_what_is_charged_beyond_the_units(
    organization: OrganizationRef,
) -> None:
    cap = PlanCap("USD", CapWindow.MONTH, D("0.50"))
    line = {"overage": Overage.INVOICE, "credit_line": D(100)}
    add_plan("line", caps=(cap,), **line)
    go(organization, "line", BEGINS)

    with pytest.raises(LimitReached) as refused:
        use(organization, 9_000, "too much")

    assert "The limit of the plan is 0.5 USD per month" in refused.value.text
    use(organization, 4_000, "within")


def test_two_hundred_budgets_of_ones_own_leave_room_for_the_plans(
    organization: OrganizationRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing.ledger.services.limits.MOST_LIMITS", 1)
    add_capped("capped", MONTHLY)
    with tenant_scope(organization):
        limit_set(organization=organization, unit="prediction", window="day", amount=7)

    go(organization, "capped", BEGINS, assigned=False)

    assert len(caps(organization)) == 1


def test_the_api_shows_a_plans_caps_and_does_not_let_them_go(
    organization: OrganizationRef, client_api: APIClient
) -> None:
    add_capped("capped", MONTHLY, PlanCap("USD", CapWindow.DAY, D("2.5"), hard=False))
    go(organization, "capped", BEGINS, assigned=False)

    plans = client_api.get("/v1/billing/plans").json()["data"]
    (shown,) = [plan for plan in plans if plan["code"] == "capped"]
    budget = client_api.get("/v1/billing/budgets").json()["data"][0]

    assert shown["caps"] == [
        {"unit": "USD", "window": "day", "amount": "2.5", "enforcement": "soft"},
        {"unit": "prediction", "window": "month", "amount": "40", "enforcement": "hard"},
    ]
    assert budget["scope"] == "plan"
    answer = client_api.delete(f"/v1/billing/budgets/{budget['id']}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "limit_of_plan")


@pytest.mark.parametrize(
    ("cap", "code"),
    [
        (replace(MONTHLY, amount=D(-1)), "price_invalid"),
        (replace(MONTHLY, amount=D(0)), "price_invalid"),
        (replace(MONTHLY, amount=D("NaN")), "price_invalid"),
        (replace(MONTHLY, amount=D(10) ** 30), "price_invalid"),
        (replace(MONTHLY, unit="bananas"), "plan_invalid"),
        (replace(MONTHLY, unit="EUR"), "plan_invalid"),
        (replace(MONTHLY, unit="USD", amount=D("0.001")), "currency_decimals"),
        (replace(MONTHLY, window="week"), "plan_invalid"),
    ],
)
def test_a_cap_nobody_can_keep_is_refused(cap: PlanCap, code: str) -> None:
    before = PlanVersion.objects.count()
    with system_scope("test"), pytest.raises(DomainError) as refused:
        plan_version_draft(actor=SYSTEM_ACTOR, plan="free", terms=replace(TERMS, caps=(cap,)))
    assert refused.value.code == code
    assert PlanVersion.objects.count() == before


@pytest.mark.parametrize(
    "given", [(MONTHLY, MONTHLY), (MONTHLY, replace(MONTHLY, hard=False))], ids=["same", "other"]
)
def test_one_cap_a_window(given: tuple[PlanCap, ...]) -> None:
    with system_scope("test"), pytest.raises(DomainError, match="one cap a month"):
        plan_version_draft(actor=SYSTEM_ACTOR, plan="free", terms=replace(TERMS, caps=given))
