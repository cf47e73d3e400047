"""B9 on the online path: one account's books contradict themselves, and everybody else goes on.

The gateway's own desk and ledger over a real Postgres; the drift is made by the system's role,
which alone may write balances.
"""

import asyncio
from array import array
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from anneal.kernel import clock
from anneal.kernel.errors import DomainError, Unavailable
from anneal.kernel.ids import uuid7
from anneal.kernel.models import OutboxMessage
from anneal.kernel.scopes import system_scope
from billing.ledger.errors import AccountParked
from mlworker.serving.gateway import desk as module
from mlworker.serving.gateway.desk import Desk
from mlworker.serving.gateway.ledger import Ledger, Settlement
from mlworker.serving.gateway.tickets import Ticket
from mlworker.serving.protocol import Answer, Work
from tests.unit.billing.books import Books
from tests.unit.conftest import DatabaseClone
from tests.unit.serving.test_gateway_ledger import ticket


def books_of(connection: psycopg.Connection[tuple[Any, ...]]) -> Books:
    made = Books(connection, uuid7())
    made.organization_add()
    made.grant(1000, source="trial", now=clock.now())
    return made


@pytest.fixture
def all_books(database_clone: DatabaseClone) -> Iterator[list[Books]]:
    """Five organizations; the third will be drifted."""
    with psycopg.connect(database_clone.app_url, autocommit=True) as connection:
        yield [books_of(connection) for _ in range(5)]


def balance_set(books: Books, column: str, value: int) -> None:
    books._as_system(
        f"UPDATE ledger_balance SET {column} = {value} WHERE organization_id = %s RETURNING id",
        [books.organization_id],
    )


class Counting(Ledger):
    """The real ledger; counts the batches and remembers of whom they were."""

    def __init__(self, pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]]) -> None:
        super().__init__(pool)
        self.batches: list[set[Any]] = []

    async def settle(self, settlements: list[Settlement]) -> dict[Any, str]:
        self.batches.append({each.ticket.organization_id for each in settlements})
        return await super().settle(settlements)


class Post:
    """Redis: keeps what was sent."""

    def __init__(self) -> None:
        self.sent: set[int] = set()

    async def send(self, _: str, works: list[Work], *, again: bool = False) -> None:
        self.sent |= {work.number for work in works}


class Bench:
    """A desk at work for many organizations."""

    def __init__(self, pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]]) -> None:
        self.ledger, self.post = Counting(pool), Post()
        self.desk = Desk(self.ledger, self.post)  # type: ignore[arg-type] # Redis by script

    async def sent(self, *books: Books) -> list[Ticket]:
        """Have a call of each held and sent to an engine."""
        tickets = [ticket(each, 2, abstains=None) for each in books]
        for made in tickets:
            self.desk.submit(made)
        while not {made.number for made in tickets} <= self.post.sent:
            await asyncio.sleep(0.01)
        return tickets

    def answer(self, *tickets: Ticket) -> None:
        """Answer all at once, so that they are of one batch."""
        values = array("f", [0.9, 0.1] * 2).tobytes()
        self.desk.answered([Answer(made.number, 2, values, 0.0, 0.0, "") for made in tickets])


async def answered(tickets: list[Ticket]) -> None:
    """Wait until all have their answers."""
    outcomes = await asyncio.gather(*[made.future for made in tickets])
    assert all(isinstance(each, Answer) for each in outcomes)


def at_the_desk(clone: DatabaseClone, story: Callable[[Bench], Awaitable[None]]) -> None:
    async def play() -> None:
        async with AsyncConnectionPool(
            clone.app_url, min_size=1, kwargs={"autocommit": True}, open=False
        ) as pool:
            bench = Bench(pool)
            loops = [
                asyncio.create_task(bench.desk.take_forever()),
                asyncio.create_task(bench.desk.settle_forever()),
            ]
            try:
                async with asyncio.timeout(20):
                    await story(bench)
            finally:
                bench.desk.close()
                for loop in loops:
                    loop.cancel()
                await asyncio.gather(*loops, return_exceptions=True)

    asyncio.run(play())


def parked(books: Books) -> str:
    rows = books.rows(
        "SELECT parked_reason FROM ledger_customeraccount WHERE parked_at IS NOT NULL"
    )
    return str(rows[0][0]) if rows else ""


async def parked_soon(books: Books) -> str:
    while not (reason := parked(books)):
        await asyncio.sleep(0.02)
    return reason


