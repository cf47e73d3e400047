"""`manage.py reconcile` finds a single unit out of place, and nothing when all is well."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger.services import hold_capture, hold_take


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


def test_all_is_well(busy: OrganizationRef) -> None:
    out = StringIO()

    call_command("reconcile", stdout=out)

    assert json.loads(out.getvalue()) == {"drift": 0}


@pytest.mark.parametrize(
    ("seed", "checks"),
    [
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
    ],
)
def test_one_unit_of_drift_is_found_and_left_as_it_is(
    busy: OrganizationRef, seed: str, checks: set[str]
) -> None:
    mine = " AND unit = 'prediction' AND organization_id = %s"
    with system_scope("test"), connection.cursor() as cursor:
        statement = seed if " WHERE " in seed else f"{seed} WHERE true"
        cursor.execute(statement + mine, [busy.id])
    out = StringIO()

    with pytest.raises(SystemExit) as ended:
        call_command("reconcile", stdout=out)

    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert ended.value.code == 1
    assert {line["check"] for line in lines[:-1]} == checks
    assert {line["organization"] for line in lines[:-1]} == {str(busy.id)}
    assert lines[-1] == {"drift": len(checks)}
