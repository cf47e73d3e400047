"""What the application's role may not do, whatever its code says."""

import json
from datetime import timedelta

import psycopg
import pytest

from anneal.kernel.ids import uuid7
from tests.unit.billing.books import Books
from tests.unit.billing.conftest import NOW

TABLES = [
    "ledger_grant",
    "ledger_balance",
    "ledger_hold",
    "ledger_ledgerentry",
    "ledger_keyedcall",
    "metering_usageevent",
    "metering_usageeventkey",
]


@pytest.fixture
def used(books: Books) -> Books:
    """Books with a row in every table."""
    books.grant(10, source="trial", now=NOW)
    call = {"scope": "POST /v1/classify", "key": "k1", "hash": "a" * 64}
    request = books.request(2, call=call)
    books.take(request, now=NOW)
    books.settle(books.settlement(request, 2, response="{}"), now=NOW)
    return books


@pytest.mark.parametrize("table", TABLES)
def test_the_application_reads_its_own_rows_only(
    used: Books, other_books: Books, table: str
) -> None:
    other_books.grant(5, source="trial", now=NOW)

    owners = used._in_scope(f"SELECT DISTINCT organization_id FROM {table}", [])
    without_scope = used.connection.execute(f"SELECT count(*) FROM {table}").fetchone()

    assert owners == [(used.organization_id,)]
    assert without_scope == (0,)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "statement",
    ["UPDATE {} SET organization_id = organization_id", "DELETE FROM {}", "TRUNCATE {}"],
)
def test_the_application_cannot_change_or_remove_a_row(
    used: Books, table: str, statement: str
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        used._in_scope(statement.format(table), [])


@pytest.mark.parametrize("table", TABLES)
def test_the_application_cannot_add_a_row_but_through_the_functions(
    used: Books, table: str
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        used._in_scope(f"INSERT INTO {table} SELECT * FROM {table}", [])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_ledgerentry SET amount = amount + 1",
        "DELETE FROM ledger_ledgerentry",
        "UPDATE metering_usageevent SET units = units + 1",
        "DELETE FROM metering_usageevent",
        "UPDATE metering_usageeventkey SET event_id = event_id || '2'",
        "DELETE FROM metering_usageeventkey",
        "UPDATE ledger_grant SET amount = amount + 1",
        "UPDATE ledger_grant SET expires_at = NULL",
        "DELETE FROM ledger_grant",
        "DELETE FROM ledger_hold",
        "UPDATE prices_price SET unit_amount = 0",
        "DELETE FROM prices_price",
    ],
)
def test_not_even_the_systems_role_rewrites_history(used: Books, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), used.connection.transaction():
        used.connection.execute("SET LOCAL ROLE anneal_system")
        used.connection.execute(statement)


@pytest.mark.parametrize(
    "call",
    [
        "ledger_post('grant', 'issued', ARRAY[%(id)s], ARRAY[%(id)s], ARRAY[-1],"
        " ARRAY[NULL]::uuid[], now())",
        "balance_refresh(%(id)s, 'prediction', now())",
    ],
)
def test_the_inner_functions_give_a_caller_no_rights(used: Books, call: str) -> None:
    grant = used._in_scope("SELECT id FROM ledger_grant", [])[0][0]
    wanted = used.organization_id if "refresh" in call else grant

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        used._in_scope(f"SELECT {call}".replace("%(id)s", f"'{wanted}'::uuid"), [])


def test_a_journal_that_does_not_sum_to_zero_is_refused(used: Books) -> None:
    with (
        pytest.raises(psycopg.errors.CheckViolation, match="does not sum to zero"),
        used.connection.transaction(),
    ):
        used.connection.execute("SET LOCAL ROLE anneal_system")
        used.connection.execute(
            "INSERT INTO ledger_ledgerentry (id, created_at, organization_id, journal_id, kind,"
            " account, unit, amount, grant_id, booked_at)"
            " SELECT anneal_uuid7(), now(), organization_id, anneal_uuid7(), 'grant', 'revenue',"
            " unit, 1, id, now() FROM ledger_grant WHERE organization_id = %s",
            [used.organization_id],
        )


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger_balance SET held = granted + 1 WHERE organization_id = %s",
        "UPDATE ledger_balance SET consumed = -1 WHERE organization_id = %s",
        "UPDATE ledger_grant SET consumed = amount + 1 WHERE organization_id = %s",
        "UPDATE ledger_hold SET captured = amount + 1 WHERE organization_id = %s",
        "UPDATE ledger_hold SET state = 'held' WHERE organization_id = %s",
    ],
)
def test_impossible_numbers_are_refused_by_the_tables(used: Books, change: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation), used.connection.transaction():
        used.connection.execute("SET LOCAL ROLE anneal_system")
        used.connection.execute(change, [used.organization_id])


