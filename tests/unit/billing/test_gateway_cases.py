"""R3, R41 and R45 on the online path: the gateway's own desk and ledger over a real Postgres.

The broker is by script, so that Redis fails at the very moment a case is about; live tests kill it.
"""

import asyncio
from array import array
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from anneal.kernel import clock
from anneal.kernel.errors import DomainError, Unavailable
from anneal.kernel.ids import uuid7
from mlworker.serving.gateway.desk import Desk
from mlworker.serving.gateway.http import ClientGone
from mlworker.serving.gateway.ledger import Ledger, Outcome, Settlement
from mlworker.serving.gateway.tickets import Ticket
from mlworker.serving.protocol import Answer, Work
from tests.unit.billing.books import Books
from tests.unit.conftest import DatabaseClone
from tests.unit.serving.test_gateway_ledger import ticket

SOURCES = ("classify", "hf", "embeddings", "trial")


@pytest.fixture
def books(database_clone: DatabaseClone) -> Iterator[Books]:
    """An organization with ten predictions, its rows committed.

    Their time is the real one, as the gateway's is: whoever used half of them would get a mail.
    """
    with psycopg.connect(database_clone.app_url, autocommit=True) as connection:
        made = Books(connection, uuid7())
        made.organization_add()
        made.grant(10, source="trial", now=clock.now())
        yield made


class Gates(Ledger):
    """The real ledger, which can be made to wait before and after each round trip."""

    def __init__(self, pool: AsyncConnectionPool[psycopg.AsyncConnection[Any]]) -> None:
        super().__init__(pool)
        self.reached: dict[str, asyncio.Event] = {name: asyncio.Event() for name in AWAITS}
        self.closed = ""
        self.open = asyncio.Event()

    async def pass_by(self, name: str) -> None:
        self.reached[name].set()
        if name == self.closed:
            await self.open.wait()

    async def take(self, tickets: list[Ticket]) -> list[Outcome]:
        await self.pass_by("taking")
        outcomes = await super().take(tickets)
        await self.pass_by("taken")
        return outcomes

    async def settle(self, settlements: list[Settlement]) -> dict[UUID, str]:
        await self.pass_by("settling")
        refused = await super().settle(settlements)
        await self.pass_by("settled")
        return refused


AWAITS = ("taking", "taken", "sending", "sent", "settling", "settled")
"""Where a call's gateway waits for something."""


class Post:
    """Redis: keeps what was sent, and fails as often as `broken` says."""

    def __init__(self, gates: Gates) -> None:
        self.gates, self.broken = gates, 0
        self.sent: list[Work] = []

    async def send(self, _: str, works: list[Work], *, again: bool = False) -> None:
        await self.gates.pass_by("sending")
        if self.broken:
            self.broken -= 1
            raise OSError("Redis is gone")
        self.sent += works
        await self.gates.pass_by("sent")


class Bench:
    """A gateway's desk at work for one organization."""

    def __init__(self, books: Books, ledger: Gates) -> None:
        self.books, self.ledger = books, ledger
        self.post = Post(ledger)
        self.desk = Desk(ledger, self.post)  # type: ignore[arg-type] # Redis by script

    def call(self, source: str = "classify", items: int = 2) -> Ticket:
        made = ticket(self.books, items, source=source, abstains=None)
        self.desk.submit(made)
        return made

    def answer(self, made: Ticket, error: str = "") -> None:
        values = array("f", [0.9, 0.1] * made.items).tobytes()
        self.desk.answered([Answer(made.number, 2, values, 0.0, 0.0, error)])

    async def call_through(self) -> None:
        """Make one more call, all the way: the desk goes on after whatever happened."""
        made = self.call()
        while made.number not in [work.number for work in self.post.sent]:
            await asyncio.sleep(0.01)
        self.answer(made)
        assert isinstance(await made.future, Answer)

    async def settled(self) -> None:
        """Wait until nothing of the organization is held."""
        while self.books.balance()["held"]:
            await asyncio.sleep(0.01)


def at_the_desk(
    clone: DatabaseClone, books: Books, story: Callable[[Bench], Awaitable[None]]
) -> None:
    async def play() -> None:
        async with AsyncConnectionPool(
            clone.app_url, min_size=1, kwargs={"autocommit": True}, open=False
        ) as pool:
            bench = Bench(books, Gates(pool))
            loops = [
                asyncio.create_task(bench.desk.take_forever()),
                asyncio.create_task(bench.desk.settle_forever()),
            ]
            try:
                async with asyncio.timeout(10):
                    await story(bench)
            finally:
                for loop in loops:
                    loop.cancel()
                await asyncio.gather(*loops, return_exceptions=True)

    asyncio.run(play())


