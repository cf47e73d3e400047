"""Stripe's meters: told once of what was used, whatever is late, refused, away or killed."""

from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import ProgrammingError, transaction

from anneal.kernel import clock
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger.reconcile import drifts_read
from billing.payments.models import MeterExport, MeterExportSpan
from billing.payments.services.export_send import export_faults
from tests.stripe_fake import StripeFake
from tests.unit.payments.metered import EVENT, counted, make_meter, rows, turn, turn_killed, use

pytestmark = pytest.mark.django_db


@pytest.fixture
def exporting(fake: StripeFake, settings: Any) -> StripeFake:
    """An account whose meter is told of predictions since the hour that runs."""
    settings.ANNEAL_STRIPE_METERS = {"prediction": EVENT}
    make_meter(fake)
    turn(fake)
    fake.advance(hours=1)
    return fake


def states(organization: OrganizationRef) -> list[str]:
    return [row.state for row in rows(organization)]


def drifts() -> list[tuple[str, str, int, int]]:
    with system_scope("test"):
        found = [each for each in drifts_read() if each.check == "exports.units"]
    return [(each.check, each.subject, int(each.expected), int(each.found)) for each in found]


def test_nothing_is_told_unless_the_setting_names_a_meter(
    fake: StripeFake, organization: OrganizationRef
) -> None:
    make_meter(fake)
    use(fake, organization, "5")
    turn(fake, hours=2)

    assert (rows(organization), fake.account.meter_events) == ([], [])


def test_an_hour_is_told_when_it_is_over_and_what_was_used_before_the_setting_is_not(
    fake: StripeFake, organization: OrganizationRef, settings: Any
) -> None:
    make_meter(fake)
    use(fake, organization, "100")
    settings.ANNEAL_STRIPE_METERS = {"prediction": EVENT}
    turn(fake)
    fake.advance(hours=1)
    use(fake, organization, "3")
    use(fake, organization, "4")
    turn(fake)
    assert rows(organization) == []

    turn(fake, hours=1, minutes=6)

    (row,) = rows(organization)
    assert (row.units, row.state, counted(fake, organization)) == (7, "sent", 7)


def test_a_meter_that_the_setting_names_no_more_ends_and_begins_anew(
    exporting: StripeFake, organization: OrganizationRef, settings: Any
) -> None:
    settings.ANNEAL_STRIPE_METERS = {}
    turn(exporting)
    use(exporting, organization, "5")
    turn(exporting, hours=2)
    settings.ANNEAL_STRIPE_METERS = {"prediction": EVENT}
    turn(exporting)
    use(exporting, organization, "2")
    exporting.advance(hours=1)
    use(exporting, organization, "1")
    turn(exporting, hours=2)

    assert counted(exporting, organization) == 1
    with system_scope("test"):
        assert MeterExportSpan.objects.count() == 2
    assert drifts() == []


