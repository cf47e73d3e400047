"""A virtual year of random customers: ledger, invoices and payments tell what the models tell.

One year is lived for all tests here; each plants its fault behind a savepoint.
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import StringIO
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from anneal.kernel import clock
from anneal.kernel.scopes import system_scope
from billing.invoices.models import InvoiceItem
from billing.simulation.customers import HAPPENS
from billing.simulation.world import World
from billing.simulation.year import balances_explain, year_differences, year_explain, year_live
from tests.unit.billing.test_reconcile_tampered import _TAMPER
from tests.unit.conftest import DatabaseClone
from tests.unit.worlds import undone

TODAY = datetime(2026, 11, 26, tzinfo=UTC)
SEED = 5
RARE = frozenset(
    {
        "disputes won",
        "outcomes assumed",
        "refusals",
        "refusals by a budget",
        "transfers too large",
        "transfers twice",
    }
)
"""What so few days need not have seen."""

Plant = Callable[[str, str], list[str]]


@pytest.fixture(scope="module")
def world(
    django_db_setup: None, django_db_blocker: Any, database_clone: DatabaseClone
) -> Iterator[World]:
    """Six customers after forty days."""
    with psycopg.connect(database_clone.owner_url, autocommit=True) as owner:
        owner.execute(_TAMPER)
        # The calendar decides which seed lives through everything.
        with django_db_blocker.unblock(), undone(), clock.frozen(TODAY):
            lived = World(SEED, pace=6)
            year_live(lived, organizations=6, days=40, progress=lambda _: None)
            yield lived
        owner.execute("DROP FUNCTION tests_tamper(text, text)")


def differences(world: World) -> list[str]:
    """Explain the year again."""
    return list(year_differences(world, TODAY, balances_explain(world, TODAY)))


@pytest.fixture
def plant(world: World) -> Iterator[Plant]:
    """Change rows of a table as its owner, and explain the year again."""

    def change(table: str, statement: str) -> list[str]:
        with system_scope("test"), connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("RESET ROLE")
            cursor.execute("SELECT tests_tamper(%s, %s)", [table, statement])
            assert cursor.fetchone()[0] == 1
        return differences(world)

    with undone():
        yield change


def test_forty_days_of_six_organizations_are_explained(world: World) -> None:
    report = year_explain(world, TODAY)

    assert (report.drifts, report.differences) == ((), ())
    assert len(report.balances) >= 10
    happened = report.counts
    assert (report.invoices, report.events) == (happened["invoices"], sum(happened.values()))
    assert happened["sign-ups"] == 6
    assert {kind for kind in HAPPENS if happened[kind] == 0} <= RARE


def test_all_money_that_came_is_on_invoices_or_has_become_credit(world: World) -> None:
    report = year_explain(world, TODAY)

    moved = [money for money in report.money.values() if money.came_by_card]
    assert len(moved) > 2
    assert all(money.balanced for money in moved)
    assert sum(money.refunded for money in moved) > 0
    assert sum(money.taken_back for money in moved) > 0


ONE = "id = (SELECT min(id::text)::uuid FROM {} WHERE {})"
NOBODYS = {"invoices_numberseries"}
"""Tables without an organization. Of the others rows may lie here that other tests left."""
FAULTS = [
    ("ledger_balance", "SET granted = granted + 1", "unit = 'prediction'", "Totals("),
    ("metering_usageevent", "SET units = units + 1", "true", "events tell"),
    (
        "plans_subscriptionperiod",
        "SET starts_at = starts_at + interval '1 hour'",
        "true",
        "a period begins",
    ),
    ("invoices_invoiceitem", "SET amount = amount + 1", "kind = 'fee'", "was asked for, not"),
    ("invoices_invoiceitem", "SET amount = amount + 1", "kind = 'usage'", "usage of"),
    ("invoices_invoiceitem", "SET amount = amount + 1", "kind = 'outcome'", "was asked for, not"),
    ("invoices_invoiceitem", "SET currency = 'CHF'", "kind = 'fee'", "is of an item of"),
    (
        "invoices_invoiceitem",
        "SET invoice_id = NULL",
        "kind = 'fee' AND amount > 5 AND NOT EXISTS (SELECT FROM invoices_invoiceitem n"
        " WHERE n.organization_id = invoices_invoiceitem.organization_id AND n.amount < 0)",
        "are due and on no invoice",
    ),
    ("invoices_invoiceline", "SET amount_minor = amount_minor + 1", "kind = 'fee'", "is on a line"),
    (
        "invoices_invoice",
        "SET tax_minor = tax_minor + 1, subtotal_minor = subtotal_minor - 1",
        "status = 'final'",
        "of tax on",
    ),
    ("invoices_invoicepayment", "SET amount_minor = amount_minor + 1", "true", "is booked"),
    (
        "invoices_invoicepayment",
        "SET amount_minor = amount_minor + 1",
        "amount_minor > 0",
        "money that came is not",
    ),
    ("invoices_numberseries", "SET last = last + 1", "true", "the last given is"),
    (
        "invoices_creditnote",
        "SET total_minor = total_minor + 1, subtotal_minor = subtotal_minor + 1,"
        " due_minor = due_minor + 1",
        "true",
        "notes are kept",
    ),
    (
        "invoices_dunning",
        "SET suspended_at = started_at + interval '1 day'",
        "true",
        "the ladder began",
    ),
    (
        "ledger_customeraccount",
        "SET parked_at = now(), parked_reason = 'nobody'",
        "parked_at IS NULL",
        "parked is True",
    ),
    ("payments_payment", "SET intent_ref = 'lost'", "true", "the books say None"),
    (
        "payments_refund",
        "SET amount_minor = amount_minor + 1",
        "state = 'succeeded'",
        "the bank sent back",
    ),
    ("payments_dispute", "SET amount_minor = amount_minor + 1", "true", "of a dispute"),
]


@pytest.mark.parametrize(("table", "change", "where", "told"), FAULTS)
def test_a_fault_is_named(
    world: World, plant: Plant, table: str, change: str, where: str, told: str
) -> None:
    owners = ", ".join(f"'{owner}'" for owner in world.by_id)
    mine = where if table in NOBODYS else f"organization_id IN ({owners}) AND {where}"

    found = plant(table, f"UPDATE {table} {change} WHERE {ONE.format(table, mine)}")

    assert any(told in each for each in found), found


def test_only_what_the_operator_has_yet_to_decide_is_due_and_on_no_invoice(
    world: World, plant: Plant
) -> None:
    owners = ", ".join(f"'{owner}'" for owner in world.by_id)
    asked = f"kind = 'outcome' AND amount > 5 AND organization_id IN ({owners})"
    found = plant(
        "invoices_invoiceitem",
        "UPDATE invoices_invoiceitem SET invoice_id = NULL, due_at = '2026-01-01', amount = 1000"
        f" WHERE {ONE.format('invoices_invoiceitem', asked)}",
    )
    assert _unasked(found)
    with system_scope("test"):
        item = InvoiceItem.objects.get(kind="outcome", amount=1000)
    (bargain, *_) = (each for customer in world.customers for each in customer.bargains)

    bargain.disputed.append(SimpleNamespace(id=item.source.removeprefix("outcome:")))
    try:
        assert not _unasked(differences(world))
    finally:
        bargain.disputed.pop()


def _unasked(found: list[str]) -> list[str]:
    return [each for each in found if "are due and on no invoice" in each]


@pytest.mark.parametrize(
    ("kept", "told"),
    [("items", "was asked for, not None"), ("sent", "None came"), ("notes", "notes are kept")],
)
def test_what_nobody_did_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch, kept: str, told: str
) -> None:
    monkeypatch.setattr(world.booked, kept, {})

    assert any(told in each for each in differences(world))


def test_credit_that_is_not_what_was_bought_is_told(world: World) -> None:
    lots = [lot for each in world.customers for lot in each.account.lots.values()]
    bought = next(lot for lot in lots if lot.source.startswith("payment:"))
    bought.amount += 1
    try:
        assert any("grants of money" in each for each in differences(world))
    finally:
        bought.amount -= 1


@pytest.mark.parametrize("kept", ["intents", "refunds", "disputes"])
def test_what_the_bank_does_not_know_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch, kept: str
) -> None:
    monkeypatch.setattr(world.bank, kept, {})

    assert any("None, the books say" in each for each in differences(world))


def test_the_command_tells_the_same_of_the_same_seed(world: World) -> None:
    reports = [simulated(2, 8, 5) for _ in range(2)]

    first, second = (report | {"seconds": 0} for report in reports)
    assert first == second
    assert (first["drift"], first["differences"]) == (0, [])


def simulated(organizations: int, days: int, seed: int) -> dict[str, Any]:
    """Live a year by the command."""
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


def test_a_running_installation_is_not_filled_with_inventions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ANNEAL_UP", "1")

    with pytest.raises(CommandError, match="running installation"):
        call_command("simulate_year")


@pytest.mark.parametrize("option", ["--organizations=0", "--organizations=10001", "--days=367"])
def test_sizes_out_of_bounds_are_refused(option: str) -> None:
    with pytest.raises(CommandError, match="Give 1 to 10,000"):
        call_command("simulate_year", option)