@pytest.mark.parametrize("moment", AWAITS)
def test_r03_a_client_gone_at_any_await_leaves_nothing_held(
    database_clone: DatabaseClone, books: Books, moment: str
) -> None:
    answered = moment in {"settling", "settled"}

    async def story(bench: Bench) -> None:
        bench.ledger.closed = moment
        made = bench.call()
        if answered:
            await bench.ledger.reached["sent"].wait()
            await asyncio.sleep(0)
            bench.answer(made)
        await bench.ledger.reached[moment].wait()
        bench.desk.abandon(made)
        bench.ledger.open.set()
        bench.ledger.closed = ""
        with suppress(ClientGone):
            await made.future
        await bench.call_through()
        await bench.settled()

    at_the_desk(database_clone, books, story)

    # The second call costs its two; the first one only if its answer was there already.
    assert books.balance()["consumed"] == books.usage() == (4 if answered else 2)
    assert books.drift() == []


@pytest.mark.parametrize("moment", AWAITS)
def test_r03_a_gateway_killed_at_any_await_leaves_what_the_reaper_gives_back(
    database_clone: DatabaseClone, books: Books, moment: str
) -> None:
    """No `finally` runs for a process that is gone: its holds end by their own time."""
    holds: list[UUID | None] = []

    async def story(bench: Bench) -> None:
        bench.ledger.closed = moment
        made = bench.call()
        if moment in {"settling", "settled"}:
            await bench.ledger.reached["sent"].wait()
            await asyncio.sleep(0)
            bench.answer(made)
        await bench.ledger.reached[moment].wait()

    at_the_desk(database_clone, books, story)
    for (hold_id,) in books.rows("SELECT id FROM ledger_hold WHERE state = 'held'"):
        holds.append(hold_id)
        books.hold_age(str(hold_id))
    books.reap(now=clock.now())

    assert len(holds) == (0 if moment in {"taking", "settled"} else 1)
    assert books.balance()["held"] == 0
    assert books.balance()["consumed"] == books.usage() == (2 if moment == "settled" else 0)
    assert books.drift() == []


def test_r41_redis_gone_before_the_work_is_sent_costs_nothing(
    database_clone: DatabaseClone, books: Books
) -> None:
    async def story(bench: Bench) -> None:
        bench.post.broken = 1
        with pytest.raises(Unavailable):
            await bench.call().future
        await bench.call_through()
        await bench.settled()

    at_the_desk(database_clone, books, story)

    assert books.balance()["consumed"] == books.usage() == 2
    assert books.drift() == []


@pytest.mark.parametrize("answers", [0, 1, 3])
def test_r41_what_redis_lost_or_doubled_is_charged_as_often_as_it_was_answered(
    database_clone: DatabaseClone, books: Books, answers: int
) -> None:
    """Emptied, it is asked again once; asked twice, it may answer twice, or never."""

    async def story(bench: Bench) -> None:
        made = bench.call()
        await bench.ledger.reached["sent"].wait()
        await asyncio.sleep(0.01)
        bench.post.sent.clear()
        await bench.desk.send_again()
        await bench.desk.send_again()
        assert [work.number for work in bench.post.sent] == [made.number]
        for _ in range(answers):
            bench.answer(made)
        if not answers:
            made.created -= 3600
            bench.desk.sweep()
        with suppress(DomainError):
            await made.future
        await bench.settled()

    at_the_desk(database_clone, books, story)

    assert books.balance()["consumed"] == books.usage() == (2 if answers else 0)
    assert books.drift() == []


@pytest.mark.parametrize("source", SOURCES)
def test_r45_one_credit_and_many_calls_at_once_over_every_endpoint(
    database_clone: DatabaseClone, books: Books, source: str
) -> None:
    """Twelve gateways, one call each; the one that passes fails before it says anything."""
    books = Books(books.connection, uuid7())
    books.organization_add()
    books.grant(1, source="trial", now=clock.now())

    async def play() -> Counter[str]:
        async with AsyncConnectionPool(
            database_clone.app_url, min_size=12, kwargs={"autocommit": True}, open=False
        ) as pool:
            calls = [ticket(books, 1, source=source) for _ in range(12)]
            told = await asyncio.gather(*(Ledger(pool).take([one]) for one in calls))
            return Counter(one.error.code if one.error else "passed" for (one,) in told)

    for _ in range(2):
        assert asyncio.run(play()) == {"passed": 1, "quota_exhausted": 11}
        assert (books.balance()["held"], books.balance()["available"]) == (1, 0)
        ((hold_id,),) = books.rows("SELECT id FROM ledger_hold WHERE state = 'held'")
        books.settle(books.settlement(hold_id))
    assert (books.balance()["held"], books.balance()["available"]) == (0, 1)
    assert books.drift() == []


@pytest.mark.parametrize("source", SOURCES)
def test_r45_an_error_before_the_first_word_leaks_no_hold(
    database_clone: DatabaseClone, books: Books, source: str
) -> None:
    async def story(bench: Bench) -> None:
        made = bench.call(source)
        await bench.ledger.reached["sent"].wait()
        await asyncio.sleep(0.01)
        bench.answer(made, error="the model does not load")
        with pytest.raises(DomainError):
            await made.future
        await bench.settled()

    at_the_desk(database_clone, books, story)

    assert books.balance()["available"] == 10
    assert books.usage() == 0
    assert books.drift() == []
