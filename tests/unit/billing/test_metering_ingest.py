"""Events in bulk: each counts once for ever, and a batch counts whole or not at all."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from anneal.kernel.ids import uuid7
from anneal.kernel.scopes import OrganizationRef, ScopeError, system_scope, tenant_scope
from billing.metering.contracts import UsageIngested
from billing.metering.errors import UsageBatchTooLarge, UsageConflict, UsageInvalid
from billing.metering.models import UsageEvent, UsageEventKey
from billing.metering.services import usage_ingest
from tests.unit.billing.metering import counted, event, ingest

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def test_counts_new_events_of_many_organizations(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    done = ingest(
        event(organization, NOW, "0.000000000001"), event(other_organization, NOW, 2), now=NOW
    )

    assert done == UsageIngested(counted=2, known=0)
    assert counted(organization) == Decimal("0.000000000001")
    assert counted(other_organization) == 2


def test_r11_an_event_whose_write_failed_counts_once_when_it_is_sent_again(
    organization: OrganizationRef,
) -> None:
    one = event(organization, NOW, 3, "e1")
    with pytest.raises(RuntimeError), system_scope("test"):
        usage_ingest(events=[replace(one, occurred_at=datetime.now(UTC))])
        raise RuntimeError("the process dies before the commit")

    assert counted(organization) == 0
    assert ingest(one, now=NOW) == UsageIngested(1, 0)
    assert ingest(one, now=NOW) == UsageIngested(0, 1)
    assert counted(organization) == 3


def test_r12_a_key_never_stands_without_its_event(organization: OrganizationRef) -> None:
    """The event's table refuses the row, so the key, written before it, is gone too."""
    with (
        system_scope("test"),
        pytest.raises(Exception, match="metering_usageevent_units"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "SELECT * FROM usage_record(ARRAY[ROW(NULL, %s, 's', 'e', 'prediction', 0, '', NULL,"
            " NULL, NULL, NULL, '{}')::usage_item])",
            [organization.id],
        )
    with system_scope("test"):
        for model in (UsageEventKey, UsageEvent):
            assert not model.objects.filter(organization_id=organization.id).exists()


def test_r13_a_backdated_event_is_kept_in_its_hour(organization: OrganizationRef) -> None:
    at = NOW - timedelta(days=35)

    ingest(event(organization, at, 5), now=NOW)

    with tenant_scope(organization):
        assert [row.occurred_at for row in UsageEvent.objects.all()] == [at]


def test_r14_the_same_id_of_two_organizations_and_of_two_sources_counts_each_time(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    done = ingest(
        event(organization, NOW, 1, "same"),
        event(other_organization, NOW, 1, "same"),
        event(organization, NOW, 1, "same", source="other"),
        now=NOW,
    )

    assert done == UsageIngested(3, 0)


def test_r16_a_retry_at_another_moment_counts_once(organization: OrganizationRef) -> None:
    ingest(event(organization, NOW, 2, "e1"), now=NOW)
    later = NOW + timedelta(days=30)

    done = ingest(
        event(organization, later, "2.0", "e1"), event(organization, later, 1, "e2"), now=later
    )

    assert done == UsageIngested(1, 1)
    assert counted(organization) == 3


@pytest.mark.parametrize(
    "other",
    [
        {"units": Decimal(3)},
        {"meter": "trained_token"},
        {"model": "another"},
        {"dims": {"task": "x"}},
    ],
)
def test_r16_another_content_under_the_same_id_is_a_conflict_and_counts_nothing(
    organization: OrganizationRef, other: dict[str, Any]
) -> None:
    one = event(organization, NOW, 2, "e1")
    ingest(one, now=NOW)

    with pytest.raises(UsageConflict) as refused:
        ingest(event(organization, NOW, 1, "new"), replace(one, **other), now=NOW)

    assert (refused.value.status, refused.value.code) == (409, "event_conflict")
    assert [each.index for each in refused.value.refusals] == [1]
    assert counted(organization) == 2


def test_duplicates_within_a_batch_count_once_and_contradictions_not_at_all(
    organization: OrganizationRef,
) -> None:
    one = event(organization, NOW, 2, "e1")
    assert ingest(one, one, replace(one, occurred_at=NOW - timedelta(1)), now=NOW) == (
        UsageIngested(counted=1, known=2)
    )

    two = replace(one, event_id="e2")
    with pytest.raises(UsageConflict):
        ingest(two, replace(two, units=Decimal(9)), now=NOW)

    assert counted(organization) == 2


def test_dims_are_kept_as_they_are(organization: OrganizationRef) -> None:
    dims = {"written out": "\\u0000", "汉字": [1, None, {"deep": 1.5}]}
    ingest(event(organization, NOW, dims=dims), now=NOW)
    with tenant_scope(organization):
        assert UsageEvent.objects.get().dims == dims


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"units": Decimal(0)}, "amount_invalid"),
        ({"units": Decimal(-1)}, "amount_invalid"),
        ({"units": Decimal("NaN")}, "amount_invalid"),
        ({"units": Decimal("Infinity")}, "amount_invalid"),
        ({"units": Decimal("sNaN")}, "amount_invalid"),
        ({"units": Decimal(10) ** 30}, "amount_invalid"),
        ({"units": Decimal("1e-13")}, "amount_invalid"),
        ({"units": 1.5}, "amount_invalid"),
        ({"meter": "bananas"}, "meter_unknown"),
        ({"organization_id": uuid7()}, "organization_unknown"),
        ({"source": ""}, "name_invalid"),
        ({"source": "s" * 51}, "name_invalid"),
        ({"event_id": ""}, "name_invalid"),
        ({"event_id": "e" * 201}, "name_invalid"),
        ({"event_id": "e\0"}, "name_invalid"),
        ({"model": "m" * 201}, "name_invalid"),
        ({"occurred_at": NOW + timedelta(minutes=5, seconds=1)}, "time_in_future"),
        ({"occurred_at": NOW - timedelta(days=35, seconds=1)}, "time_too_old"),
        ({"occurred_at": NOW.replace(tzinfo=None)}, "time_invalid"),
        ({"dims": {"a": float("nan")}}, "dims_invalid"),
        ({"dims": {"a": float("inf")}}, "dims_invalid"),
        ({"dims": {"a": "\\\0"}}, "dims_invalid"),
        ({"dims": {"a": "\ud800"}}, "dims_invalid"),
        ({"dims": {"a": NOW}}, "dims_invalid"),
    ],
)
def test_what_cannot_be_counted_is_named_and_its_batch_counts_nothing(
    organization: OrganizationRef, fault: dict[str, Any], code: str
) -> None:
    good = event(organization, NOW)

    with pytest.raises(UsageInvalid) as refused:
        ingest(good, replace(good, event_id="bad"), replace(good, **fault), now=NOW)

    assert [(each.index, each.code) for each in refused.value.refusals] == [(2, code)]
    assert "item 2: " in str(refused.value)
    assert refused.value.status == 400
    assert counted(organization) == 0


