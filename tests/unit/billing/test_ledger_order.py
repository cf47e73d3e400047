"""Several calls in one transaction while others make the account's row: nobody waits in a ring."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid5

import psycopg
import pytest

from tests.unit.billing.books import Books
from tests.unit.billing.conftest import NOW
from tests.unit.conftest import DatabaseClone

Step = Callable[[Books], Any]


def hold_of(mine: Books) -> UUID:
    return uuid5(mine.organization_id, "the hold")


def grant(name: str, unit: str = "prediction") -> Step:
    return lambda mine: Books(mine.connection, mine.organization_id, unit).grant(
        5, source=name, now=NOW
    )


def take(mine: Books) -> Any:
    return mine.take(mine.request(1, hold_of(mine)), now=NOW)


def settle(mine: Books) -> Any:
    return mine.settle(mine.settlement(hold_of(mine), 1), now=NOW)


def extend(mine: Books) -> Any:
    return mine.extend(str(hold_of(mine)), 1, now=NOW)


def void(mine: Books) -> Any:
    (lot,) = mine.rows("SELECT id FROM ledger_grant WHERE source = 'trial'")
    return mine._in_scope("SELECT grant_void(%s, %s, %s)", [mine.organization_id, lot[0], NOW])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (grant("gift"), grant("gift", "trained_token")),
        (void, grant("anew")),
        (take, settle),
        (take, extend),
        (take, void),
    ],
)
def test_a_second_call_of_a_transaction_meets_an_account_made_meanwhile(
    database_clone: DatabaseClone, books: Books, first: Step, second: Step
) -> None:
    books.grant(100, source="trial", now=NOW)
    begun = threading.Event()

    def work(call: Step) -> Any:
        with psycopg.connect(database_clone.app_url, autocommit=True) as connection:
            return call(Books(connection, books.organization_id))

    def several(mine: Books) -> None:
        with mine.connection.transaction():
            first(mine)
            begun.set()
            # Long enough for both others to come as far as they can.
            time.sleep(0.6)
            second(mine)

    def budget(mine: Books) -> None:
        mine.limit(50)

    def call_later(mine: Books) -> Any:
        time.sleep(0.3)
        return mine.take(mine.request(1))

    with ThreadPoolExecutor(3) as pool:
        ours = pool.submit(work, several)
        assert begun.wait(10)
        others = [pool.submit(work, budget), pool.submit(work, call_later)]
        ours.result(30)
        for other in others:
            other.result(30)

    assert books.rows("SELECT count(*) FROM ledger_customeraccount") == [(1,)]
    assert books.drift() == []


def test_the_first_units_of_a_balance_come_before_a_decision_or_after_it(
    database_clone: DatabaseClone, books: Books, other_books: Books
) -> None:
    """While a batch that found no balance waits for another's, the first grant comes."""
    first, second = sorted([books, other_books], key=lambda each: each.organization_id)
    second.grant(5, source="trial", now=NOW)
    asked = [first.request(1), second.request(1)]

    def work() -> Any:
        with psycopg.connect(database_clone.app_url, autocommit=True) as connection:
            return Books(connection, first.organization_id).take(*asked)

    with (
        ThreadPoolExecutor(1) as pool,
        psycopg.connect(database_clone.app_url) as holder,
    ):
        holder.execute("SET LOCAL ROLE anneal_system")
        holder.execute(
            "SELECT FROM ledger_balance WHERE organization_id = %s FOR UPDATE",
            [second.organization_id],
        )
        taking = pool.submit(work)
        time.sleep(0.5)
        first.grant(5, source="gift", now=NOW)
        holder.rollback()
        taken = taking.result(30)

    assert taken == [(False, "quota_exhausted"), (True, "accepted")]
    assert first.balance()["held"] == 0
    assert first.take(first.request(5)) == [(True, "accepted")]
    assert (first.drift(), second.drift()) == ([], [])