def test_r34_what_stripe_has_already_counts_as_told_and_the_others_go_on(
    exporting: StripeFake, organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    use(exporting, organization, "5")
    use(exporting, other_organization, "7")
    turn_killed(exporting, hours=2)

    turn(exporting, minutes=5)

    assert counted(exporting, organization) == 5
    assert counted(exporting, other_organization) == 7
    assert states(organization) + states(other_organization) == ["sent", "sent"]


def test_r34_what_stripe_refuses_is_parked_and_the_others_go_on(
    exporting: StripeFake, organization: OrganizationRef, settings: Any
) -> None:
    settings.ANNEAL_STRIPE_METERS = {"prediction": EVENT, "trained_token": "nobodys"}
    turn(exporting)
    exporting.advance(hours=1)
    use(exporting, organization, "9", meter="trained_token")
    use(exporting, organization, "5")
    turn(exporting, hours=2)
    assert counted(exporting, organization) == 5
    parked = next(row for row in rows(organization) if row.state == "parked")
    assert 'No active meter found for event name "nobodys"' in parked.error

    with system_scope("test"):
        (fault,) = export_faults()
    assert "No active meter" in fault
    make_meter(exporting, "nobodys")
    call_command("meter_exports", "--retry")
    turn(exporting, minutes=5)

    assert counted(exporting, organization, "nobodys") == 9
    with system_scope("test"):
        assert export_faults() == []


def test_r35_killed_between_stripe_and_our_mark_it_is_counted_once(
    exporting: StripeFake, organization: OrganizationRef
) -> None:
    use(exporting, organization, "5")
    turn_killed(exporting, hours=2)
    assert states(organization) == ["waiting"]

    turn(exporting, minutes=5)
    turn(exporting, minutes=5)

    assert (counted(exporting, organization), states(organization)) == (5, ["sent"])


def test_b6_killed_and_run_again_a_day_later_stripe_counts_what_was_used(
    exporting: StripeFake, organization: OrganizationRef
) -> None:
    use(exporting, organization, "5")
    exporting.advance(hours=1)
    use(exporting, organization, "6")
    turn_killed(exporting, hours=2)
    identifiers = [row.identifier for row in rows(organization)]
    use(exporting, organization, "1", hours_ago=2)

    turn(exporting, hours=25)

    assert counted(exporting, organization) == 12
    assert [row.identifier for row in rows(organization)][:2] == identifiers
    assert set(states(organization)) == {"sent"}
    assert drifts() == []


def test_b6_what_never_arrived_is_told_a_day_later(
    exporting: StripeFake, organization: OrganizationRef
) -> None:
    use(exporting, organization, "5")
    exporting.faults.add("cut_before", times=1000)
    turn(exporting, hours=2)
    exporting.faults.clear()

    turn(exporting, hours=25)

    assert (counted(exporting, organization), states(organization)) == (5, ["sent"])


def test_b6_an_hour_that_stripe_sums_otherwise_is_a_persons_to_mend(
    exporting: StripeFake, organization: OrganizationRef
) -> None:
    use(exporting, organization, "5")
    turn_killed(exporting, hours=2)
    exporting.account.meter_events[0]["payload"]["value"] = "4"

    turn(exporting, hours=25)

    (row,) = rows(organization)
    assert (row.state, len(exporting.account.meter_events)) == ("parked", 1)
    assert "nobody knows whether 5 more arrived" in row.error


@pytest.mark.parametrize(("before", "units"), [("3", "0.0000000005"), ("220927819.7", "86269.04")])
def test_b6_however_large_the_hour_and_small_the_units_what_arrived_is_not_told_again(
    exporting: StripeFake, organization: OrganizationRef, before: str, units: str
) -> None:
    use(exporting, organization, before)
    turn(exporting, hours=2)
    use(exporting, organization, units, hours_ago=2)
    turn_killed(exporting, minutes=10)

    turn(exporting, hours=25)

    # As floats the larger ones add up to 221014088.73999998.
    assert counted(exporting, organization) == Decimal(before) + Decimal(units)
    assert states(organization) == ["sent", "sent"]


def test_b6_units_too_small_for_stripes_sum_to_show_are_a_persons_to_mend(
    exporting: StripeFake, organization: OrganizationRef
) -> None:
    use(exporting, organization, "123456789012345")
    turn(exporting, hours=2)
    use(exporting, organization, "0.01", hours_ago=2)
    turn_killed(exporting, minutes=10)

    turn(exporting, hours=25)

    assert states(organization) == ["sent", "parked"]
    assert "nobody knows whether 0.01 more arrived" in rows(organization)[-1].error


def test_r36_usage_that_comes_late_is_a_revision_with_an_identifier_of_its_own(
    exporting: StripeFake, organization: OrganizationRef
) -> None:
    use(exporting, organization, "5")
    turn(exporting, hours=2)

    use(exporting, organization, "2", hours_ago=2)
    turn(exporting, minutes=10)
    turn(exporting, minutes=10)

    told = [(row.revision, int(row.units)) for row in rows(organization)]
    assert told == [(1, 5), (2, 2)]
    assert len({row.identifier for row in rows(organization)}) == 2
    assert len({row.hour for row in rows(organization)}) == 1
    assert counted(exporting, organization) == 7


def test_r36_a_failure_that_stripe_repeats_under_its_key_stops_nothing(
    exporting: StripeFake, organization: OrganizationRef
) -> None:
    use(exporting, organization, "5")
    exporting.faults.add("error_after", path="/v1/billing/meter_events")
    turn(exporting, hours=2)
    assert states(organization) == ["waiting"]

    turn(exporting, minutes=5)

    assert (counted(exporting, organization), states(organization)) == (5, ["sent"])


@pytest.mark.parametrize(
    ("fault", "times"), [("cut_before", 2), ("error_before", 1), ("rate_limit", 1)]
)
def test_r36_what_is_told_can_be_changed_by_nobody_while_it_waits(
    exporting: StripeFake, organization: OrganizationRef, fault: str, times: int
) -> None:
    use(exporting, organization, "5")
    exporting.faults.add(fault, path="/v1/billing/meter_events", times=times)
    turn(exporting, hours=2)
    assert states(organization) == ["waiting"]

    for scope in (system_scope("test"), tenant_scope(organization)):
        with pytest.raises(ProgrammingError) as refused, scope, transaction.atomic():
            MeterExport.objects.update(units=6)
        assert isinstance(refused.value.__cause__, psycopg.errors.InsufficientPrivilege)

    turn(exporting, minutes=5)
    assert (counted(exporting, organization), states(organization)) == (5, ["sent"])


def test_while_stripe_is_away_few_calls_are_made_and_then_all_is_told_in_order(
    exporting: StripeFake, organization: OrganizationRef
) -> None:
    for units in ("1", "2", "3"):
        use(exporting, organization, units)
        exporting.advance(hours=1)
    exporting.faults.add("rate_limit", path="/v1/billing/meter_events")
    turn(exporting, hours=2)
    assert [row.tries for row in rows(organization)] == [1, 0, 0]

    turn(exporting, minutes=5)

    told = [each["payload"]["value"] for each in exporting.account.meter_events]
    assert told == ["1", "2", "3"]


def test_more_digits_than_stripe_takes_are_told_in_two_revisions(
    exporting: StripeFake, organization: OrganizationRef
) -> None:
    use(exporting, organization, "1234567.123456789012")
    turn(exporting, hours=2)

    assert str(counted(exporting, organization)) == "1234567.123456789012"
    assert states(organization) == ["sent", "sent"]


def test_what_stripe_is_told_and_what_was_used_agree_and_a_unit_too_much_is_found(
    exporting: StripeFake, organization: OrganizationRef
) -> None:
    use(exporting, organization, "5")
    turn(exporting, hours=4)
    turn(exporting, hours=4)
    assert drifts() == []

    (row,) = rows(organization)
    with system_scope("test"):
        MeterExport(
            organization_id=organization.id,
            meter=row.meter,
            event_name=EVENT,
            hour=row.hour,
            revision=2,
            units=1,
            identifier="planted",
            next_try_at=clock.now(),
        ).save(force_insert=True)

    ((check, subject, expected, found),) = drifts()
    assert (check, subject[:11], expected, found) == ("exports.units", "prediction ", 5, 6)
