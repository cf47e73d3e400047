"""Months are made ahead; what finds none waits in the rest, counted, and moves."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.db import connection

from anneal.kernel import clock
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.metering.models import UsageEvent
from billing.metering.services import months_ensure
from billing.metering.tasks import months
from tests.unit.kernel import catalogue

FAR = UUID("043e55ba-f800-7000-8000-00000000000a")  # of 2117-11-08: no month yet
CHILD = "metering_usageevent_y2117m11"


def record(organization: OrganizationRef, event: UUID) -> None:
    with system_scope("test"), connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM usage_record(ARRAY[ROW(%s, %s, 's', %s, 'prediction', 7, '', NULL,"
            " NULL, NULL, NULL, '{}')::usage_item])",
            [event, organization.id, str(event)],
        )
        assert cursor.fetchall() == []


def parts(organization: OrganizationRef) -> list[tuple[str, int]]:
    with tenant_scope(organization), connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text, units::int FROM metering_usageevent")
        return list(cursor.fetchall())


def month(day: str) -> bool:
    with system_scope("test"), connection.cursor() as cursor:
        cursor.execute("SELECT metering_usageevent_month(%s)", [day])
        return bool(cursor.fetchone()[0])


def test_an_event_whose_month_is_missing_is_counted_and_moves_when_it_is_made(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    record(organization, FAR)
    assert parts(organization) == [("metering_usageevent_rest", 7)]

    assert month("2117-11-30") is True
    assert month("2117-11-01") is False

    assert parts(organization) == [(CHILD, 7)]
    assert parts(other_organization) == []
    record(other_organization, UUID(int=FAR.int + 1))
    assert parts(other_organization) == [(CHILD, 7)]


def test_an_event_with_an_id_of_its_own_is_recorded_once(organization: OrganizationRef) -> None:
    record(organization, FAR)

    with pytest.raises(AssertionError, match="same"):
        record(organization, FAR)

    assert parts(organization) == [("metering_usageevent_rest", 7)]


def test_a_new_month_is_walled_like_the_table(db: None) -> None:
    month("2117-11-30")

    assert CHILD in {child for child, _ in catalogue.partitions({"metering_usageevent"})}
    assert catalogue.partition_faults({"metering_usageevent", "metering_usageeventkey"}) == []


def test_the_task_makes_this_month_and_two_more_once(db: None) -> None:
    with clock.frozen(datetime(2117, 11, 30, tzinfo=UTC)):
        months()
        with system_scope("test"):
            assert months_ensure() == 0
    made = {child for child, _ in catalogue.partitions({"metering_usageevent"})}
    assert made >= {CHILD, "metering_usageevent_y2117m12", "metering_usageevent_y2118m01"}


def test_a_lookup_by_id_reads_one_month(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        plan = UsageEvent.objects.filter(id=FAR).explain()
    assert plan.count("Scan") == 1


@pytest.mark.parametrize("day", [None, "1969-12-31", "9001-01-01"])
def test_no_month_is_made_for_days_nobody_records(db: None, day: str | None) -> None:
    with pytest.raises(Exception, match="no month has the day"):
        month(str(day)) if day else month(None)  # type: ignore[arg-type] # what SQL may be given
