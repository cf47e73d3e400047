"""Subscriptions: what a plan gives, how it changes, and that time gives it once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from anneal.kernel import clock
from anneal.kernel.errors import DomainError
from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger.models import Grant
from billing.ledger.reconcile import ledger_drift
from billing.ledger.selectors import balance_get
from billing.ledger.services import balance_grant
from billing.plans.contracts import Overage, Period, PlanTerms, SubscriptionInfo
from billing.plans.models import Subscription, SubscriptionPeriod
from billing.plans.selectors import limits_in_force, subscription_get
from billing.plans.services import (
    plan_add,
    plan_edit,
    plan_version_draft,
    plan_version_publish,
    subscription_change,
    subscription_renew,
)
from billing.plans.tasks import renew

pytestmark = pytest.mark.django_db

D = Decimal
BEGINS = datetime(2029, 1, 31, 12, tzinfo=UTC)
FEBRUARY = datetime(2029, 2, 28, tzinfo=UTC)
MARCH = datetime(2029, 3, 31, tzinfo=UTC)
APRIL = datetime(2029, 4, 30, tzinfo=UTC)


@pytest.fixture
def begun(organization: OrganizationRef) -> Iterator[OrganizationRef]:
    """An organization on `starter` since the 31st of January."""
    go(organization, "starter", BEGINS)
    return organization


def go(
    organization: OrganizationRef, plan: str, at: datetime, *, assigned: bool = True, **more: Any
) -> SubscriptionInfo:
    with clock.frozen(at), tenant_scope(organization):
        return subscription_change(
            organization=organization, actor=SYSTEM_ACTOR, plan=plan, assigned=assigned, **more
        )


def grants(organization: OrganizationRef, unit: str = "prediction") -> list[tuple[Any, ...]]:
    """amount, effective_at, expires_at and kind of what plans gave, oldest first."""
    with tenant_scope(organization):
        rows = Grant.objects.filter(unit=unit).exclude(source="trial").order_by("id")
        return [
            (int(row.amount), row.effective_at, row.expires_at, row.kind)
            for row in rows
            if row.source.startswith(("plan:", "credit_line:"))
        ]


def publish(plan: str, terms: PlanTerms) -> None:
    with system_scope("test"):
        draft = plan_version_draft(actor=SYSTEM_ACTOR, plan=plan, terms=terms)
        plan_version_publish(actor=SYSTEM_ACTOR, version_id=draft.id)


def add_plan(code: str, **terms: Any) -> None:
    with system_scope("test"):
        plan_add(actor=SYSTEM_ACTOR, code=code, name_en=code, name_zh=code)
    publish(code, PlanTerms(**terms))


def tick(at: datetime) -> None:
    with clock.frozen(at):
        renew()


def test_the_first_plan_begins_now_with_all_its_units(begun: OrganizationRef) -> None:
    with tenant_scope(begun), clock.frozen(BEGINS):
        found = subscription_get(organization=begun)
        limits = limits_in_force(organization=begun).limits

    assert found is not None
    assert (found.plan.code, found.time_zone) == ("starter", "UTC")
    assert (found.period_starts_at, found.period_ends_at) == (BEGINS, FEBRUARY)
    assert (limits.requests_per_minute, limits.seats) == (600, 5)
    assert grants(begun) == [(250_000, BEGINS, FEBRUARY, "purchased")]
    assert grants(begun, "trained_token") == [(20_000_000, BEGINS, FEBRUARY, "purchased")]


def test_a_free_plans_units_are_a_gift_and_no_trial(organization: OrganizationRef) -> None:
    go(organization, "free", BEGINS, assigned=False)

    assert grants(organization) == [(1_000, BEGINS, FEBRUARY, "operator")]


def test_each_period_brings_its_units_once(begun: OrganizationRef) -> None:
    for day in (FEBRUARY - timedelta(microseconds=1), FEBRUARY, FEBRUARY, MARCH, APRIL):
        tick(day)

    may = datetime(2029, 5, 31, tzinfo=UTC)
    assert [row[1:3] for row in grants(begun)] == [
        (BEGINS, FEBRUARY),
        (FEBRUARY, MARCH),
        (MARCH, APRIL),
        (APRIL, may),
    ]


def test_r23_a_tick_twice_and_late_opens_each_period_once(begun: OrganizationRef) -> None:
    late = APRIL + timedelta(days=3)
    tick(late)
    tick(late)

    with tenant_scope(begun):
        periods = list(
            SubscriptionPeriod.objects.order_by("starts_at").values_list("starts_at", "ends_at")
        )
    may = datetime(2029, 5, 31, tzinfo=UTC)
    assert periods == [(BEGINS, FEBRUARY), (FEBRUARY, MARCH), (MARCH, APRIL), (APRIL, may)]
    # What nobody could use any more is not given; what is open is.
    assert [row[1] for row in grants(begun)] == [BEGINS, APRIL]


def test_r43_a_window_is_filled_once_even_if_its_row_were_lost(begun: OrganizationRef) -> None:
    tick(FEBRUARY)
    with system_scope("test"):
        Subscription.objects.update(renews_at=FEBRUARY)
    tick(FEBRUARY)

    assert [row[1] for row in grants(begun)] == [BEGINS, FEBRUARY]


def test_one_that_cannot_be_renewed_does_not_keep_others_from_it(
    begun: OrganizationRef,
    other_organization: OrganizationRef,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    go(other_organization, "starter", BEGINS)
    with system_scope("test"):
        broken = Subscription.objects.order_by("id")[0].id

    def fail(*, subscription_id: Any) -> bool:
        if subscription_id == broken:
            raise RuntimeError("broken")
        return subscription_renew(subscription_id=subscription_id)

    monkeypatch.setattr("billing.plans.tasks.subscription_renew", fail)
    tick(FEBRUARY)

    assert len(grants(begun)) + len(grants(other_organization)) == 3
    assert "plans.renew failed" in caplog.text


def test_an_upgrade_begins_now_with_its_share_and_takes_nothing_back(
    begun: OrganizationRef,
) -> None:
    tick(FEBRUARY)
    half = FEBRUARY + (MARCH - FEBRUARY) / 2

    changed = go(begun, "pro", half)

    assert (changed.plan.code, changed.period_ends_at) == ("pro", MARCH)
    # Half of the 1,250,000 that pro has more than starter, until the same end.
    assert grants(begun)[1:] == [
        (250_000, FEBRUARY, MARCH, "purchased"),
        (625_000, half, MARCH, "purchased"),
    ]
    assert grants(begun, "USD") == [(200, half, MARCH, "credit_line")]
    with tenant_scope(begun):
        periods = list(
            SubscriptionPeriod.objects.order_by("starts_at").values_list(
                "starts_at", "ends_at", "whole_starts_at", "whole_ends_at"
            )
        )
    assert periods[1:] == [
        (FEBRUARY, half, FEBRUARY, MARCH),
        (half, MARCH, FEBRUARY, MARCH),
    ]
    tick(MARCH)
    assert grants(begun)[3:] == [(1_500_000, MARCH, APRIL, "purchased")]
    assert grants(begun, "USD")[1:] == [(200, MARCH, APRIL, "credit_line")]


def test_a_downgrade_waits_for_the_periods_end(begun: OrganizationRef) -> None:
    changed = go(begun, "free", BEGINS + timedelta(days=1), assigned=False)

    assert (changed.plan.code, changed.next_plan and changed.next_plan.code) == ("starter", "free")
    assert len(grants(begun)) == 1
    tick(FEBRUARY)
    with tenant_scope(begun), clock.frozen(FEBRUARY):
        found = subscription_get(organization=begun)
    assert found is not None
    assert (found.plan.code, found.starts_at, found.next_plan) == ("free", FEBRUARY, None)
    assert grants(begun)[1:] == [(1_000, FEBRUARY, MARCH, "operator")]


def test_a_downgrade_that_waits_can_be_taken_back(begun: OrganizationRef) -> None:
    day = BEGINS + timedelta(days=1)
    go(begun, "free", day, assigned=False)

    changed = go(begun, "starter", day, assigned=False)

    assert changed.next_plan is None
    tick(FEBRUARY)
    assert [row[0] for row in grants(begun)] == [250_000, 250_000]


def test_a_change_when_the_tick_is_late_renews_first(begun: OrganizationRef) -> None:
    day = FEBRUARY + timedelta(days=2)

    changed = go(begun, "pro", day)

    assert (changed.starts_at, changed.period_ends_at) == (day, MARCH)
    assert [row[1] for row in grants(begun)] == [BEGINS, FEBRUARY, day]


def test_r43_going_to_and_fro_between_plans_fills_nothing_twice(
    organization: OrganizationRef,
) -> None:
    add_plan("words", included={"prediction": D(10), "trained_token": D(900)})
    line = {"overage": Overage.INVOICE, "credit_line": D(30)}
    add_plan("line", included={"prediction": D(1000)}, **line)
    go(organization, "free", BEGINS, assigned=False)

    for hour, plan in enumerate(["words", "line", "free", "words", "line", "words", "free"], 1):
        go(organization, plan, BEGINS + timedelta(hours=hour))

    assert sum(row[0] for row in grants(organization)) == 1_000
    assert sum(row[0] for row in grants(organization, "trained_token")) <= 900
    assert sum(row[0] for row in grants(organization, "USD")) == 30


def test_r43_a_change_of_period_that_costs_the_same_waits(organization: OrganizationRef) -> None:
    add_plan("free-year", period=Period.YEAR, included={"prediction": D(12_000)})
    go(organization, "free", BEGINS, assigned=False)

    changed = go(organization, "free-year", BEGINS + timedelta(hours=1), assigned=False)

    assert changed.next_plan is not None
    assert [row[0] for row in grants(organization)] == [1_000]
    tick(FEBRUARY)
    assert [row[0] for row in grants(organization)] == [1_000, 12_000]


def test_a_hidden_or_newer_plan_is_kept_as_it_is(begun: OrganizationRef) -> None:
    """What an organization has it may keep, whatever is offered today."""
    day = BEGINS + timedelta(days=1)
    with clock.frozen(BEGINS):
        publish("starter", PlanTerms(fee=D(25)))
    with system_scope("test"):
        plan_edit(
            actor=SYSTEM_ACTOR, code="starter", name_en="S", name_zh="S", public=False, position=1
        )
    go(begun, "free", day, assigned=False)

    changed = go(begun, "starter", day, assigned=False)

    assert (changed.plan.code, changed.plan.version, changed.next_plan) == ("starter", 1, None)


def test_a_yearly_plan_begins_a_grid_of_its_own(begun: OrganizationRef) -> None:
    add_plan("yearly", fee=D(600), period=Period.YEAR, included={"prediction": D(9)})
    day = datetime(2029, 2, 10, 8, tzinfo=UTC)

    changed = go(begun, "yearly", day)

    assert changed.period_starts_at == day
    assert changed.period_ends_at == datetime(2030, 2, 10, tzinfo=UTC)
    assert grants(begun)[1:] == [(9, day, datetime(2030, 2, 10, tzinfo=UTC), "purchased")]


def test_back_to_months_at_the_end_of_a_year(organization: OrganizationRef) -> None:
    add_plan("yearly", fee=D(600), period=Period.YEAR)
    go(organization, "yearly", BEGINS)
    go(organization, "starter", BEGINS + timedelta(days=1))
    ends = datetime(2030, 1, 31, tzinfo=UTC)

    tick(ends)

    assert grants(organization) == [(250_000, ends, datetime(2030, 2, 28, tzinfo=UTC), "purchased")]


def test_r42_editing_a_plan_touches_no_grant_and_no_subscription(begun: OrganizationRef) -> None:
    with tenant_scope(begun), clock.frozen(BEGINS):
        balance_grant(
            organization=begun,
            unit="prediction",
            amount=777,
            kind="purchased",
            source="purchase:1",
        )
        before = list(Grant.objects.order_by("id").values())

    with clock.frozen(BEGINS + timedelta(days=1)):
        publish("starter", PlanTerms(fee=D(19), included={"prediction": D(1)}))
    with tenant_scope(begun):
        assert list(Grant.objects.order_by("id").values()) == before
    tick(FEBRUARY)

    assert [row[0] for row in grants(begun)] == [250_000, 250_000]
    go(begun, "starter", FEBRUARY + timedelta(days=1))
    with tenant_scope(begun), clock.frozen(FEBRUARY + timedelta(days=1)):
        assert balance_get(organization=begun, unit="prediction").available == 250_777
        assert Grant.objects.get(source="purchase:1").voided == 0


def test_a_plan_that_costs_money_needs_a_payment_method(organization: OrganizationRef) -> None:
    with pytest.raises(DomainError) as raised:
        go(organization, "pro", BEGINS, assigned=False)

    assert (raised.value.code, raised.value.status) == ("payment_method_required", 402)
    assert "99 USD a month" in raised.value.text
    assert "saves a card" in raised.value.text
    assert grants(organization) == []


def test_a_free_plan_with_a_credit_line_needs_a_payment_method_too(
    organization: OrganizationRef,
) -> None:
    add_plan("paygo", overage=Overage.INVOICE, credit_line=D(100))

    with pytest.raises(DomainError) as raised:
        go(organization, "paygo", BEGINS, assigned=False)

    assert (raised.value.code, raised.value.status) == ("payment_method_required", 402)
    assert "invoices" in raised.value.text
    assert grants(organization, "USD") == []
    go(organization, "paygo", BEGINS)
    assert [row[0] for row in grants(organization, "USD")] == [100]


@pytest.mark.parametrize(
    ("plan", "more", "code"),
    [
        ("bananas", {}, "plan_not_found"),
        ("starter", {}, "subscription_unchanged"),
        ("pro", {"time_zone": "Asia/Shanghai"}, "conflict"),
        ("euro", {}, "plan_currency"),
    ],
)
def test_a_change_that_is_none_is_refused(
    begun: OrganizationRef, plan: str, more: dict[str, Any], code: str
) -> None:
    add_plan("euro", fee=D(30), currency="EUR")

    with pytest.raises(DomainError) as raised:
        go(begun, plan, BEGINS + timedelta(days=1), **more)

    assert raised.value.code == code


@pytest.mark.parametrize("zone", ["Mars/Olympus", "EST5EDT,M3.2.0,M11.1.0", "", "../etc/passwd"])
def test_a_time_zone_nobody_knows_is_refused(organization: OrganizationRef, zone: str) -> None:
    with pytest.raises(DomainError) as raised:
        go(organization, "free", BEGINS, time_zone=zone or "nowhere")

    assert raised.value.code == "time_zone_invalid"


def test_a_change_of_plan_leaves_audit_rows(begun: OrganizationRef) -> None:
    go(begun, "pro", BEGINS + timedelta(days=1))
    go(begun, "free", BEGINS + timedelta(days=2))
    go(begun, "pro", BEGINS + timedelta(days=3))
    go(begun, "starter", BEGINS + timedelta(days=4))
    tick(FEBRUARY)

    with tenant_scope(begun):
        rows = AuditEvent.objects.filter(action__startswith="subscription.").order_by("id")
        assert list(rows.values_list("action", flat=True)) == [
            "subscription.start",
            "subscription.upgrade",
            "subscription.schedule",
            "subscription.keep",
            "subscription.schedule",
            "subscription.succeed",
        ]


def test_the_books_balance_over_a_year_of_plans(begun: OrganizationRef) -> None:
    add_plan("team", fee=D(50), overage=Overage.INVOICE, credit_line=D("20.50"), included={})
    for day, plan in ((9, "team"), (12, "pro"), (50, "free"), (90, "team"), (200, "starter")):
        at = BEGINS + timedelta(days=day)
        tick(at)
        go(begun, plan, at)
    tick(BEGINS + timedelta(days=400))

    with system_scope("test"):
        assert ledger_drift() == ()