FOREIGN_CALLS = [
    "grant_add('{id}', 'prediction', 'operator', 99, 50, now(), NULL, 'gift', now())",
    "grant_void('{id}', gen_random_uuid(), now())",
    "hold_extend('{id}', gen_random_uuid(), 60, 0)",
    """hold_take('[{{"organization_id": "{id}", "hold_id": "{hold}", "unit": "prediction",
       "amount": 1, "ttl_seconds": 60}}]')""",
    """hold_settle('[{{"organization_id": "{id}", "hold_id": "{hold}", "captured": 0}}]')""",
]


@pytest.mark.parametrize("call", FOREIGN_CALLS)
def test_inside_a_scope_nobody_moves_anothers_money(
    used: Books, other_books: Books, call: str
) -> None:
    other_books.grant(5, source="trial", now=NOW)
    statement = call.format(id=other_books.organization_id, hold=uuid7())

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        used._in_scope(f"SELECT * FROM {statement}", [])

    assert other_books.balance()["granted"] == 5


@pytest.mark.parametrize("call", [*FOREIGN_CALLS[:3], "ledger_sweep(1000, '2999-01-01')"])
def test_without_a_scope_nobody_gives_takes_back_or_ends_units(used: Books, call: str) -> None:
    statement = call.format(id=used.organization_id)

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        used.connection.execute(f"SELECT * FROM {statement}")

    assert used.balance()["granted"] == 10


def test_the_gateway_serves_many_organizations_without_a_scope(
    used: Books, other_books: Books
) -> None:
    other_books.grant(5, source="trial", now=NOW)

    decisions = used.take(used.request(1), other_books.request(1))

    assert decisions == [(True, "accepted"), (True, "accepted")]


@pytest.mark.parametrize(
    "call",
    [
        """hold_take('[{{"organization_id": "{id}", "unit": "prediction"}}]', {time})""",
        """hold_settle('[{{"organization_id": "{id}", "hold_id": "{hold}"}}]', {time})""",
        "hold_settle('[]', {time})",
        "hold_reap(1000, {time})",
    ],
)
@pytest.mark.parametrize(
    "time", ["'2999-01-01'", "now() + interval '6 minutes'", "now() - interval '6 minutes'"]
)
def test_without_a_scope_nobody_chooses_the_time(used: Books, call: str, time: str) -> None:
    ending = NOW + timedelta(days=365 * 100)
    used.grant(5, source="ending", now=NOW, expires_at=ending)
    late = used.request(2)
    used.take(late, now=NOW)
    used.hold_age(late["hold_id"])
    statement = call.format(id=used.organization_id, hold=late["hold_id"], time=time)

    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="a time other than now"):
        used.connection.execute(f"SELECT * FROM {statement}")

    assert used.balance() | {"available": 0} == {
        "granted": 15,
        "held": 2,
        "consumed": 2,
        "expired": 0,
        "available": 0,
    }


def test_without_a_scope_the_clock_of_the_caller_may_be_a_little_off(used: Books) -> None:
    request = used.request(1)

    taken = used.connection.execute(
        "SELECT code FROM hold_take(jsonb_build_array(%s::jsonb), now() + interval '4 minutes')",
        [json.dumps(request)],
    ).fetchall()

    assert taken == [("accepted",)]


def test_inside_its_scope_an_organization_is_decided_at_the_services_time(used: Books) -> None:
    used.grant(5, source="next", now=NOW, effective_at=NOW + timedelta(days=1))

    taken = used.take(used.request(13), now=NOW + timedelta(days=2))

    assert taken == [(True, "accepted")]
