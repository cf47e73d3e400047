"""A request's way across the desk, with a ledger and a broker that do what the test says."""

import asyncio
import time
from array import array
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from anneal.kernel.errors import DomainError, QuotaExhausted, Unavailable
from anneal.kernel.ids import uuid7
from mlworker.serving.gateway import gathering
from mlworker.serving.gateway.desk import Desk
from mlworker.serving.gateway.http import ClientGone
from mlworker.serving.gateway.ledger import Outcome, Settlement
from mlworker.serving.gateway.tickets import Replay, Ticket
from mlworker.serving.protocol import Answer, ModelSpec, Work

SPEC = ModelSpec("v1", "head", "k", "s", 2)


class Books:
    """A ledger by script: `decide` answers a take, `broken` makes that many settlements fail."""

    def __init__(self) -> None:
        self.decide: Callable[[Ticket], Outcome] = lambda _: Outcome(hold_id=uuid4())
        self.broken = 0
        self.batches: list[int] = []
        self.charged: list[int] = []
        self.released: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.open = asyncio.Event()
        """Whether settlements come back."""
        self.open.set()

    async def take(self, tickets: list[Ticket]) -> list[Outcome]:
        self.batches.append(len(tickets))
        await self.gate.wait()
        return [self.decide(ticket) for ticket in tickets]

    async def settle(self, settlements: list[Settlement]) -> dict[UUID, str]:
        if self.broken:
            self.broken -= 1
            raise psycopg.OperationalError("away")
        await self.open.wait()
        for settlement in settlements:
            done = self.released if settlement.answer is None else self.charged
            done.append(settlement.ticket.number)
        return {}


