"""The hourly comparison looks at books in which something happened, and once a day at all."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger.models import Hold
from billing.ledger.reconcile import reconcile
from billing.ledger.services import hold_capture, hold_release, hold_take
from billing.metering.models import ReconcileRun
from tests.unit.billing.test_reconcile import reconciled, seed


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look back no further than the last run: a test's rows are all of one minute."""
    monkeypatch.setattr("billing.ledger.reconcile.MARGIN", timedelta(0))


@pytest.fixture(autouse=True)
def quiet(organization: OrganizationRef, other_organization: OrganizationRef) -> None:
    """Two organizations with usage, all of them compared."""
    for owner in (organization, other_organization):
        use(owner, "before")
    assert hourly() == (set(), None)


def use(organization: OrganizationRef, key: str) -> None:
    with tenant_scope(organization):
        hold = hold_take(
            organization=organization, unit="prediction", amount=10, key=key, ttl_seconds=600
        )
        hold_capture(organization=organization, hold_id=hold.id, amount=4, event_id=key)


def hourly() -> tuple[set[str], int | None]:
    """The checks that differ, and of how many organizations the run was; None is all.

    Those whose holds other tests left open for ever, committed, do not count.
    """
    report = reconcile(changed=True)
    with system_scope("test"):
        left_open = Hold.objects.filter(state="held").exclude(source="changed")
        others = left_open.values("organization_id").distinct().count()
        found = ReconcileRun.objects.all()[0].organizations
    return {drift.check for drift in report.drifts}, None if found is None else found - others


def tamper(organization: OrganizationRef, column: str) -> None:
    seed(
        f"UPDATE ledger_balance SET {column} = {column} + 1"  # a test's own
        " WHERE unit = 'prediction' AND organization_id = %s",
        organization.id,
    )


def test_only_those_in_whose_books_something_happened_are_compared(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    assert hourly() == (set(), 0)

    use(organization, "now")
    tamper(organization, "consumed")
    tamper(other_organization, "consumed")

    assert hourly() == ({"ledger.consumed"}, 1)
    # After a finding all are compared, until nothing differs.
    report = reconcile(changed=True)
    assert {drift.organization_id for drift in report.drifts} == {
        organization.id,
        other_organization.id,
    }


def test_a_hand_in_books_where_nothing_happened_is_found_by_the_whole_run_alone(
    organization: OrganizationRef,
) -> None:
    tamper(organization, "consumed")

    assert hourly() == (set(), 0)
    status, lines = reconciled()

    assert status == 1
    assert [line["check"] for line in lines[:-1]] == ["ledger.consumed"]


def test_what_is_held_is_compared_of_all_every_hour(organization: OrganizationRef) -> None:
    tamper(organization, "held")

    assert hourly() == ({"holds.held"}, 0)


def test_an_open_hold_is_something_that_happens(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        hold_take(
            organization=organization,
            unit="prediction",
            amount=1,
            key="open",
            ttl_seconds=600,
            source="changed",
        )

    assert hourly() == (set(), 1)


def test_a_hold_that_was_let_go_is_something_that_happens(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        hold = hold_take(
            organization=organization,
            unit="prediction",
            amount=1,
            key="open",
            ttl_seconds=600,
            source="changed",
        )
    hourly()
    with tenant_scope(organization):
        hold_release(organization=organization, hold_id=hold.id)

    assert hourly() == (set(), 1)
    assert hourly() == (set(), 0)


def test_usage_and_its_keys_are_compared_of_the_same(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    for owner in (organization, other_organization):
        seed(
            "INSERT INTO metering_usageeventkey (id, organization_id, source, event_id,"
            " payload_hash) VALUES (gen_random_uuid(), %s, 'x', 'no event', '')",
            owner.id,
        )
    use(organization, "now")

    assert hourly() == ({"keys.events"}, 1)


def test_once_a_day_all_are_compared(
    organization: OrganizationRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    tamper(organization, "consumed")
    monkeypatch.setattr("billing.ledger.reconcile.WHOLE_EVERY", timedelta(0))

    assert hourly() == ({"ledger.consumed"}, None)


def test_the_statements_do_not_grow_with_the_organizations(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    counts = []
    for owners in ((organization,), (organization, other_organization)):
        for owner in owners:
            use(owner, f"{owner.slug} {len(counts)}")
        with CaptureQueriesContext(connection) as caught:
            assert hourly()[1] == len(owners)
        counts.append(len(caught))

    assert counts[0] == counts[1]
