"""The Python services over the same functions, and what each refusal says."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import connection

from anneal.kernel import clock
from anneal.kernel.errors import QuotaExhausted
from anneal.kernel.ids import uuid7
from anneal.kernel.scopes import OrganizationRef, ScopeError, system_scope, tenant_scope
from billing.ledger.errors import (
    AmountInvalid,
    EventConflict,
    HoldClosed,
    HoldExceeded,
    HoldExpired,
    HoldMismatch,
    HoldUnknown,
    UnitUnknown,
)
from billing.ledger.models import Balance, CustomerAccount, LedgerEntry
from billing.ledger.reconcile import ledger_drift
from billing.ledger.selectors import balance_get, balances
from billing.ledger.services import (
    balance_grant,
    balance_grant_set,
    grants_end,
    hold_capture,
    hold_extend,
    hold_release,
    hold_take,
    holds_expire,
)
from billing.ledger.services.holds import hold_get
from billing.metering.selectors import usage_event_get
from billing.prices.services import price_quote


def hold_age(hold_id: UUID) -> None:
    """Let a hold's time be over."""
    with system_scope("test"), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ledger_hold SET expires_at = clock_timestamp() - interval '1 second'"
            " WHERE id = %s",
            [hold_id],
        )


def test_take_capture_and_the_rest_comes_back(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        hold = hold_take(
            organization=organization,
            unit="trained_token",
            amount=5_000,
            key="ftjob-1",
            ttl_seconds=60,
        )
        held = balance_get(organization=organization, unit="trained_token")
        captured = hold_capture(
            organization=organization,
            hold_id=hold.id,
            amount=4_200,
            event_id="ftjob-1",
            model="minilm-l6",
            dims={"steps": 12},
        )
        left = balance_get(organization=organization, unit="trained_token")
        journal = LedgerEntry.objects.filter(hold_id=hold.id).values_list("account", "amount")
        booked = dict(journal)
        drift = ledger_drift()

    assert (hold.state, held.held) == ("held", 5_000)
    assert (captured.state, captured.captured) == ("captured", 4_200)
    assert (left.held, left.consumed, left.available) == (0, 4_200, 10_000_000 - 4_200)
    assert booked == {"promotional_credit": -4_200, "revenue": 4_200}
    assert drift == ()


def test_the_same_key_is_the_same_hold(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        first, again = (
            hold_take(
                organization=organization,
                unit="prediction",
                amount=10,
                key="job",
                ttl_seconds=60,
            )
            for _ in range(2)
        )
        left = balance_get(organization=organization, unit="prediction")

    assert first == again
    assert left.held == 10


def test_the_same_key_with_another_amount_is_refused(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        hold_take(
            organization=organization, unit="prediction", amount=10, key="job", ttl_seconds=60
        )

        with pytest.raises(HoldMismatch):
            hold_take(
                organization=organization, unit="prediction", amount=11, key="job", ttl_seconds=60
            )


def test_a_hold_in_an_unknown_unit_asks_for_no_credit(organization: OrganizationRef) -> None:
    with tenant_scope(organization), pytest.raises(UnitUnknown):
        hold_take(organization=organization, unit="predictoin", amount=1, key="job", ttl_seconds=60)


def test_the_same_key_of_two_organizations_is_two_holds(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    holds = []
    for owner in (organization, other_organization):
        with tenant_scope(owner):
            holds.append(
                hold_take(
                    organization=owner, unit="prediction", amount=10, key="job", ttl_seconds=60
                )
            )

    assert holds[0].id != holds[1].id


def test_the_refusal_says_what_is_left_when_the_trial_ends_and_what_to_do(
    organization: OrganizationRef,
) -> None:
    with clock.frozen(datetime(2026, 3, 1, tzinfo=UTC)), tenant_scope(organization):
        balance_grant(
            organization=organization,
            unit="prediction",
            amount=5,
            kind="promotional",
            source="more",
            expires_at=datetime(2030, 1, 2, 3, 4, tzinfo=UTC),
        )
        with pytest.raises(QuotaExhausted) as refused:
            hold_take(
                organization=organization,
                unit="prediction",
                amount=1_006,
                key="job",
                ttl_seconds=60,
            )

    assert refused.value.text == (
        "Not enough 'prediction' units: this needs 1006, 1005 available."
        " The trial ends on 2030-01-02 03:04 UTC."
        " See the plans under Billing, or ask the operator of this installation for credit."
    )
    assert (refused.value.status, refused.value.code) == (402, "quota_exhausted")


def test_when_the_trial_is_over_the_refusal_says_so(organization: OrganizationRef) -> None:
    later = datetime.now(UTC) + timedelta(days=15)

    with clock.frozen(later), tenant_scope(organization):
        with pytest.raises(QuotaExhausted, match=r"0 available\. The trial ended on"):
            hold_take(
                organization=organization, unit="prediction", amount=1, key="job", ttl_seconds=60
            )
        left = balance_get(organization=organization, unit="prediction")

    assert (left.available, left.expired) == (0, 1_000)


def test_capturing_twice_returns_the_first_outcome(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        hold = hold_take(
            organization=organization, unit="prediction", amount=10, key="job", ttl_seconds=60
        )
        hold_capture(organization=organization, hold_id=hold.id, amount=4, event_id="e")
        again = hold_capture(organization=organization, hold_id=hold.id, amount=9, event_id="e")
        released = hold_release(organization=organization, hold_id=hold.id)
        left = balance_get(organization=organization, unit="prediction")

    assert (again.state, again.captured) == (released.state, released.captured) == ("captured", 4)
    assert left.consumed == 4


def test_releasing_gives_everything_back(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        hold = hold_take(
            organization=organization, unit="prediction", amount=10, key="job", ttl_seconds=60
        )
        released = hold_release(organization=organization, hold_id=hold.id)
        left = balance_get(organization=organization, unit="prediction")

    assert released.state == "released"
    assert (left.held, left.consumed, left.available) == (0, 0, 1_000)


def test_capturing_more_than_is_held_is_refused(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        hold = hold_take(
            organization=organization, unit="prediction", amount=10, key="job", ttl_seconds=60
        )

        with pytest.raises(HoldExceeded):
            hold_capture(organization=organization, hold_id=hold.id, amount=11, event_id="e")

        assert hold_get(organization=organization, hold_id=hold.id).state == "held"


def test_a_usage_event_id_cannot_be_used_twice(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        holds = [
            hold_take(
                organization=organization, unit="prediction", amount=1, key=key, ttl_seconds=60
            )
            for key in ("a", "b")
        ]
        hold_capture(organization=organization, hold_id=holds[0].id, amount=1, event_id="e")

        with pytest.raises(EventConflict):
            hold_capture(organization=organization, hold_id=holds[1].id, amount=1, event_id="e")


def test_a_hold_that_the_reaper_ended_cannot_be_captured(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        hold = hold_take(
            organization=organization, unit="prediction", amount=10, key="job", ttl_seconds=1
        )
    hold_age(hold.id)

    ended = holds_expire()

    with tenant_scope(organization):
        assert ended >= 1
        assert hold_get(organization=organization, hold_id=hold.id).state == "expired"
        assert balance_get(organization=organization, unit="prediction").held == 0
        with pytest.raises(HoldExpired):
            hold_capture(organization=organization, hold_id=hold.id, amount=10, event_id="e")
        with pytest.raises(HoldClosed):
            hold_extend(organization=organization, hold_id=hold.id, ttl_seconds=60)


def test_an_account_whose_books_are_wrong_keeps_only_its_own_holds_open(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    holds = {}
    for each in (organization, other_organization):
        with tenant_scope(each):
            holds[each.id] = hold_take(
                organization=each, unit="prediction", amount=10, key="job", ttl_seconds=1
            ).id
        hold_age(holds[each.id])
    with system_scope("test"):
        Balance.objects.filter(organization_id=organization.id, unit="prediction").update(held=9)

    ended = holds_expire()

    assert ended >= 1
    states = {}
    for each in (organization, other_organization):
        with tenant_scope(each):
            states[each.id] = hold_get(organization=each, hold_id=holds[each.id]).state
    assert states == {organization.id: "held", other_organization.id: "expired"}
    with system_scope("test"):
        parked = CustomerAccount.objects.filter(
            parked_at__isnull=False, organization_id__in=[organization.id, other_organization.id]
        )
        assert [account.organization_id for account in parked] == [organization.id]


def test_the_reaper_leaves_living_holds_and_ends_due_grants(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        hold = hold_take(
            organization=organization, unit="prediction", amount=10, key="job", ttl_seconds=60
        )

    with clock.frozen(datetime.now(UTC) + timedelta(days=15)):
        holds_expire()
        grants_end()

    with tenant_scope(organization):
        assert hold_get(organization=organization, hold_id=hold.id).state == "held"
        expired = LedgerEntry.objects.filter(account="breakage", unit="prediction")
        assert [entry.amount for entry in expired] == [990]
        assert ledger_drift() == ()


def test_extending_keeps_a_hold_and_takes_more(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        hold = hold_take(
            organization=organization, unit="prediction", amount=10, key="job", ttl_seconds=60
        )
        extended = hold_extend(
            organization=organization, hold_id=hold.id, ttl_seconds=3600, amount=5
        )
        with pytest.raises(QuotaExhausted, match="this needs 5000, 985 available"):
            hold_extend(organization=organization, hold_id=hold.id, ttl_seconds=60, amount=5_000)

        assert hold_get(organization=organization, hold_id=hold.id) == extended
    assert extended.amount == 15
    assert extended.expires_at > hold.expires_at + timedelta(minutes=50)


@pytest.mark.parametrize(
    "amount", [0, -1, Decimal("NaN"), Decimal("Infinity"), 10**30, Decimal("1e-13"), "many"]
)
def test_amounts_that_are_none_are_refused(organization: OrganizationRef, amount: Decimal) -> None:
    with tenant_scope(organization):
        with pytest.raises(AmountInvalid):
            hold_take(
                organization=organization, unit="prediction", amount=amount, key="j", ttl_seconds=9
            )
        with pytest.raises(AmountInvalid):
            balance_grant(
                organization=organization,
                unit="prediction",
                amount=amount,
                kind="operator",
                source="bad",
            )


def test_another_organizations_hold_is_not_there(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    with tenant_scope(organization):
        hold = hold_take(
            organization=organization, unit="prediction", amount=10, key="job", ttl_seconds=60
        )

    with tenant_scope(other_organization):
        with pytest.raises(HoldUnknown):
            hold_capture(organization=other_organization, hold_id=hold.id, amount=1, event_id="e")
        with pytest.raises(HoldUnknown):
            hold_release(organization=other_organization, hold_id=hold.id)
        with pytest.raises(HoldUnknown):
            hold_extend(organization=other_organization, hold_id=hold.id, ttl_seconds=60)
        with pytest.raises(HoldUnknown):
            hold_get(organization=other_organization, hold_id=hold.id)


def test_no_service_works_outside_its_organizations_scope(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    with tenant_scope(other_organization), pytest.raises(ScopeError):
        hold_take(organization=organization, unit="prediction", amount=1, key="j", ttl_seconds=9)
    with tenant_scope(other_organization), pytest.raises(ScopeError):
        balance_grant_set(organization=organization, unit="prediction", amount=1)
    with pytest.raises(ScopeError):
        balances(organization=organization)
    with pytest.raises(ScopeError):
        usage_event_get(organization=organization, event_id=uuid7())


def test_a_rolled_back_scope_takes_nothing(organization: OrganizationRef) -> None:
    with pytest.raises(RuntimeError), tenant_scope(organization):
        hold_take(organization=organization, unit="prediction", amount=9, key="j", ttl_seconds=60)
        raise RuntimeError

    with tenant_scope(organization):
        assert balance_get(organization=organization, unit="prediction").held == 0


def test_a_quote_multiplies_without_rounding(db: None) -> None:
    quote = price_quote(meter="trained_token", units=1_234_567)

    assert (quote.amount, quote.currency) == (Decimal("0.6172835"), "USD")
