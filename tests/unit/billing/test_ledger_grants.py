"""Giving units: the trial, an operator's credit, and what is refused."""

from datetime import UTC, datetime, timedelta

import pytest

from anneal.kernel import clock
from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.ledger.errors import (
    AmountInvalid,
    GrantInvalid,
    UnitUnknown,
)
from billing.ledger.models import LedgerEntry
from billing.ledger.reconcile import ledger_drift
from billing.ledger.selectors import balance_get, balances, grants_open
from billing.ledger.services import (
    balance_grant,
    balance_grant_set,
)


def test_a_new_organization_gets_the_trial(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        found = balances(organization=organization)
        audited = AuditEvent.objects.filter(action="balance.grant").count()

    assert {one.unit: one.available for one in found} == {
        "prediction": 1_000,
        "trained_token": 10_000_000,
    }
    days = {(one.expires_at - datetime.now(UTC)).days for one in found if one.expires_at}
    assert days == {13}
    assert audited == 2


def test_a_balance_shows_the_end_of_a_trial_nobody_has_swept(
    organization: OrganizationRef,
) -> None:
    with clock.frozen(datetime.now(UTC) + timedelta(days=15)), tenant_scope(organization):
        left = balance_get(organization=organization, unit="prediction")

    assert (left.granted, left.expired, left.available) == (1_000, 1_000, 0)
    assert left.expires_at is not None
    assert left.expires_at < datetime.now(UTC) + timedelta(days=15)


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"unit": "bananas"}, UnitUnknown),
        ({"kind": "gift"}, GrantInvalid),
        ({"source": ""}, GrantInvalid),
        ({"priority": 101}, GrantInvalid),
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, GrantInvalid),
        (
            {
                "effective_at": datetime(2031, 1, 1, tzinfo=UTC),
                "expires_at": datetime(2030, 1, 1, tzinfo=UTC),
            },
            GrantInvalid,
        ),
    ],
)
def test_wrong_grants_are_refused(
    organization: OrganizationRef, more: dict[str, object], error: type[Exception]
) -> None:
    wanted = {"unit": "prediction", "amount": 1, "kind": "operator", "source": "s", **more}

    with tenant_scope(organization):
        with pytest.raises(error):
            balance_grant(organization=organization, **wanted)  # type: ignore[arg-type] # on purpose

        assert balance_get(organization=organization, unit="prediction").granted == 1_000


def test_the_same_source_gives_once(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        first, again = (
            balance_grant(
                organization=organization,
                unit="prediction",
                amount=7,
                kind="purchased",
                source="payment:1",
            )
            for _ in range(2)
        )
        left = balance_get(organization=organization, unit="prediction")
        credit = LedgerEntry.objects.get(grant_id=first.id, account="customer_credit")

    assert first == again
    assert left.granted == 1_007
    assert credit.amount == 7


def test_credit_takes_the_place_of_the_trial(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        balance_grant_set(organization=organization, unit="prediction", amount=25)
        left = balance_get(organization=organization, unit="prediction")
        other = balance_get(organization=organization, unit="trained_token")
        open_grants = grants_open(organization=organization)
        drift = ledger_drift()

    assert (left.granted, left.available, left.expires_at) == (25, 25, None)
    assert other.available == 10_000_000
    assert [(one.unit, one.amount) for one in open_grants] == [
        ("prediction", 25),
        ("trained_token", 10_000_000),
    ]
    assert drift == ()


def test_an_operators_credit_does_not_wipe_purchased_units(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        balance_grant(
            organization=organization,
            unit="prediction",
            amount=50,
            kind="purchased",
            source="payment:1",
        )
        balance_grant_set(organization=organization, unit="prediction", amount=25)

        assert balance_get(organization=organization, unit="prediction").available == 75


def test_no_credit_takes_the_trial_away(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        given = balance_grant_set(organization=organization, unit="prediction", amount=0)
        with pytest.raises(AmountInvalid):
            balance_grant_set(organization=organization, unit="trained_token", amount=-1)

        assert given is None
        assert balance_get(organization=organization, unit="prediction").available == 0
        assert balance_get(organization=organization, unit="trained_token").available == 10_000_000


def test_giving_and_taking_back_is_audited(organization: OrganizationRef) -> None:
    operator = Actor(kind="operator", id=None, label="op@example.com")
    with tenant_scope(organization):
        balance_grant_set(organization=organization, unit="prediction", amount=25, actor=operator)
        rows = AuditEvent.objects.filter(actor_kind="operator").order_by("id")

        assert [(row.action, row.detail["amount"]) for row in rows] == [
            ("balance.void", "1000"),
            ("balance.grant", "25"),
        ]
