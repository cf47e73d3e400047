"""Stored bytes as usage: once an hour, whatever runs how often."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from anneal.kernel import clock
from anneal.kernel.models import OutboxMessage
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger.models import Balance, CustomerAccount, Hold
from billing.ledger.reconcile import ledger_drift
from billing.ledger.selectors import balance_get
from billing.ledger.services import balance_grant, usage_charge
from billing.metering.contracts import UsageEventNew
from billing.metering.errors import UsageInvalid
from billing.metering.models import UsageEvent
from billing.prices.selectors import price_get
from mlworker.jobs.storage_use import METER, SOURCE, storage_count
from mlworker.jobs.tasks import storage_use
from tenants.datasets.models import File

NOW = datetime(2026, 3, 10, 12, 20, tzinfo=UTC)


@pytest.fixture(autouse=True)
def what_others_left_is_counted(db: None) -> None:
    """Files of tests that committed them lie here, too: their hour is over before these begin."""
    with clock.frozen(NOW):
        storage_count()


def store(organization: OrganizationRef, size: int) -> File:
    with tenant_scope(organization):
        file = File(filename="f", purpose="fine-tune", bytes=size, sha256="0" * 64, storage_key="k")
        file.save(force_insert=True)
    return file


def counted(organization: OrganizationRef) -> list[tuple[str, Decimal, datetime]]:
    with tenant_scope(organization):
        rows = UsageEvent.objects.filter(meter=METER).order_by("occurred_at")
        return [(row.event_id, row.units, row.occurred_at) for row in rows]


def test_an_hour_counts_once_and_the_next_anew(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    store(organization, 1_500_000_000)
    store(organization, 500_000_000)

    for minutes in (0, 10, 39, 45):
        with clock.frozen(NOW + timedelta(minutes=minutes)):
            storage_use()
        store(organization, 1_000_000_000)

    hour = NOW.replace(minute=0)
    assert counted(organization) == [
        ("2026-03-10T12", Decimal(2), hour),
        ("2026-03-10T13", Decimal(5), hour + timedelta(hours=1)),
    ]
    assert counted(other_organization) == []


def test_deleted_files_cost_nothing_and_a_byte_is_a_billionth(
    organization: OrganizationRef,
) -> None:
    store(organization, 1)
    gone = store(organization, 10**12)
    with tenant_scope(organization):
        File.objects.filter(id=gone.id).update(deleted_at=NOW)

    with clock.frozen(NOW):
        assert storage_count() == 1

    assert [units for _, units, _ in counted(organization)] == [Decimal("0.000000001")]


def test_the_statements_do_not_grow_with_the_organizations(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    for owner in (organization, other_organization):
        store(owner, 10**9)

    with clock.frozen(NOW), CaptureQueriesContext(connection) as queries:
        assert storage_count() == 2

    # Sizes; what meters and organizations there are, before and after; one decision, one settlement
    # and one record for all: each beside what opens and ends a scope.
    told = [each["sql"] for each in queries]
    assert len([sql for sql in told if "ROLE" not in sql and "SAVEPOINT" not in sql]) == 8
    assert len([sql for sql in told if sql.startswith("SET LOCAL ROLE")]) == 2


def test_a_batch_that_fails_is_counted_next_time_and_undoes_no_other(
    organization: OrganizationRef,
    other_organization: OrganizationRef,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    first, second = sorted((organization, other_organization), key=lambda each: each.id)
    for owner in (first, second):
        store(owner, 3 * 10**9)

    def charged(*, events: Sequence[UsageEventNew]) -> int:
        paid = usage_charge(events=events)
        if events[0].organization_id == first.id:
            raise RuntimeError("broken after it was charged")
        return paid

    monkeypatch.setattr("mlworker.jobs.storage_use.BATCH", 1)
    with clock.frozen(NOW):
        for owner in (first, second):
            give(owner, METER, Decimal(5))
        with monkeypatch.context() as patch:
            patch.setattr("mlworker.jobs.storage_use.usage_charge", charged)
            assert storage_count() == 1

        assert (balance(first, METER), balance(second, METER)) == ((0, 0, 5), (0, 3, 2))
        assert (len(counted(first)), len(counted(second))) == (0, 1)
        assert f"not counted for 1 organizations from {first.id}" in caplog.text
        storage_use()
        assert (balance(first, METER), balance(second, METER)) == ((0, 3, 2), (0, 3, 2))


def test_b9_a_drifted_account_is_parked_and_the_others_hours_are_charged(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    owners = (organization, other_organization)
    with clock.frozen(NOW):
        for owner in owners:
            store(owner, 3 * 10**9)
            give(owner, METER, Decimal(5))
        with system_scope("test"):
            Balance.objects.filter(organization_id=organization.id, unit=METER).update(granted=0)

        assert storage_count() == 2

        assert [balance(owner, METER)[1] for owner in owners] == [0, 3]
        with system_scope("test"):
            (account,) = CustomerAccount.objects.filter(
                parked_at__isnull=False, organization_id__in=[each.id for each in owners]
            )
        assert account.organization_id == organization.id
        assert account.parked_reason.startswith("the books refused a booking: ")
        assert [told_of(owner) for owner in owners] == [1, 0]
        # The hour is counted all the same, once, and nobody is told again.
        assert [len(counted(owner)) for owner in owners] == [1, 1]
        assert storage_count() == 0
        assert told_of(organization) == 1


@pytest.mark.parametrize("times", [1, 2])
def test_a_row_that_another_worker_wrote_first_parks_nobody_unless_it_stays_in_the_way(
    organization: OrganizationRef, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    asked = []

    def charged(*, events: Sequence[UsageEventNew]) -> int:
        """Charge, and meet a row that is there already, the first ``times``."""
        paid = usage_charge(events=events)
        asked.append(len(events))
        if len(asked) <= times:
            with connection.cursor() as cursor:
                cursor.execute("INSERT INTO metering_usageeventkey TABLE metering_usageeventkey")
        return paid

    store(organization, 3 * 10**9)
    monkeypatch.setattr("mlworker.jobs.storage_use.usage_charge", charged)
    with clock.frozen(NOW):
        give(organization, METER, Decimal(5))

        assert storage_count() == 1

        parked = times == 2
        assert asked == [1, 1]
        assert told_of(organization) == parked
        assert balance(organization, METER)[1] == (0 if parked else 3)
    assert len(counted(organization)) == 1
    with system_scope("test"):
        accounts = CustomerAccount.objects.filter(organization_id=organization.id)
        assert accounts.filter(parked_at__isnull=False).exists() == parked


def told_of(organization: OrganizationRef) -> int:
    """How often the operators are to be told of an organization's books."""
    told = {"organization_id": str(organization.id), "slug": organization.slug}
    with system_scope("test"):
        return OutboxMessage.objects.filter(task="ledger.fault", payload=told).count()