class Post:
    """A broker by script: keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[Work] = []
        self.again: list[Work] = []
        self.broken = False

    async def send(self, _: str, works: list[Work], *, again: bool = False) -> None:
        if self.broken:
            raise OSError("away")
        (self.again if again else self.sent).extend(works)


def fields(**more: Any) -> dict[str, Any]:
    return {
        "source": "classify",
        "organization_id": uuid4(),
        "key_digest": None,
        "key_id": None,
        "base": "b",
        "model": "m",
        "deployment_id": None,
        "spec": SPEC,
        "lengths": [1],
        "tokens": b"\x01\x00\x00\x00",
        "event_ids": [uuid7()],
        "render": lambda _: b"{}",
        **more,
    }


class Bench:
    """A desk at work."""

    def __init__(self) -> None:
        self.books, self.post = Books(), Post()
        self.desk = Desk(self.books, self.post)  # type: ignore[arg-type] # by script

    def ticket(self, **more: Any) -> Ticket:
        made = Ticket(**fields(**more))
        self.desk.submit(made)
        return made

    def answer(self, ticket: Ticket, error: str = "", cause: str = "", *, numbers: int = 2) -> None:
        values = array("f", [0.5] * numbers).tobytes()
        self.desk.answered([Answer(ticket.number, numbers, values, 0.0, 0.0, error, cause=cause)])


def at_the_desk(story: Callable[[Bench], Awaitable[None]]) -> None:
    async def play() -> None:
        bench = Bench()
        loops = [
            asyncio.create_task(bench.desk.take_forever()),
            asyncio.create_task(bench.desk.settle_forever()),
        ]
        try:
            async with asyncio.timeout(30):
                await story(bench)
        finally:
            for loop in loops:
                loop.cancel()

    asyncio.run(play())


async def a_moment() -> None:
    await asyncio.sleep(0.01)


def test_an_answer_is_charged_before_it_is_handed_out() -> None:
    async def story(bench: Bench) -> None:
        ticket = bench.ticket()
        await a_moment()
        bench.answer(ticket)
        outcome = await ticket.future
        assert isinstance(outcome, Answer)
        assert bench.books.charged == [ticket.number]
        assert bench.desk.in_flight == 0

    at_the_desk(story)


def test_what_rules_have_decided_is_charged_and_asks_no_engine() -> None:
    async def story(bench: Bench) -> None:
        ticket = bench.ticket(lengths=[], tokens=b"")
        outcome = await ticket.future
        assert isinstance(outcome, Answer)
        assert bench.post.sent == []
        assert bench.books.charged == [ticket.number]

    at_the_desk(story)


def test_what_arrives_during_a_round_trip_shares_the_next() -> None:
    async def story(bench: Bench) -> None:
        bench.books.gate.clear()
        bench.ticket()
        await a_moment()
        for _ in range(20):
            bench.ticket()
        bench.books.gate.set()
        await asyncio.sleep(5 * gathering.MOST_GATHER_SECONDS)
        assert bench.books.batches == [1, 20]
        assert len(bench.post.sent) == 21

    at_the_desk(story)


def test_many_in_flight_wait_a_moment_for_each_others_company(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gathering, "MOST_GATHER_SECONDS", 0.5)
    monkeypatch.setattr(gathering, "GATHER_SECONDS", 0.1)

    async def story(bench: Bench) -> None:
        bench.ticket()
        await asyncio.sleep(0)
        for _ in range(15):
            bench.ticket()
        await a_moment()
        for _ in range(5):
            bench.ticket()
        await asyncio.sleep(1)
        assert bench.books.batches == [1, 20]

    at_the_desk(story)


def test_a_calm_organization_waits_for_nobodys_company(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST_GATHER_SECONDS", 60.0)
    monkeypatch.setattr(gathering, "GATHER_SECONDS", 60.0)

    async def story(bench: Bench) -> None:
        crowd = uuid4()
        bench.ticket(organization_id=crowd)
        await a_moment()
        for _ in range(30):
            bench.ticket(organization_id=crowd)
        await a_moment()
        mine = bench.ticket()
        await a_moment()
        assert bench.books.batches == [1, 31]
        bench.answer(mine)
        assert isinstance(await mine.future, Answer)

    at_the_desk(story)


def test_a_refused_hold_sends_nothing() -> None:
    async def story(bench: Bench) -> None:
        bench.books.decide = lambda _: Outcome(error=QuotaExhausted())
        ticket = bench.ticket()
        with pytest.raises(QuotaExhausted):
            await ticket.future
        assert bench.post.sent == []
        assert bench.books.released == []

    at_the_desk(story)


def test_a_hold_taken_for_a_refused_key_is_given_back() -> None:
    async def story(bench: Bench) -> None:
        bench.books.decide = lambda _: Outcome(hold_id=uuid4(), error=DomainError())
        ticket = bench.ticket()
        with pytest.raises(DomainError):
            await ticket.future
        await a_moment()
        assert bench.books.released == [ticket.number]

    at_the_desk(story)


def test_a_stored_answer_is_replayed_without_work() -> None:
    async def story(bench: Bench) -> None:
        bench.books.decide = lambda _: Outcome(replay=Replay("{}"))
        outcome = await bench.ticket().future
        assert outcome == Replay("{}")
        assert bench.post.sent == []

    at_the_desk(story)


def test_a_client_gone_while_the_hold_is_taken_gets_it_released_and_nothing_sent() -> None:
    async def story(bench: Bench) -> None:
        bench.books.gate.clear()
        ticket = bench.ticket()
        await a_moment()
        bench.desk.abandon(ticket)
        bench.books.gate.set()
        await a_moment()
        assert bench.books.released == [ticket.number]
        assert bench.post.sent == []
        with pytest.raises(ClientGone):
            ticket.future.result()

    at_the_desk(story)


def test_a_client_gone_while_the_engine_works_is_not_charged() -> None:
    async def story(bench: Bench) -> None:
        ticket = bench.ticket()
        await a_moment()
        bench.desk.abandon(ticket)
        bench.answer(ticket)
        await a_moment()
        assert bench.books.released == [ticket.number]
        assert bench.books.charged == []
        assert ticket.future.exception() is not None

    at_the_desk(story)


def test_a_doubled_answer_is_charged_once() -> None:
    async def story(bench: Bench) -> None:
        ticket = bench.ticket()
        await a_moment()
        bench.answer(ticket)
        bench.answer(ticket)
        await ticket.future
        bench.answer(ticket)
        await a_moment()
        assert bench.books.charged == [ticket.number]

    at_the_desk(story)


def test_a_settlement_that_fails_is_tried_again() -> None:
    async def story(bench: Bench) -> None:
        bench.books.broken = 2
        ticket = bench.ticket()
        await a_moment()
        bench.answer(ticket)
        await ticket.future
        assert bench.books.charged == [ticket.number]

    at_the_desk(story)


def test_an_engines_failure_is_refused_uncharged() -> None:
    async def story(bench: Bench) -> None:
        ticket = bench.ticket()
        await a_moment()
        bench.answer(ticket, error="boom")
        with pytest.raises(DomainError) as raised:
            await ticket.future
        await a_moment()
        assert (raised.value.status, raised.value.code) == (503, "engine_failed")
        assert bench.books.released == [ticket.number]

    at_the_desk(story)


def test_a_model_that_cannot_be_loaded_is_refused_uncharged_and_says_so() -> None:
    async def story(bench: Bench) -> None:
        ticket = bench.ticket()
        await a_moment()
        bench.answer(ticket, error="no such file", cause="not_loaded")
        with pytest.raises(DomainError) as raised:
            await ticket.future
        await a_moment()
        assert (raised.value.status, raised.value.code) == (503, "model_not_loaded")
        assert bench.books.released == [ticket.number]

    at_the_desk(story)


def test_without_redis_the_hold_is_released_and_the_call_told_to_come_back() -> None:
    async def story(bench: Bench) -> None:
        bench.post.broken = True
        ticket = bench.ticket()
        with pytest.raises(DomainError) as raised:
            await ticket.future
        await a_moment()
        assert (raised.value.status, raised.value.retry_after) == (503, 1)
        assert bench.books.released == [ticket.number]

    at_the_desk(story)


def test_a_ticket_over_its_deadline_is_refused_uncharged() -> None:
    async def story(bench: Bench) -> None:
        late = bench.ticket(created=0.0)
        await a_moment()
        bench.desk.sweep()
        with pytest.raises(DomainError) as raised:
            await late.future
        await a_moment()
        assert raised.value.code == "deadline_exceeded"
        assert bench.books.released == [late.number]

    at_the_desk(story)


def test_an_answer_that_is_never_charged_is_given_up_when_its_hold_is_over() -> None:
    async def story(bench: Bench) -> None:
        ticket = bench.ticket()
        await a_moment()
        bench.books.open.clear()
        bench.answer(ticket)
        await a_moment()
        ticket.created = time.time() - 59
        bench.desk.sweep()
        assert not ticket.future.done()
        ticket.created -= 2
        bench.desk.sweep()
        with pytest.raises(Unavailable):
            await ticket.future
        assert bench.desk.in_flight == 0

    at_the_desk(story)


def test_what_redis_lost_is_sent_again_once() -> None:
    async def story(bench: Bench) -> None:
        ticket = bench.ticket()
        await a_moment()
        await bench.desk.send_again()
        await bench.desk.send_again()
        assert [work.number for work in bench.post.again] == [ticket.number]

    at_the_desk(story)


def test_what_redis_lost_is_sent_the_next_time_where_it_was_away_once_more() -> None:
    async def story(bench: Bench) -> None:
        ticket = bench.ticket()
        await a_moment()
        bench.post.broken = True
        with pytest.raises(OSError, match="away"):
            await bench.desk.send_again()
        bench.post.broken = False
        await bench.desk.send_again()
        assert [work.number for work in bench.post.again] == [ticket.number]

    at_the_desk(story)
