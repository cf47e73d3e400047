"""Stored bytes as usage: once an hour, whatever runs how often."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.db import connection
from django.test.utils import CaptureQueriesContext

from anneal.kernel import clock
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.metering.models import UsageEvent
from mlworker.jobs.storage_use import METER, storage_count
from mlworker.jobs.tasks import storage_use
from tenants.datasets.models import File

NOW = datetime(2026, 3, 10, 12, 20, tzinfo=UTC)


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

    with clock.frozen(NOW), system_scope("test"):
        assert storage_count() == 1

    assert [units for _, units, _ in counted(organization)] == [Decimal("0.000000001")]


def test_the_statements_do_not_grow_with_the_organizations(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    for owner in (organization, other_organization):
        store(owner, 10**9)

    with (
        clock.frozen(NOW),
        system_scope("test"),
        CaptureQueriesContext(connection) as queries,
    ):
        assert storage_count() == 2

    # Sizes, meters, and the batch within its savepoint.
    assert len(queries) == 5