def balance(organization: OrganizationRef, unit: str) -> tuple[Decimal, Decimal, Decimal]:
    with tenant_scope(organization):
        found = balance_get(organization=organization, unit=unit)
    return found.held, found.consumed, found.available


def give(organization: OrganizationRef, unit: str, amount: Decimal) -> None:
    with tenant_scope(organization):
        balance_grant(
            organization=organization, unit=unit, amount=amount, kind="purchased", source="test"
        )


def test_an_hour_is_charged_once_to_those_who_can_pay_and_counted_for_all(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    for owner in (organization, other_organization):
        store(owner, 3 * 10**9)
    with clock.frozen(NOW):
        give(organization, METER, Decimal(5))

        for _ in range(2):
            storage_use()

        assert balance(organization, METER) == (0, 3, 2)
        assert balance(other_organization, METER) == (0, 0, 0)
    assert len(counted(organization)) == len(counted(other_organization)) == 1


def test_money_pays_for_stored_bytes_at_their_price(organization: OrganizationRef) -> None:
    store(organization, 10**12)
    with clock.frozen(NOW):
        give(organization, "USD", Decimal(1))
        price = price_get(meter=METER).unit_amount

        storage_use()

        assert balance(organization, "USD") == (0, 1000 * price, 1 - 1000 * price)


def test_an_hour_that_nothing_covered_stays_uncovered(
    organization: OrganizationRef,
) -> None:
    store(organization, 10**9)
    event = UsageEventNew(
        organization_id=organization.id,
        source=SOURCE,
        event_id="2026-03-10T12",
        meter=METER,
        units=Decimal(1),
        occurred_at=NOW,
    )
    with clock.frozen(NOW), system_scope("test"):
        assert usage_charge(events=[event]) == 1
    with clock.frozen(NOW):
        give(organization, METER, Decimal(5))
    with clock.frozen(NOW), system_scope("test"):
        assert usage_charge(events=[event]) == 1
        assert ledger_drift() == ()

    with clock.frozen(NOW):
        assert balance(organization, METER) == (0, 0, 5)
    assert len(counted(organization)) == 1
    with tenant_scope(organization):
        assert [(row.uncovered, row.currency) for row in Hold.objects.all()] == [(1, "")]


def test_a_wrong_event_charges_nothing(organization: OrganizationRef) -> None:
    events = [
        UsageEventNew(organization.id, SOURCE, name, METER, units, NOW)
        for name, units in (("a", Decimal(1)), ("b", Decimal(-1)))
    ]
    with clock.frozen(NOW):
        give(organization, METER, Decimal(5))
    with pytest.raises(UsageInvalid), clock.frozen(NOW), system_scope("test"):
        usage_charge(events=events)

    with clock.frozen(NOW):
        assert balance(organization, METER) == (0, 0, 5)
    assert counted(organization) == []