@pytest.fixture
def asked(db: None, all_books: list[Books]) -> Iterator[Callable[[Books], int]]:
    """How often the operators are to be told of an organization."""

    def count(books: Books) -> int:
        with system_scope("test"):
            return OutboxMessage.objects.filter(
                task="ledger.fault", payload__organization_id=str(books.organization_id)
            ).count()

    yield count
    # Rows of the gateway's own threads are committed: no other test is to find them.
    all_books[0]._as_system(
        "DELETE FROM kernel_outboxmessage WHERE task = %s RETURNING id", ["ledger.fault"]
    )


def test_b9_others_are_charged_in_the_same_round_and_the_sick_account_is_parked(
    database_clone: DatabaseClone, all_books: list[Books], asked: Callable[[Books], int]
) -> None:
    sick, *healthy = all_books[2], *all_books[:2], *all_books[3:]

    async def story(bench: Bench) -> None:
        tickets = await bench.sent(*all_books)
        balance_set(sick, "held", 0)
        bench.answer(*tickets)
        others = [made for made in tickets if made.organization_id != sick.organization_id]
        await answered(others)
        assert bench.ledger.batches == [{each.organization_id for each in all_books}]
        assert "ledger_balance_parts" in await parked_soon(sick)
        # From here on nobody shares a batch with it.
        for _ in range(3):
            more = await bench.sent(*healthy)
            bench.answer(*more)
            await answered(more)
        assert all(
            sick.organization_id not in batch or len(batch) == 1
            for batch in bench.ledger.batches[1:]
        )
        # Once the books are right its answer is charged and given, and it is whole again.
        balance_set(sick, "held", 2)
        sicks = next(made for made in tickets if made.organization_id == sick.organization_id)
        assert isinstance(await sicks.future, Answer)
        refused = ticket(sick, 2, abstains=None)
        bench.desk.submit(refused)
        with pytest.raises(AccountParked):
            await refused.future

    at_the_desk(database_clone, story)

    assert [each.balance()["consumed"] for each in healthy] == [8] * 4
    assert (sick.balance()["consumed"], sick.balance()["held"]) == (2, 0)
    assert [each.drift() for each in all_books] == [[]] * 5
    assert [parked(each) for each in healthy] == [""] * 4
    assert (asked(sick), sum(asked(each) for each in healthy)) == (1, 0)


def test_b9_a_take_that_fails_is_its_own_organizations_alone(
    database_clone: DatabaseClone, all_books: list[Books], asked: Callable[[Books], int]
) -> None:
    sick = all_books[2]
    # Its grant has units, its balance none: whatever is held breaks a constraint.
    balance_set(sick, "granted", 0)

    async def story(bench: Bench) -> None:
        tickets = [ticket(each, 2, abstains=None) for each in all_books]
        for made in tickets:
            bench.desk.submit(made)
        others = [made for made in tickets if made.organization_id != sick.organization_id]
        while not {made.number for made in others} <= bench.post.sent:
            await asyncio.sleep(0.01)
        (sicks,) = [made for made in tickets if made not in others]
        with pytest.raises(Unavailable):
            await sicks.future
        bench.answer(*others)
        await answered(others)
        await parked_soon(sick)

    at_the_desk(database_clone, story)

    assert asked(sick) == 1
    balance_set(sick, "granted", 1000)
    assert [each.balance()["consumed"] for each in all_books] == [2, 2, 0, 2, 2]
    assert [each.drift() for each in all_books] == [[]] * 5


def test_what_a_sick_account_never_settles_ends_at_its_deadline_and_its_hold_by_expiry(
    database_clone: DatabaseClone,
    all_books: list[Books],
    asked: Callable[[Books], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sick = all_books[0]
    monkeypatch.setattr(module, "SETTLE_RETRY_SECONDS", 0.02)

    async def story(bench: Bench) -> None:
        (made,) = await bench.sent(sick)
        balance_set(sick, "held", 0)
        bench.answer(made)
        await parked_soon(sick)
        made.created -= 60
        with pytest.raises(DomainError) as raised:
            await made.future
        assert raised.value.status == 503
        assert bench.desk.in_flight == 0

    at_the_desk(database_clone, story)

    balance_set(sick, "held", 2)
    (hold,) = sick.rows("SELECT id FROM ledger_hold")[0]
    sick.hold_age(str(hold))
    sick.reap(now=clock.now())
    assert (sick.balance()["consumed"], sick.balance()["held"]) == (0, 0)
    assert sick.drift() == []
