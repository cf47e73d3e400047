"""More days for a trial: what is left of it, once, and nothing that was taken."""

from datetime import datetime
from decimal import Decimal

import pytest

from anneal.kernel import clock
from anneal.kernel.errors import DomainError
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger.models import Grant
from billing.ledger.reconcile import ledger_drift
from billing.ledger.selectors import balance_get
from billing.ledger.services import balance_grant_set, balance_void, hold_release, hold_take
from billing.promotions.models import Promotion, Redemption
from tests.unit.billing.test_promotions import DAY, TRIAL, add, redeem

pytestmark = pytest.mark.django_db


def trial(organization: OrganizationRef, at: datetime) -> tuple[Decimal, datetime | None]:
    with clock.frozen(at), tenant_scope(organization):
        found = balance_get(organization=organization, unit="prediction")
    return found.available, found.expires_at


def _trial_end(organization: OrganizationRef) -> datetime:
    with tenant_scope(organization):
        ends_at: datetime = Grant.objects.get(unit="prediction").expires_at
    return ends_at


def test_a_trial_gains_days_for_what_is_left(organization: OrganizationRef) -> None:
    ends_at = _trial_end(organization)
    day = ends_at - DAY
    add(TRIAL, at=day)
    with clock.frozen(day), tenant_scope(organization):
        hold_take(organization=organization, unit="prediction", amount=100, key="k", ttl_seconds=60)

    redeem(organization, at=day)

    # What the hold pins stays with the old grant; the rest lasts a week longer than it.
    assert trial(organization, ends_at + DAY) == (900, ends_at + 7 * DAY)
    with tenant_scope(organization):
        assert ledger_drift() == ()


def test_a_trial_that_is_over_comes_back_with_what_was_unused(
    organization: OrganizationRef,
) -> None:
    late = _trial_end(organization) + 30 * DAY
    add(TRIAL, at=late)
    add(TRIAL, "AUTUMN-26", at=late)

    redeem(organization, at=late)
    assert trial(organization, late) == (1_000, late + 7 * DAY)

    redeem(organization, "AUTUMN-26", at=late)
    assert trial(organization, late) == (1_000, late + 14 * DAY)
    with tenant_scope(organization):
        assert ledger_drift() == ()


def test_each_extension_finds_what_a_hold_let_go_of_since_the_last(
    organization: OrganizationRef,
) -> None:
    ends_at = _trial_end(organization)
    day = ends_at - DAY
    for code in ("SUMMER-26", "AUTUMN-26", "WINTER-26"):
        add(TRIAL, code, at=day)
    with clock.frozen(day), tenant_scope(organization):
        holds = [
            hold_take(
                organization=organization,
                unit="prediction",
                amount=100,
                key=key,
                ttl_seconds=10**6,
            )
            for key in "ab"
        ]
    redeem(organization, at=day)
    assert trial(organization, ends_at - DAY / 2) == (800, ends_at + 7 * DAY)
    # One hold lets go while the first trial lasts, the other when it is over.
    for hold, at in zip(holds, (ends_at - DAY / 2, ends_at + DAY), strict=True):
        with clock.frozen(at), tenant_scope(organization):
            hold_release(organization=organization, hold_id=hold.id)

    redeem(organization, "AUTUMN-26", at=ends_at + 2 * DAY)
    assert trial(organization, ends_at + 2 * DAY) == (1_000, ends_at + 14 * DAY)
    redeem(organization, "WINTER-26", at=ends_at + 3 * DAY)

    assert trial(organization, ends_at + 3 * DAY) == (1_000, ends_at + 21 * DAY)
    late = ends_at + 60 * DAY
    add(TRIAL, "SPRING-27", at=late)
    redeem(organization, "SPRING-27", at=late)
    assert trial(organization, late) == (1_000, late + 7 * DAY)
    with tenant_scope(organization):
        assert ledger_drift() == ()


def test_an_extension_brings_nothing_back_that_the_operator_took(
    organization: OrganizationRef,
) -> None:
    add(TRIAL, at=_trial_end(organization) - DAY)
    with clock.frozen(_trial_end(organization) - DAY), tenant_scope(organization):
        grant = Grant.objects.get(unit="prediction")
        balance_void(
            organization=organization, actor=SYSTEM_ACTOR, grant_id=grant.id, reason="abuse"
        )

    redeem(organization, at=_trial_end(organization) - DAY)

    assert trial(organization, _trial_end(organization) - DAY)[0] == 0


def test_a_trial_with_nothing_left_does_not_use_the_code_up(organization: OrganizationRef) -> None:
    add(TRIAL)
    with tenant_scope(organization):
        for unit in ("prediction", "trained_token"):
            balance_grant_set(organization=organization, unit=unit, amount=0)

    with pytest.raises(DomainError) as raised:
        redeem(organization)

    assert raised.value.code == "promotion_unfit"
    with system_scope("test"):
        assert Promotion.objects.get(code="SUMMER-26").redeemed == 0
        assert not Redemption.objects.filter(code="SUMMER-26").exists()
