"""Hourly sums are a cache: with them, without them and half way, every answer is the same."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import QuerySet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anneal.kernel import clock
from anneal.kernel.ids import uuid7
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.metering.models import RollupMark, UsageLateHour, UsageRollup
from billing.metering.reconcile import usage_drift
from billing.metering.selectors import usage_buckets, usage_summary
from billing.metering.services import rollups_drop
from billing.metering.tasks import rollups
from tests.unit.billing.books import Books
from tests.unit.billing.metering import advance, event, ingest
from tests.unit.conftest import DatabaseClone

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEYS = (None, uuid7(), uuid7())


def sums(organization: OrganizationRef) -> "QuerySet[UsageRollup]":
    """Of this organization: other tests of the run have committed usage of theirs."""
    return UsageRollup.objects.filter(organization_id=organization.id)


def raw(organization: OrganizationRef, start: datetime, end: datetime) -> list[tuple[Any, ...]]:
    with tenant_scope(organization), connection.cursor() as cursor:
        cursor.execute(
            "SELECT date_trunc('hour', occurred_at, 'UTC'), meter, model, api_key_id, sum(units)"
            " FROM metering_usageevent WHERE occurred_at >= %s AND occurred_at < %s"
            " GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4",
            [start, end],
        )
        return list(cursor.fetchall())


def answered(
    organization: OrganizationRef, start: datetime, end: datetime
) -> list[tuple[Any, ...]]:
    with tenant_scope(organization), connection.cursor() as cursor:
        cursor.execute(
            "SELECT date_trunc('hour', at, 'UTC'), meter, model, api_key_id, sum(units)"
            " FROM usage_between(%s, %s, %s) GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4",
            [organization.id, start, end],
        )
        return list(cursor.fetchall())


def test_sums_answer_for_hours_that_are_over_and_events_for_the_rest(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    ingest(
        event(organization, NOW - 2 * HOUR, 3, dims={"task": "a", "tokens": 5}),
        event(organization, NOW - 2 * HOUR, 4, dims={"task": "a", "tokens": 6}),
        event(organization, NOW, 5),
        event(other_organization, NOW - 2 * HOUR, 9),
        now=NOW,
    )

    advance(NOW)

    with system_scope("test"):
        rows = sums(organization)
        assert [(r.units, r.events, r.price_dims) for r in rows] == [(7, 2, {"task": "a"})]
        assert RollupMark.objects.get().sealed_until == datetime(2026, 3, 10, 12, tzinfo=UTC)
        assert usage_drift() == ()
    assert answered(organization, NOW - 5 * HOUR, NOW + HOUR) == raw(
        organization, NOW - 5 * HOUR, NOW + HOUR
    )


def test_what_comes_late_is_in_the_answer_at_once_and_in_the_sum_later(
    organization: OrganizationRef,
) -> None:
    ingest(event(organization, NOW - 2 * HOUR, 3), now=NOW)
    advance(NOW)

    ingest(event(organization, NOW - 2 * HOUR, 4), event(organization, NOW - 9 * HOUR), now=NOW)

    with system_scope("test"):
        assert UsageLateHour.objects.filter(organization_id=organization.id).count() == 2
        assert usage_drift() == ()
    before = answered(organization, NOW - 24 * HOUR, NOW)
    assert before == raw(organization, NOW - 24 * HOUR, NOW)
    advance(NOW)
    with system_scope("test"):
        assert UsageLateHour.objects.count() == 0
        assert sorted(sums(organization).values_list("units", flat=True)) == [1, 7]
    assert answered(organization, NOW - 24 * HOUR, NOW) == before


def test_r15_dropping_every_sum_changes_no_answer_and_rebuilding_neither(
    organization: OrganizationRef,
) -> None:
    ingest(*[event(organization, NOW - n * HOUR, n + 1) for n in range(60)], now=NOW)
    advance(NOW)
    start = NOW - 100 * HOUR
    with tenant_scope(organization):
        before = usage_summary(organization=organization, start=start, end=NOW)
    with system_scope("test"):
        assert sums(organization).count() == 59
        dropped = rollups_drop()

    with tenant_scope(organization):
        without = usage_summary(organization=organization, start=start, end=NOW)
    out = StringIO()
    with clock.frozen(NOW):
        call_command("rollups_rebuild", stdout=out)
    with tenant_scope(organization):
        after = usage_summary(organization=organization, start=start, end=NOW)

    assert before == without == after
    assert out.getvalue() == f"0 hourly sums dropped, {dropped} made.\n"


def test_the_task_sums_up_to_five_minutes_ago(organization: OrganizationRef) -> None:
    ingest(event(organization, NOW - HOUR), now=NOW)

    with clock.frozen(datetime(2026, 3, 10, 12, 4, tzinfo=UTC)):
        rollups()
    with system_scope("test"):
        assert not sums(organization).exists()
    with clock.frozen(datetime(2026, 3, 10, 12, 5, tzinfo=UTC)):
        rollups()
    with system_scope("test"):
        assert sums(organization).count() == 1


MOMENTS = st.integers(0, 72 * 60).map(lambda minutes: NOW - timedelta(minutes=minutes))
USES = st.tuples(
    MOMENTS,
    st.decimals("0.001", 1000, places=3),
    st.sampled_from(["prediction", "trained_token"]),
    st.sampled_from(["a", "b"]),
    st.sampled_from(KEYS),
)
STEPS = st.lists(
    st.one_of(
        st.lists(USES, min_size=1, max_size=8),  # come in
        st.integers(0, 72).map(lambda hours: NOW - hours * HOUR),  # sum up to here
        st.just("drop"),
    ),
    max_size=12,
)


@given(steps=STEPS, span=st.tuples(MOMENTS, MOMENTS))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_answer_equals_the_events_whatever_was_summed_when(
    organization: OrganizationRef, steps: list[Any], span: tuple[datetime, datetime]
) -> None:
    start, end = min(span), max(span)
    for step in steps:
        if isinstance(step, list):
            ingest(
                *[
                    event(organization, at, units, meter=meter, model=model, api_key_id=key)
                    for at, units, meter, model, key in step
                ],
                now=NOW,
            )
        elif step == "drop":
            with system_scope("test"):
                rollups_drop()
        else:
            advance(step)

    assert answered(organization, start, end) == raw(organization, start, end)
    with tenant_scope(organization):
        page = usage_buckets(
            organization=organization,
            start=start,
            end=end,
            width=timedelta(days=1),
            group_by=[],
            limit=31,
        )
    total = sum((each.units for part in page.buckets for each in part.results), Decimal(0))
    assert total == sum((row[4] for row in raw(organization, start, end)), Decimal(0))
    with system_scope("test"):
        assert usage_drift() == ()


@pytest.mark.parametrize("sealed", ["epoch", "2026-01-05 09:00+00"])
def test_an_hour_is_not_summed_past_someone_who_still_writes_into_it(
    books: Books, database_clone: DatabaseClone, sealed: str
) -> None:
    """The writer is open while the summing begins: its event may be late, never lost."""
    at = "2026-01-05 10:15+00"
    record = (
        "SELECT * FROM usage_record(ARRAY[ROW(NULL, %s, 's', %s, 'prediction', 1, '', NULL, NULL,"
        f" '{at}', NULL, '{{}}')::usage_item], '2026-01-05 12:00+00')"
    )
    with (
        psycopg.connect(database_clone.app_url) as writer,
        psycopg.connect(database_clone.app_url) as summing,
    ):
        for connected in (writer, summing):
            connected.execute("SET LOCAL ROLE anneal_system")
        writer.execute("UPDATE metering_rollupmark SET sealed_until = %s", [sealed])
        writer.commit()
        writer.execute("SET LOCAL ROLE anneal_system")
        writer.execute(record, [books.organization_id, "first"])
        summing.execute("SET LOCAL lock_timeout = '200ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            summing.execute("SELECT usage_seal('2026-01-05 12:00+00')")
        writer.commit()
        summing.rollback()
        summing.execute("SET LOCAL ROLE anneal_system")
        summing.execute("SELECT usage_seal('2026-01-05 12:00+00')")
        summing.commit()
        writer.execute("SET LOCAL ROLE anneal_system")
        writer.execute(record, [books.organization_id, "second"])
        writer.commit()
        writer.execute("SET LOCAL ROLE anneal_system")
        found = writer.execute(
            "SELECT (SELECT sum(units) FROM metering_usagerollup WHERE organization_id = %(id)s),"
            " (SELECT count(*) FROM metering_usagelatehour WHERE organization_id = %(id)s),"
            " (SELECT sum(units) FROM usage_between(%(id)s, '2026-01-05', '2026-01-06'))",
            {"id": books.organization_id},
        ).fetchone()
        # The database is shared by the run's tests: what is summed here must not stay.
        writer.execute("DELETE FROM metering_usagelatehour")
        writer.execute("DELETE FROM metering_usagerollup")
        writer.execute("UPDATE metering_rollupmark SET sealed_until = 'epoch'")
    assert found == (1, 1, 2)
