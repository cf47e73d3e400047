"""A connection killed after every write of every path that moves units: all of it, or nothing.

The functions are called as their callers call them: the gateway by its own class on its own pool,
the jobs and the storage meter by their services.
"""

import asyncio
import itertools
from array import array
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from anneal.kernel import clock
from anneal.kernel.ids import uuid7
from anneal.kernel.scopes import system_scope
from billing.ledger.services import usage_charge
from billing.metering.contracts import UsageEventNew
from mlworker.serving.gateway.ledger import Ledger, Settlement
from mlworker.serving.gateway.tickets import StoreAs, Ticket
from mlworker.serving.protocol import Answer
from tests.unit.billing.books import Books
from tests.unit.billing.conftest import NOW
from tests.unit.billing.crashes import (
    died,
    differences,
    doomed_django,
    everything_of,
    options,
    stops_in,
)
from tests.unit.conftest import DatabaseClone
from tests.unit.serving.test_gateway_ledger import SURE, UNSURE, ticket

STORAGE = "storage_gb_hour"


@pytest.fixture(scope="module")
def stops(
    database_clone: DatabaseClone, django_db_setup: None, django_db_blocker: Any
) -> Iterator[None]:
    """Every write counts; hours are summed up to NOW, so that earlier events come late."""
    seal = "UPDATE metering_rollupmark SET sealed_until = %s RETURNING 1"
    with (
        django_db_blocker.unblock(),
        psycopg.connect(database_clone.app_url, autocommit=True) as plain,
        stops_in(database_clone),
    ):
        system = Books(plain, uuid7())
        ((before,),) = system._as_system("SELECT sealed_until FROM metering_rollupmark", [])
        system._as_system(seal, [NOW])
        yield
        system._as_system(seal, [before])
        # Hours that came late wait below a mark that has been there; this one goes back.
        system._as_system("DELETE FROM metering_usagelatehour RETURNING 1", [])


class Account:
    """One organization with every kind of thing a path may touch."""

    def __init__(self, plain: psycopg.Connection[tuple[Any, ...]], clone: DatabaseClone) -> None:
        self.clone = clone
        self.books = Books(plain, uuid7())
        self.books.organization_add()
        self.books.grant(8, source="plan", now=NOW)
        self.books.money().grant(100, source="paid", now=NOW, kind="purchased")
        self.books.limit(1_000)
        self.books.limit(90, unit="USD", hard=False)
        self.held, self.captured = self.books.request(5), self.books.request(6)
        self.books.take(self.held, self.captured, now=NOW)
        self.books.settle(self.books.settlement(self.captured, 6), now=NOW)
        call = {"scope": "POST /x", "key": "k", "hash": "h"}
        self.fresh = self.books.request(20, call=call)
        self.tickets: list[Ticket] = []

    def everything(self) -> dict[str, tuple[int, str | None]]:
        return everything_of(self.books.connection, self.books.organization_id)

    def called(self, stop_at: int | None, call: Callable[[Books], Any]) -> Any:
        """Call a function of the ledger on a connection of its own."""
        with closing(psycopg.connect(self.clone.app_url, **options(stop_at))) as own:
            return call(Books(own, self.books.organization_id))

    def served(self, stop_at: int | None, call: Callable[[Ledger], Any]) -> Any:
        """Call the gateway's ledger over a pool of its own."""

        async def run() -> Any:
            async with AsyncConnectionPool(
                self.clone.app_url, min_size=1, max_size=1, kwargs=options(stop_at), open=False
            ) as pool:
                return await call(Ledger(pool))

        return asyncio.run(run())


Path = Callable[[Account, int | None], None]


def take(account: Account, stop_at: int | None) -> None:
    told = account.called(stop_at, lambda books: books.take(account.fresh, now=NOW))
    assert told == [(True, "accepted")]


def settle(account: Account, stop_at: int | None) -> None:
    part = account.books.settlement(account.held, 4, response="{}")
    told = account.called(stop_at, lambda books: books.settle(part, now=NOW))
    assert told == [("captured", "captured", 4)]


def segment(account: Account, stop_at: int | None) -> None:
    told = account.called(stop_at, lambda books: books.segment(account.held, 3, "s:1", now=NOW))
    assert told == ("captured", "held", 3)


def extend(account: Account, stop_at: int | None) -> None:
    hold_id = account.held["hold_id"]
    assert account.called(stop_at, lambda books: books.extend(hold_id, 30, now=NOW)) == "extended"


def refund(account: Account, stop_at: int | None) -> None:
    told = account.called(
        stop_at, lambda books: books.refund(account.captured, 6, key="r", now=NOW)
    )
    assert told[0] == "refunded"


def grant(account: Account, stop_at: int | None) -> None:
    account.called(stop_at, lambda books: books.grant(5, source="more", now=NOW))


