"""`manage.py reconcile` finds a single unit out of place, and nothing when all is well."""

import json
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.mail import EmailMessage
from django.core.management import CommandError, call_command
from django.db import connection

from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger.functions import hold_settle
from billing.ledger.models import CustomerAccount
from billing.ledger.services import hold_capture, hold_take
from billing.ledger.tasks import reconcile_all
from billing.metering.models import ReconcileRun
from tenants.accounts.models import User
from tests.unit.conftest import DatabaseClone
from tests.unit.factories import make_user


@pytest.fixture
def busy(organization: OrganizationRef) -> OrganizationRef:
    """An organization with a captured and an open hold."""
    with tenant_scope(organization):
        for key in ("captured", "open"):
            hold = hold_take(
                organization=organization, unit="prediction", amount=10, key=key, ttl_seconds=600
            )
            if key == "captured":
                hold_capture(organization=organization, hold_id=hold.id, amount=4, event_id=key)
    return organization


def reconciled(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """The command's status and its lines."""
    out = StringIO()
    status = 0
    try:
        call_command("reconcile", "--json", *arguments, stdout=out)
    except SystemExit as ended:
        status = int(str(ended.code))
    return status, [json.loads(line) for line in out.getvalue().splitlines()]


def seed(statement: str, *values: Any) -> None:
    with system_scope("test"), connection.cursor() as cursor:
        cursor.execute(statement, values)


def runs() -> list[ReconcileRun]:
    with system_scope("test"):
        return list(ReconcileRun.objects.all())


def test_all_is_well(busy: OrganizationRef) -> None:
    assert reconciled() == (0, [{"drift": 0, "parked": []}])
    (run,) = runs()
    assert (run.drifts, run.parked, run.details, run.organization_id) == (0, 0, [], None)


SEEDS = [
    ("UPDATE ledger_balance SET consumed = consumed + 1", {"ledger.consumed"}),
    ("UPDATE ledger_balance SET granted = granted + 1", {"ledger.granted"}),
    ("UPDATE ledger_balance SET expired = expired + 1", {"ledger.expired"}),
    ("UPDATE ledger_balance SET held = held - 1", {"holds.held"}),
    ("UPDATE ledger_grant SET consumed = consumed + 1", {"grants.consumed"}),
    ("UPDATE ledger_grant SET held = held + 1", {"grants.held"}),
    ("UPDATE ledger_grant SET expired = expired + 1", {"grants.expired"}),
    (
        "UPDATE ledger_hold SET captured = captured + 1 WHERE captured > 0",
        {"holds.drawn", "usage.counted"},
    ),
]


@pytest.mark.parametrize(("statement", "checks"), SEEDS)
def test_b9_one_unit_of_drift_is_found_parked_and_left_as_it_is(
    busy: OrganizationRef, other_organization: OrganizationRef, statement: str, checks: set[str]
) -> None:
    where = "AND" if " WHERE " in statement else "WHERE"
    seed(f"{statement} {where} unit = 'prediction' AND organization_id = %s", busy.id)

    status, lines = reconciled()

    assert status == 1
    assert {line["check"] for line in lines[:-1]} == checks
    assert {line["organization"] for line in lines[:-1]} == {str(busy.id)}
    assert lines[-1] == {"drift": len(checks), "parked": [busy.slug]}
    with system_scope("test"):
        accounts = CustomerAccount.objects.filter(
            parked_at__isnull=False, organization_id__in=[busy.id, other_organization.id]
        )
        assert [account.organization_id for account in accounts] == [busy.id]
    (run,) = runs()
    assert (run.drifts, run.parked, run.details) == (len(checks), 1, lines[:-1])
    assert reconciled() == (1, [*lines[:-1], {"drift": len(checks), "parked": []}])


@pytest.mark.parametrize(
    ("statement", "check", "parks"),
    [
        (
            "INSERT INTO metering_usageeventkey (id, organization_id, source, event_id,"
            " payload_hash) VALUES (gen_random_uuid(), %s, 'x', 'no event', '')",
            "keys.events",
            True,
        ),
        (
            "INSERT INTO metering_usagerollup (id, organization_id, hour, counts_hour, meter,"
            " model, price_dims, units, events) VALUES (gen_random_uuid(), %s,"
            " '2026-01-01', '2026-01-01', 'prediction', '', '{}', 1, 0)",
            "rollups.units",
            False,
        ),
        (
            "INSERT INTO metering_usagerollup (id, organization_id, hour, counts_hour, meter,"
            " model, price_dims, units, events) VALUES (gen_random_uuid(), %s,"
            " '2026-01-01', '2026-01-01', 'prediction', '', '{}', 0, 1)",
            "rollups.events",
            False,
        ),
    ],
)
def test_usage_out_of_place_is_found_and_only_money_parks(
    busy: OrganizationRef, statement: str, check: str, parks: bool
) -> None:
    seed(statement, busy.id)

    status, lines = reconciled()

    assert status == 1
    assert [line["check"] for line in lines[:-1]] == [check]
    assert lines[-1]["parked"] == ([busy.slug] if parks else [])


def test_an_event_without_a_month_is_reported_and_counted(organization: OrganizationRef) -> None:
    old = UUID("00000000-0000-7000-8000-00000000000a")
    with tenant_scope(organization):
        hold = hold_take(
            organization=organization, unit="prediction", amount=1, key="k", ttl_seconds=60
        )
        settlement = {"organization_id": organization.id, "hold_id": hold.id, "captured": 1}
        assert hold_settle({**settlement, "source": "classify", "ids": [old]}) == "captured"

    _, lines = reconciled()

    assert [(line["check"], line["found"]) for line in lines[:-1]] == [("months.rest", "1")]
    assert lines[-1] == {"drift": 1, "parked": []}


def test_an_event_under_another_name_is_found(
    busy: OrganizationRef, database_clone: DatabaseClone
) -> None:
    # Nobody who runs can change a key, so two of them change places as an insert would make them.
    seed(
        "INSERT INTO metering_usageeventkey SELECT gen_random_uuid(), %s, 'x', 'swapped', ''"
        " FROM generate_series(1, 1)",
        busy.id,
    )
    seed(
        "INSERT INTO metering_usageevent SELECT anneal_uuid7(), %s, 'y', 'other', 'prediction', 1,"
        " '', NULL, NULL, now(), now(), now(), NULL, '{}'",
        busy.id,
    )

    _, lines = reconciled()

    assert [line["check"] for line in lines[:-1]] == ["keys.names"]


def test_one_organization_is_looked_at_alone(
    busy: OrganizationRef, other_organization: OrganizationRef
) -> None:
    seed("UPDATE ledger_balance SET consumed = consumed + 1 WHERE organization_id = %s", busy.id)

    assert reconciled("--organization", other_organization.slug)[0] == 0
    status, lines = reconciled("--organization", busy.slug)

    assert status == 1
    assert {line["check"] for line in lines[:-1]} == {"ledger.consumed"}
    assert [run.organization_id for run in runs()] == [busy.id, other_organization.id]


def test_an_unknown_organization_is_named(db: None) -> None:
    with pytest.raises(CommandError, match="no organization 'nobody'"):
        call_command("reconcile", "--organization", "nobody")


def test_the_hourly_run_writes_to_the_operators_once_per_finding(
    busy: OrganizationRef, mailoutbox: list[EmailMessage]
) -> None:
    operator = make_user("operator")
    with system_scope("test"):
        User.objects.filter(id=operator.id).update(is_staff=True)
    seed("UPDATE ledger_balance SET consumed = consumed + 1 WHERE organization_id = %s", busy.id)

    reconcile_all()
    reconcile_all()

    assert [mail.to for mail in mailoutbox] == [[operator.email]]
    assert "ledger.consumed" in mailoutbox[0].body
    assert busy.slug in mailoutbox[0].body


@pytest.fixture
def operators(db: None) -> list[str]:
    """Two who are told."""
    people = [make_user(name) for name in ("operator", "colleague")]
    with system_scope("test"):
        User.objects.filter(id__in=[each.id for each in people]).update(is_staff=True)
    return sorted(each.email for each in people)


def consumed(organization: OrganizationRef, more: int) -> None:
    seed(
        "UPDATE ledger_balance SET consumed = consumed + %s"
        " WHERE unit = 'prediction' AND organization_id = %s",
        more,
        organization.id,
    )


def test_an_alert_that_could_not_be_sent_is_sent_by_the_next_run(
    busy: OrganizationRef,
    operators: list[str],
    mailoutbox: list[EmailMessage],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    consumed(busy, 1)

    def away(*_: Any) -> int:
        raise OSError("away")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="away"):
        patch.setattr("billing.ledger.reconcile.send_mail", away)
        reconcile_all()
    reconciled()  # by hand: nobody is mailed, and nobody counts as told
    assert [run.alerted_at for run in runs()] == [None, None]

    reconcile_all()
    reconcile_all()

    assert [sorted(mail.to) for mail in mailoutbox] == [operators]
    assert f"no new holds: {busy.slug}." in mailoutbox[0].body
    assert [run.alerted_at is not None for run in runs()] == [False, True, False, False]


def test_what_differs_again_after_all_was_well_is_told_again(
    busy: OrganizationRef, operators: list[str], mailoutbox: list[EmailMessage]
) -> None:
    for change in (1, -1, 1):
        consumed(busy, change)
        reconcile_all()

    assert len(mailoutbox) == 2


def test_a_new_difference_behind_many_old_ones_is_told(
    busy: OrganizationRef,
    operators: list[str],
    mailoutbox: list[EmailMessage],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("billing.ledger.reconcile.KEPT", 1)
    consumed(busy, 1)
    reconcile_all()
    seed(
        "INSERT INTO metering_usagerollup (id, organization_id, hour, counts_hour, meter, model,"
        " price_dims, units, events) VALUES (gen_random_uuid(), %s, '2026-01-01', '2026-01-01',"
        " 'prediction', '', '{}', 1, 0)",
        busy.id,
    )
    reconcile_all()

    assert len(mailoutbox) == 2
    assert [run.details for run in runs()] == [runs()[0].details] * 2


def test_every_account_that_differs_is_parked_however_many_differences_are_told(
    busy: OrganizationRef, other_organization: OrganizationRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing.ledger.reconcile.MOST", 1)
    with tenant_scope(other_organization):
        hold_take(
            organization=other_organization, unit="prediction", amount=1, key="k", ttl_seconds=60
        )
    for owner in (busy, other_organization):
        seed("UPDATE ledger_grant SET held = held + 1 WHERE organization_id = %s", owner.id)

    _, lines = reconciled()

    assert set(lines[-1]["parked"]) == {busy.slug, other_organization.slug}


def test_usage_of_every_organization_is_told_however_much_differs(
    busy: OrganizationRef, other_organization: OrganizationRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing.metering.reconcile.MOST", 1)
    for owner in (busy, other_organization):
        for hour in (1, 2):
            seed(
                "INSERT INTO metering_usagerollup (id, organization_id, hour, counts_hour, meter,"
                " model, price_dims, units, events) VALUES (gen_random_uuid(), %s, %s, %s,"
                " 'prediction', '', '{}', 1, 0)",
                owner.id,
                *[f"2026-01-01T0{hour}:00Z"] * 2,
            )

    _, lines = reconciled()

    assert sorted(line["organization"] for line in lines[:-1]) == sorted(
        [str(busy.id), str(other_organization.id)]
    )