def test_every_item_at_fault_is_kept_and_five_are_told(organization: OrganizationRef) -> None:
    bad = [event(organization, NOW, meter="bananas") for _ in range(8)]

    with pytest.raises(UsageInvalid, match="and 3 more") as refused:
        ingest(*bad, now=NOW)

    assert [each.index for each in refused.value.refusals] == list(range(8))


def test_nothing_is_counted_from_an_empty_batch_nor_from_one_too_large(
    organization: OrganizationRef,
) -> None:
    assert ingest(now=NOW) == UsageIngested(0, 0)
    with pytest.raises(UsageBatchTooLarge):
        ingest(*[event(organization, NOW)] * 10_001, now=NOW)


def test_a_tenants_scope_cannot_count(organization: OrganizationRef) -> None:
    with tenant_scope(organization), pytest.raises(ScopeError):
        usage_ingest(events=[event(organization, NOW)])


@pytest.mark.parametrize(
    ("occurred", "counts"),
    [
        (datetime(2026, 2, 28, 23, tzinfo=UTC), datetime(2026, 2, 28, 23, tzinfo=UTC)),
        (datetime(2026, 3, 3, 23, 59, tzinfo=UTC), datetime(2026, 3, 3, 23, 59, tzinfo=UTC)),
    ],
)
def test_a_late_event_counts_in_its_period_while_that_is_open(
    organization: OrganizationRef, occurred: datetime, counts: datetime
) -> None:
    ingest(event(organization, occurred), now=datetime(2026, 3, 3, 23, 59, 59, tzinfo=UTC))

    with tenant_scope(organization):
        assert [row.counts_at for row in UsageEvent.objects.all()] == [counts]


def test_a_late_event_of_a_closed_period_counts_when_it_came(
    organization: OrganizationRef,
) -> None:
    came = datetime(2026, 3, 4, tzinfo=UTC)
    occurred = datetime(2026, 2, 28, 23, tzinfo=UTC)

    ingest(event(organization, occurred), now=came)

    with tenant_scope(organization):
        (row,) = UsageEvent.objects.all()
    assert (row.occurred_at, row.counts_at) == (occurred, came)


def test_the_application_can_count_only_through_the_ledger(organization: OrganizationRef) -> None:
    with (
        tenant_scope(organization),
        pytest.raises(Exception, match="permission denied") as refused,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "SELECT * FROM usage_record(ARRAY[ROW(NULL, %s, 's', 'e', 'prediction', 1, '', NULL,"
            " NULL, NULL, NULL, '{}')::usage_item])",
            [organization.id],
        )
    assert isinstance(refused.value.__cause__, psycopg.errors.InsufficientPrivilege)