def expire(account: Account, stop_at: int | None) -> None:
    account.called(stop_at, lambda books: books.reap(now=NOW))


def gateway_take(account: Account, stop_at: int | None) -> None:
    """A batch of two calls, one of them with a key of its own to answer once."""

    async def call(ledger: Ledger) -> Any:
        if not account.tickets:
            store = StoreAs("POST /v1/classify", "key", "hash")
            account.tickets = [ticket(account.books, 4, store=store), ticket(account.books, 2)]
        return await ledger.take(account.tickets)

    outcomes = account.served(stop_at, call)
    assert [one.error for one in outcomes] == [None, None]
    for made, outcome in zip(account.tickets, outcomes, strict=True):
        made.hold_id = outcome.hold_id


def gateway_settle(account: Account, stop_at: int | None) -> None:
    """One call is answered but for an item without a label, the other one failed."""
    if not account.tickets:
        gateway_take(account, None)

    async def call(ledger: Ledger) -> None:
        answer = _answer(account.tickets[0], SURE, UNSURE, SURE, SURE)
        account.tickets[0].read(answer)
        settlements = [
            Settlement(account.tickets[0], answer),
            Settlement(account.tickets[1], None),
        ]
        await ledger.settle(settlements)
        assert [one.error for one in settlements] == [None, None]

    account.served(stop_at, call)


def _answer(made: Ticket, *rows: tuple[float, float]) -> Answer:
    values = array("f", [value for row in rows for value in row]).tobytes()
    return Answer(number=made.number, columns=2, values=values, queue_ms=0.0, inference_ms=0.0)


def storage(account: Account, stop_at: int | None) -> None:
    """An hour of storage that is summed already, and one that our money pays a part of."""
    events = [
        UsageEventNew(
            organization_id=account.books.organization_id,
            source="storage",
            event_id=name,
            meter=STORAGE,
            units=units,
            occurred_at=NOW - timedelta(hours=3),
        )
        for name, units in (("late", Decimal("1.5")), ("dear", Decimal(10**12)))
    ]
    with doomed_django(stop_at), clock.frozen(NOW), system_scope("test"):
        assert usage_charge(events=events) == 2


WRITES = {
    take: {"ledger_hold", "ledger_keyedcall", "ledger_limitcount", "ledger_ratedusage"},
    settle: {"ledger_hold", "ledger_ledgerentry", "ledger_limitcount", "metering_usageevent"},
    segment: {"ledger_hold", "ledger_ledgerentry", "metering_usageeventkey"},
    extend: {"ledger_hold", "ledger_grant", "ledger_balance", "ledger_ratedusage"},
    refund: {"ledger_capturerefund", "ledger_ledgerentry", "ledger_grant", "ledger_balance"},
    grant: {"ledger_grant", "ledger_ledgerentry", "ledger_balance"},
    expire: {"ledger_hold", "ledger_grant", "ledger_balance", "ledger_limitcount"},
    gateway_take: {"ledger_hold", "ledger_keyedcall", "ledger_limitcount"},
    gateway_settle: {"ledger_hold", "ledger_keyedcall", "ledger_limitcount", "metering_usageevent"},
    storage: {"ledger_hold", "metering_usagelatehour", "metering_usageevent", "ledger_ratedusage"},
}
"""What each path must have written once it is walked; else it was not that path."""


def begun(clone: DatabaseClone, books: Books, path: Path) -> Account:
    """Return a new account on which a path can be walked."""
    account = Account(books.connection, clone)
    if path is gateway_settle:
        gateway_take(account, None)
    if path is expire:
        account.books.hold_age(account.held["hold_id"])
    return account


@pytest.mark.parametrize("path", WRITES, ids=lambda path: path.__name__)
def test_r04_r05_a_connection_killed_after_any_write_leaves_nothing_and_a_retry_does_it_once(
    database_clone: DatabaseClone, books: Books, stops: None, path: Path
) -> None:
    account = begun(database_clone, books, path)
    before = account.everything()
    number = 1
    while died(database_clone, number, lambda stop: path(account, stop)):
        # Nothing at all is as it was not: what a comparison of the books reads is among it.
        assert differences(before, account.everything()) == set()
        number += 1

    assert number > len(WRITES[path])
    assert differences(before, account.everything()) >= WRITES[path]
    assert account.books.drift() == []


@pytest.mark.slow
@pytest.mark.parametrize("path", WRITES, ids=lambda path: path.__name__)
def test_a_retry_after_each_of_these_deaths_does_it_once(
    database_clone: DatabaseClone, books: Books, stops: None, path: Path
) -> None:
    for number in itertools.count(1):
        account = begun(database_clone, books, path)
        before = account.everything()
        if not died(database_clone, number, lambda stop, of=account: path(of, stop)):
            break
        path(account, None)
        assert differences(before, account.everything()) >= WRITES[path]
        assert account.books.drift() == []
