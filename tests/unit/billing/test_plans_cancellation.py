"""Leaving a plan that is paid: at the period's end, at once, and staying after all."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from anneal.kernel import clock
from anneal.kernel.errors import DomainError
from anneal.kernel.ids import uuid7
from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import SYSTEM_ACTOR, Role
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger.models import Grant
from billing.ledger.reconcile import ledger_drift
from billing.ledger.selectors import balance_get, limits_list
from billing.ledger.services import (
    balance_grant,
    balance_void,
    hold_capture,
    hold_refund,
    hold_take,
)
from billing.plans.contracts import CapWindow, Overage, Period, PlanCap, SubscriptionInfo
from billing.plans.models import Plan
from billing.plans.selectors import billing_period, cancellation_get, subscription_get
from billing.plans.services import subscription_cancel, subscription_keep
from tests.unit.accounts.helpers import Browser, browser_for
from tests.unit.billing.test_limits_begin import use
from tests.unit.billing.test_plans_subscriptions import BEGINS, FEBRUARY, add_plan, go, tick
from tests.unit.factories import error_of, make_client, make_member
from tests.unit.webhooks.helpers import make_webhook
from tests.unit.webhooks.test_public_events import told

pytestmark = pytest.mark.django_db

D = Decimal
LATER = BEGINS + timedelta(days=3)
PATH = "/v1/billing/subscription/cancellation"


def cancel(
    organization: OrganizationRef, at: Any = LATER, *, at_once: bool = False
) -> SubscriptionInfo | None:
    with clock.frozen(at), tenant_scope(organization):
        return subscription_cancel(organization=organization, actor=SYSTEM_ACTOR, at_once=at_once)


def keep(organization: OrganizationRef, at: Any = LATER) -> SubscriptionInfo:
    with clock.frozen(at), tenant_scope(organization):
        return subscription_keep(organization=organization, actor=SYSTEM_ACTOR)


def plan_of(organization: OrganizationRef, at: Any) -> str | None:
    with clock.frozen(at), tenant_scope(organization):
        found = subscription_get(organization=organization)
    return found.plan.code if found else None


def available(organization: OrganizationRef, at: Any, unit: str = "prediction") -> Decimal:
    with clock.frozen(at), tenant_scope(organization):
        return balance_get(organization=organization, unit=unit).available


def no_free_plan() -> None:
    with system_scope("test"):
        Plan.objects.filter(code="free").update(public=False)


def audit(organization: OrganizationRef) -> list[str]:
    with tenant_scope(organization):
        rows = AuditEvent.objects.filter(action__startswith="subscription.").order_by("id")
        return list(rows.values_list("action", flat=True))


def books_agree() -> None:
    with system_scope("test"):
        assert ledger_drift() == ()


def test_at_the_periods_end_the_free_plan_follows(organization: OrganizationRef) -> None:
    go(organization, "starter", BEGINS)

    left = cancel(organization)
    cancel(organization)

    assert left is not None
    assert left.next_plan is not None
    assert (left.plan.code, left.next_plan.code) == ("starter", "free")
    assert plan_of(organization, FEBRUARY - timedelta(seconds=1)) == "starter"
    tick(FEBRUARY)
    assert plan_of(organization, FEBRUARY) == "free"
    assert audit(organization) == [
        "subscription.start",
        "subscription.cancel",
        "subscription.succeed",
    ]
    books_agree()


def test_it_is_taken_back_until_then_and_not_after(organization: OrganizationRef) -> None:
    go(organization, "starter", BEGINS)
    cancel(organization)

    kept = keep(organization)

    assert (kept.next_plan, kept.ends_with_period) == (None, False)
    with pytest.raises(DomainError) as raised:
        keep(organization)
    assert raised.value.code == "cancellation_none"
    tick(FEBRUARY)
    assert plan_of(organization, FEBRUARY) == "starter"
    cancel(organization, FEBRUARY + timedelta(days=1))
    # The period is over and nobody has ticked: the cancellation takes effect first.
    with pytest.raises(DomainError, match="No cancellation"):
        keep(organization, FEBRUARY + timedelta(days=40))
    tick(FEBRUARY + timedelta(days=40))
    assert plan_of(organization, FEBRUARY + timedelta(days=40)) == "free"


def test_without_a_free_plan_it_ends_with_none(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    no_free_plan()
    cap = PlanCap("prediction", CapWindow.MONTH, D(400))
    add_plan("paid", fee=D(5), included={"prediction": D(500)}, caps=(cap,))
    for each in (organization, other_organization):
        go(each, "paid", BEGINS)
        make_webhook(each, "https://example.com/")

    left = cancel(organization)
    assert left is not None
    assert (left.ends_with_period, left.next_plan) == (True, None)
    tick(FEBRUARY)

    assert plan_of(organization, FEBRUARY) is None
    assert plan_of(other_organization, FEBRUARY) == "paid"
    assert available(organization, FEBRUARY) == 0
    with tenant_scope(organization):
        assert limits_list(organization=organization) == ()
        at = FEBRUARY + timedelta(hours=5)
        assert billing_period(organization=organization, at=at)[0] == FEBRUARY
    ((kind, data),) = told(organization)
    assert (kind, data["plan"], data["previous"]) == ("plan.changed", None, "paid")
    assert told(other_organization) == []
    go(organization, "paid", FEBRUARY + timedelta(days=6))
    assert available(organization, FEBRUARY + timedelta(days=6)) == 500
    books_agree()


def test_the_same_plan_chosen_again_takes_it_back_too(organization: OrganizationRef) -> None:
    no_free_plan()
    go(organization, "starter", BEGINS)
    cancel(organization)

    kept = go(organization, "starter", LATER)

    assert kept.ends_with_period is False


def test_at_once_takes_the_plans_rest_and_gives_the_free_plans_units_less_what_was_used(
    organization: OrganizationRef,
) -> None:
    line = {"overage": Overage.INVOICE, "credit_line": D(50)}
    add_plan("paid", fee=D(5), included={"prediction": D(5_000), "trained_token": D(9)}, **line)
    go(organization, "free", BEGINS, assigned=False)
    go(organization, "paid", BEGINS + timedelta(hours=1))
    use(organization, 300, LATER)
    with clock.frozen(LATER), tenant_scope(organization):
        preview = cancellation_get(organization=organization)
    assert preview is not None
    # The trial pays first, then the free plan's thousand: both rest until the plan is left.
    returned = dict(preview.returned)
    assert returned["USD"] == 50
    assert set(returned) == {"USD", "prediction", "trained_token"}

    left = cancel(organization, LATER, at_once=True)

    assert left is not None
    assert left.plan.code == "free"
    assert available(organization, LATER, "USD") == 0
    assert available(organization, LATER, "trained_token") == 0
    assert available(organization, LATER) == 700
    with tenant_scope(organization):
        reasons = AuditEvent.objects.filter(action="balance.void").values_list("detail", flat=True)
        assert {one["reason"] for one in reasons} == {"The plan was cancelled at once."}
    books_agree()


def test_to_and_fro_at_once_gives_no_more_than_the_free_plan_does(
    organization: OrganizationRef,
) -> None:
    go(organization, "free", BEGINS, assigned=False)
    use(organization, 1_000, LATER)
    for hour in range(1, 4):
        at = LATER + timedelta(hours=hour)
        go(organization, "starter", at)
        cancel(organization, at + timedelta(minutes=1), at_once=True)

    assert available(organization, LATER + timedelta(hours=9)) == 0
    tick(FEBRUARY)
    assert available(organization, FEBRUARY) == 1_000
    books_agree()


def test_at_once_without_a_free_plan_leaves_none(organization: OrganizationRef) -> None:
    no_free_plan()
    go(organization, "starter", BEGINS)

    assert cancel(organization, at_once=True) is None

    assert plan_of(organization, LATER) is None
    assert available(organization, LATER) == 0
    tick(FEBRUARY)
    assert audit(organization) == ["subscription.start", "subscription.leave"]
    with pytest.raises(DomainError) as raised:
        cancel(organization)
    assert raised.value.code == "subscription_none"


def test_what_was_bought_stays(organization: OrganizationRef) -> None:
    go(organization, "starter", BEGINS)
    with clock.frozen(BEGINS), tenant_scope(organization):
        balance_grant(
            organization=organization, unit="USD", amount=7, kind="purchased", source="paid"
        )

    cancel(organization, at_once=True)

    assert available(organization, LATER, "USD") == 7


def test_a_free_plan_is_not_cancelled(organization: OrganizationRef) -> None:
    go(organization, "free", BEGINS, assigned=False)

    with pytest.raises(DomainError) as raised:
        cancel(organization)

    assert raised.value.code == "subscription_free"


def test_each_change_that_takes_effect_is_told(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    for each in (organization, other_organization):
        make_webhook(each, "https://example.com/")
    go(organization, "free", BEGINS, assigned=False)
    go(organization, "pro", BEGINS + timedelta(hours=1))
    go(organization, "starter", BEGINS + timedelta(hours=2))
    tick(FEBRUARY)
    cancel(organization, FEBRUARY + timedelta(days=1), at_once=True)

    assert [(kind, data["plan"], data["previous"]) for kind, data in told(organization)] == [
        ("plan.changed", "free", None),
        ("plan.changed", "pro", "free"),
        ("plan.changed", "starter", "pro"),
        ("plan.changed", "free", "starter"),
    ]
    assert all(data["id"].startswith("sub_") for _, data in told(organization))
    assert told(other_organization) == []


def test_an_owner_reads_leaves_and_stays_over_the_api(
    organization: OrganizationRef, other_client_api: APIClient
) -> None:
    owner = browser_for(make_member(organization, Role.OWNER))
    assert owner.get(PATH).json()["status"] == "none"
    go(organization, "starter", clock.now())

    shown = owner.get(PATH).json()
    assert (shown["status"], shown["plan"]["code"]) == ("possible", "free")
    assert {"unit": "prediction", "amount": "250000"} in shown["returned"]
    assert send(owner, {"when": "soon"}).status_code == 400
    left = send(owner, {"when": "period_end"})
    assert (left.status_code, left.json()["next"]["plan"]["code"]) == (200, "free")
    assert owner.get(PATH).json()["status"] == "waiting"
    assert owner.call("DELETE", PATH).json()["next"] is None
    again = owner.call("DELETE", PATH)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "cancellation_none")
    left = send(owner, {"when": "now"})
    assert left.json()["plan"]["code"] == "free"
    assert other_client_api.get(PATH).json()["status"] == "none"


def send(browser: Browser, body: dict[str, str]) -> Any:
    return browser.post(PATH, body, **{"idempotency-key": str(uuid7())})


@pytest.mark.parametrize("role", [Role.ADMIN, Role.BILLING, Role.DEVELOPER])
def test_only_owners_leave(organization: OrganizationRef, role: Role) -> None:
    go(organization, "starter", BEGINS)
    member = browser_for(make_member(organization, role))

    refused = send(member, {"when": "now"})

    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "permission_denied")
    assert member.call("DELETE", PATH).status_code == 403
    assert plan_of(organization, LATER) == "starter"


def test_no_key_leaves_a_plan(organization: OrganizationRef) -> None:
    go(organization, "starter", BEGINS)
    key = make_client(organization)

    refused = key.post(PATH, {"when": "now"}, format="json", HTTP_IDEMPOTENCY_KEY="k")

    assert (refused.status_code, error_of(refused)["code"]) == (403, "permission_denied")


def test_a_void_of_the_operators_is_not_undone_by_an_upgrade(
    organization: OrganizationRef,
) -> None:
    go(organization, "starter", BEGINS)
    with clock.frozen(LATER), tenant_scope(organization):
        grant = Grant.objects.get(unit="prediction", source__startswith="plan:")
        balance_void(
            organization=organization, actor=SYSTEM_ACTOR, grant_id=grant.id, reason="abuse"
        )
    add_plan("twin", fee=D(19), included={"prediction": D(250_000)})

    go(organization, "twin", LATER)

    assert available(organization, LATER) == 0


def test_who_comes_back_to_a_plan_left_at_once_has_its_units_again_less_what_was_used(
    organization: OrganizationRef,
) -> None:
    line = {"overage": Overage.INVOICE, "credit_line": D(50)}
    add_plan("paid", fee=D(5), included={"prediction": D(5_000)}, **line)
    go(organization, "free", BEGINS, assigned=False)
    go(organization, "paid", BEGINS + timedelta(hours=1))
    use(organization, 1_500, LATER)
    cancel(organization, LATER, at_once=True)

    for hour in range(1, 4):
        at = LATER + timedelta(hours=hour)
        go(organization, "paid", at)
        assert available(organization, at, "USD") == 50
        assert 3_000 < available(organization, at) <= 3_500
        cancel(organization, at + timedelta(minutes=1), at_once=True)
        assert available(organization, at + timedelta(minutes=2)) == 0
    books_agree()


def test_what_a_hold_lets_go_of_after_the_plan_was_left_is_taken_back_too(
    organization: OrganizationRef,
) -> None:
    no_free_plan()
    go(organization, "starter", BEGINS)
    with clock.frozen(LATER), tenant_scope(organization):
        hold = hold_take(
            organization=organization, unit="prediction", amount=9_000, key="k", ttl_seconds=600
        )
    cancel(organization, at_once=True)
    tick(LATER)
    with clock.frozen(LATER), tenant_scope(organization):
        hold_capture(organization=organization, hold_id=hold.id, amount=1_000, event_id="k")
    assert available(organization, LATER) == 8_000

    tick(LATER + timedelta(seconds=10))

    assert available(organization, LATER + timedelta(seconds=10)) == 0
    books_agree()


def test_what_is_refunded_of_a_plan_before_the_one_that_was_left_is_taken_back_too(
    organization: OrganizationRef,
) -> None:
    """A year's units outlive the month of the plan that followed it."""
    no_free_plan()
    units = {"prediction": D(5_000)}
    add_plan("yearly", fee=D(120), period=Period.YEAR, included=units)
    add_plan("monthly", fee=D(50))
    go(organization, "yearly", BEGINS)
    with clock.frozen(BEGINS), tenant_scope(organization):
        hold = hold_take(
            organization=organization, unit="prediction", amount=1_000, key="k", ttl_seconds=600
        )
        hold_capture(organization=organization, hold_id=hold.id, amount=1_000, event_id="k")
    go(organization, "monthly", LATER)
    after = LATER + timedelta(seconds=1)
    cancel(organization, after, at_once=True)
    much_later = FEBRUARY + timedelta(days=5)
    with clock.frozen(much_later), tenant_scope(organization):
        before = balance_get(organization=organization, unit="prediction").available
        hold_refund(organization=organization, hold_id=hold.id, key="k", reason="test")

    assert available(organization, much_later) > before
    tick(much_later)

    assert available(organization, much_later) == before
    books_agree()
