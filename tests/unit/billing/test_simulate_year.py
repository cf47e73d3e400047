"""A virtual year of random customers: the ledger and an independent model tell the same."""

import json
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from anneal.kernel import clock
from anneal.kernel.scopes import system_scope
from billing.simulation import year
from billing.simulation.customers import HAPPENS
from billing.simulation.explain import explained
from billing.simulation.year import year_simulate

TODAY = datetime(2026, 11, 26, tzinfo=UTC)


def simulated(organizations: int, days: int, seed: int) -> dict[str, Any]:
    out = StringIO()
    call_command(
        "simulate_year",
        f"--organizations={organizations}",
        f"--days={days}",
        f"--seed={seed}",
        "--json",
        stdout=out,
    )
    report: dict[str, Any] = json.loads(out.getvalue())
    return report


def test_sixty_days_of_twelve_organizations_are_explained(db: None) -> None:
    with clock.frozen(TODAY):  # which seed lives through everything depends on the calendar
        report = simulated(12, 60, 7)

    assert (report["drift"], report["differences"]) == (0, [])
    assert report["balances"] >= 20
    assert report["invoices"] == report["counts"]["invoices"]
    assert report["events"] == sum(report["counts"].values())
    happened = report["counts"]
    assert happened["sign-ups"] == 12
    assert [kind for kind in HAPPENS if happened[kind] == 0] == []


def test_the_same_seed_lives_through_the_same_year(db: None) -> None:
    assert simulated(2, 20, 5)["counts"] == simulated(2, 20, 5)["counts"]


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE ledger_balance SET granted = granted + 1", "prediction: Totals("),
        (
            "INSERT INTO metering_usageevent SELECT anneal_uuid7(), organization_id, 's', 'lost',"
            " 'prediction', 1, '', NULL, NULL, now(), now(), now(), NULL, '{}' FROM ledger_balance",
            "events tell",
        ),
    ],
)
def test_a_unit_out_of_place_is_a_difference_and_a_drift(
    db: None, monkeypatch: pytest.MonkeyPatch, statement: str, told: str
) -> None:
    """The books are falsified between the last day and the account of the year."""
    honest = year._end

    def falsify(world: Any, now: Any) -> None:
        honest(world, now)
        with system_scope("test"), connection.cursor() as cursor:
            cursor.execute(
                f"{statement} WHERE organization_id = %s AND unit = 'prediction'",
                [world.customers[0].ref.id],
            )

    monkeypatch.setattr(year, "_end", falsify)

    report = year_simulate(organizations=2, days=10, seed=1, progress=lambda _: None)

    assert len(report.differences) == 1
    assert told in report.differences[0]
    assert len(report.drifts) == 1


FORGOTTEN = {
    "items": "was asked for, not None",
    "top_ups": "was asked for, not",
    "payments": "coins in",
    "notes": "notes are kept",
}


def test_what_nobody_did_is_told_of_invoices(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What customers remember is lost before the account of the year: nothing explains it then."""
    honest = year._end
    told: dict[str, list[str]] = {}

    def forget(world: Any, now: Any) -> None:
        honest(world, now)
        for kept in FORGOTTEN:
            with monkeypatch.context() as lost:
                lost.setattr(world.booked, kept, {})
                told[kept] = explained(world, now)

    monkeypatch.setattr(year, "_end", forget)

    with clock.frozen(TODAY):
        report = year_simulate(organizations=4, days=40, seed=2, progress=lambda _: None)

    assert [kept for kept, text in FORGOTTEN.items() if text not in " ".join(told[kept])] == []
    assert (report.differences, report.drifts) == ((), ())


def test_a_running_installation_is_not_filled_with_inventions(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANNEAL_UP", "1")

    with pytest.raises(CommandError, match="running installation"):
        call_command("simulate_year")


@pytest.mark.parametrize("option", ["--organizations=0", "--organizations=10001", "--days=367"])
def test_sizes_out_of_bounds_are_refused(db: None, option: str) -> None:
    with pytest.raises(CommandError, match="Give 1 to 10,000"):
        call_command("simulate_year", option)
