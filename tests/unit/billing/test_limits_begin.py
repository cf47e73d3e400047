"""What a limit begins with, when its thresholds are told, and in which money it may be."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from anneal.kernel import clock
from anneal.kernel.ids import public_id, uuid7
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger.contracts import LimitInfo
from billing.ledger.errors import AccountWithoutMoney, CurrencyMismatch, LimitReached
from billing.ledger.models import LimitCount, Notice
from billing.ledger.notices import notices_announce
from billing.ledger.reconcile import ledger_drift
from billing.ledger.selectors import limits_list
from billing.ledger.services import (
    balance_grant,
    balance_grant_set,
    hold_capture,
    hold_refund,
    hold_take,
    limit_remove,
    limit_set,
)
from billing.plans.contracts import CapWindow, Overage, PlanCap
from tests.unit.billing.test_plans_subscriptions import BEGINS, add_plan, go
from tests.unit.factories import error_of

pytestmark = pytest.mark.django_db

D = Decimal
NOW = datetime(2029, 3, 10, 12, tzinfo=UTC)
ALL = [50, 80, 90, 100]


def give(organization: OrganizationRef, unit: str, amount: Any, at: datetime = NOW) -> None:
    with clock.frozen(at), tenant_scope(organization):
        balance_grant(
            organization=organization,
            unit=unit,
            amount=amount,
            kind="operator",
            source=f"test:{uuid7()}",
        )


def limit(organization: OrganizationRef, amount: Any, at: datetime = NOW, **more: Any) -> LimitInfo:
    with clock.frozen(at), tenant_scope(organization):
        return limit_set(
            organization=organization,
            amount=amount,
            **({"unit": "prediction", "window": "month"} | more),
        )


def use(organization: OrganizationRef, units: int, at: datetime = NOW, **more: Any) -> Any:
    key = str(uuid7())
    with clock.frozen(at), tenant_scope(organization):
        hold = hold_take(
            organization=organization,
            unit="prediction",
            amount=units,
            key=key,
            ttl_seconds=600,
            **more,
        )
        return hold_capture(
            organization=organization,
            hold_id=hold.id,
            amount=units,
            event_id=key,
            api_key_id=more.get("api_key_id"),
        )


def told(organization: OrganizationRef) -> list[tuple[int, int, int]]:
    """Threshold, used and amount of what limits told, by amount."""
    with tenant_scope(organization):
        rows = Notice.objects.filter(rule__startswith="limit:").order_by(
            "amount", "used", "threshold"
        )
        return [(row.threshold, int(row.used), int(row.amount)) for row in rows]


def books_agree() -> None:
    with system_scope("test"):
        assert ledger_drift() == ()


def test_a_raised_budget_tells_its_thresholds_again(
    organization: OrganizationRef, client_api: APIClient
) -> None:
    give(organization, "prediction", 100_000)
    limit(organization, 100)
    use(organization, 100)
    budget = limit(organization, 1_000)
    assert told(organization) == [(percent, 100, 100) for percent in ALL]

    use(organization, 400)
    use(organization, 500)

    assert told(organization)[4:] == [
        (50, 500, 1_000),
        (80, 1_000, 1_000),
        (90, 1_000, 1_000),
        (100, 1_000, 1_000),
    ]
    with clock.frozen(NOW), tenant_scope(organization):
        assert notices_announce(organization=organization) >= 8
    shown = client_api.get("/v1/billing/notices").json()["data"]
    budgets = {one["budget"] for one in shown if one["kind"] == "budget"}
    assert budgets == {public_id("bud_", budget.id)}
    books_agree()


def test_the_same_amount_again_tells_nothing_again(organization: OrganizationRef) -> None:
    give(organization, "prediction", 100_000)
    limit(organization, 100, hard=False)
    use(organization, 85)

    limit(organization, 100, hard=True)
    use(organization, 1)

    assert told(organization) == [(50, 85, 100), (80, 85, 100)]


def test_a_lowered_budget_tells_at_once_what_it_has_passed(organization: OrganizationRef) -> None:
    give(organization, "prediction", 100_000)
    limit(organization, 1_000)
    use(organization, 600)

    limit(organization, 650)

    # 50 % is told and true of both; nothing may be used any more that would tell the others.
    assert told(organization) == [(80, 600, 650), (90, 600, 650), (50, 600, 1_000)]


def test_a_raised_cap_of_a_plan_tells_again(organization: OrganizationRef) -> None:
    cap = PlanCap("prediction", CapWindow.MONTH, D(40))
    add_plan("small", included={"prediction": D(10_000)}, caps=(cap,))
    more = replace(cap, amount=D(400))
    add_plan("large", included={"prediction": D(10_000)}, caps=(more,), fee=D(5))
    go(organization, "small", BEGINS, assigned=False)
    use(organization, 40, BEGINS)

    go(organization, "large", BEGINS + timedelta(minutes=1))
    use(organization, 360, BEGINS + timedelta(minutes=2))

    assert told(organization)[4:] == [(percent, 400, 400) for percent in ALL]


def test_to_and_fro_between_plans_widens_no_cap(organization: OrganizationRef) -> None:
    units = {"prediction": D(10_000)}
    add_plan("daily", included=units, caps=(PlanCap("prediction", CapWindow.DAY, D(40)),))
    add_plan("monthly", included=units, caps=(PlanCap("prediction", CapWindow.MONTH, D(100)),))
    go(organization, "daily", BEGINS, assigned=False)
    use(organization, 40, BEGINS)
    go(organization, "monthly", BEGINS + timedelta(minutes=1), assigned=False)
    use(organization, 60, BEGINS + timedelta(minutes=2))

    for minute, plan in enumerate(("daily", "monthly", "daily"), start=3):
        at = BEGINS + timedelta(minutes=minute)
        go(organization, plan, at, assigned=False)
        with pytest.raises(LimitReached, match="100 used"):
            use(organization, 1, at)

    with tenant_scope(organization):
        assert LimitCount.objects.count() == 2
    books_agree()


def test_a_new_budget_begins_with_what_its_window_has_used(organization: OrganizationRef) -> None:
    give(organization, "prediction", 100_000)
    use(organization, 1_000, NOW - timedelta(days=20))
    yesterday = use(organization, 30, NOW - timedelta(days=1))
    use(organization, 50, NOW)
    with clock.frozen(NOW), tenant_scope(organization):
        hold_refund(
            organization=organization, hold_id=yesterday.id, amount=10, key="r", reason="ours"
        )

    used = {
        window: limit(organization, 60, window=window, hard=False).used
        for window in ("month", "total")
    }

    assert used == {"month": 70, "total": 1_070}
    assert told(organization)[:4] == [(percent, 70, 60) for percent in ALL]
    with pytest.raises(LimitReached):
        limit(organization, 70)
        use(organization, 1, NOW)
    books_agree()


def test_a_budget_of_money_begins_with_what_was_charged(organization: OrganizationRef) -> None:
    give(organization, "USD", 100)
    use(organization, 20_000)  # at the list price of 0.0001 USD

    budget = limit(organization, 5, unit="USD")

    assert (budget.used, told(organization)) == (2, [])
    assert limit(organization, 2, unit="USD", window="day").used == 2
    assert told(organization) == [(percent, 2, 2) for percent in ALL]
    books_agree()


@pytest.mark.parametrize("unit", ["prediction", "USD"])
def test_what_an_earlier_window_gives_back_makes_no_room(
    organization: OrganizationRef, unit: str
) -> None:
    if unit == "prediction":
        give(organization, "prediction", 100_000, BEGINS)
    else:
        give(organization, "USD", 1_000, BEGINS)
        with clock.frozen(BEGINS), tenant_scope(organization):
            balance_grant_set(organization=organization, unit="prediction", amount=0)
    before = use(organization, 300, BEGINS)
    now = use(organization, 10_000)
    with clock.frozen(NOW), tenant_scope(organization):
        hold_refund(organization=organization, hold_id=before.id, key="before", reason="fault")
        hold_refund(
            organization=organization, hold_id=now.id, amount=2_000, key="now", reason="fault"
        )
    used = D(8_000) if unit == "prediction" else now.charged * D("0.8")

    found = limit(organization, used, unit=unit)

    assert found.used == used > 0
    with pytest.raises(LimitReached):
        use(organization, 1)
    books_agree()


def test_a_keys_budget_begins_with_its_own_units_and_a_members_with_none(
    organization: OrganizationRef,
) -> None:
    give(organization, "prediction", 1_000)
    give(organization, "USD", 10)
    key, other = uuid7(), uuid7()
    use(organization, 30, api_key_id=key)
    use(organization, 7, api_key_id=other)

    begun = {
        (scope, unit): limit(organization, 60, scope=scope, subject_id=key, unit=unit).used
        for scope, unit in (("key", "prediction"), ("key", "USD"), ("member", "prediction"))
    }

    assert begun == {("key", "prediction"): 30, ("key", "USD"): 0, ("member", "prediction"): 0}
    books_agree()


def test_a_removed_budget_comes_back_with_its_counts(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    for each in (organization, other_organization):
        give(each, "prediction", 1_000)
        use(each, 5)
    first = limit(organization, 100)
    with clock.frozen(NOW), tenant_scope(organization):
        hold_take(
            organization=organization, unit="prediction", amount=9, key="open", ttl_seconds=600
        )
        limit_remove(organization=organization, limit_id=first.id, actor=SYSTEM_ACTOR)
    use(organization, 20)

    again = limit(organization, 50)

    assert (again.id, again.used, again.held) == (first.id, 25, 9)
    with tenant_scope(other_organization):
        assert limits_list(organization=other_organization) == ()
    books_agree()


def test_no_budget_of_money_before_there_is_money(
    organization: OrganizationRef, client_api: APIClient
) -> None:
    body = {"unit": "USD", "window": "month", "amount": "5"}

    refused = client_api.post("/v1/billing/budgets", body, format="json")

    assert (refused.status_code, error_of(refused)["code"]) == (409, "account_without_money")
    assert client_api.get("/v1/billing/budgets").json()["data"] == []
    with pytest.raises(AccountWithoutMoney):
        limit(organization, 5, unit="EUR")
    give(organization, "EUR", 5)
    assert limit(organization, 5, unit="EUR").unit == "EUR"
    with pytest.raises(CurrencyMismatch):
        limit(organization, 5, unit="USD")


def test_money_comes_in_the_currency_that_the_plan_limits(organization: OrganizationRef) -> None:
    cap = PlanCap("USD", CapWindow.MONTH, D(5))
    add_plan("capped", caps=(cap,))
    line = {"overage": Overage.INVOICE, "credit_line": D(100)}
    add_plan("euro", currency="EUR", caps=(replace(cap, unit="EUR"),), **line)
    go(organization, "capped", BEGINS, assigned=False)

    with pytest.raises(CurrencyMismatch, match="limits what is spent in USD"):
        give(organization, "EUR", 5, BEGINS)

    go(organization, "euro", BEGINS + timedelta(minutes=1))
    give(organization, "EUR", 5, BEGINS + timedelta(minutes=2))
    assert [one.unit for one in _limits(organization)] == ["EUR"]


def _limits(organization: OrganizationRef) -> tuple[LimitInfo, ...]:
    with tenant_scope(organization):
        return limits_list(organization=organization)
