"""Lone calls that are sent to an engine while their holds are taken."""

from uuid import UUID, uuid4

import pytest

from anneal.kernel.errors import QuotaExhausted
from mlworker.serving.gateway.ledger import Outcome
from mlworker.serving.gateway.tickets import StoreAs
from mlworker.serving.protocol import Answer
from tests.unit.serving.test_desk import Bench, a_moment, at_the_desk


async def _trusted(bench: Bench) -> UUID:
    """An organization whose last hold was taken."""
    organization = uuid4()
    first = bench.ticket(organization_id=organization)
    await a_moment()
    bench.answer(first)
    await first.future
    return organization


def test_a_lone_call_is_sent_while_its_hold_is_taken_and_waits_for_it() -> None:
    async def story(bench: Bench) -> None:
        organization = await _trusted(bench)
        bench.books.gate.clear()
        ticket = bench.ticket(organization_id=organization)
        await a_moment()
        assert [work.number for work in bench.post.sent][1:] == [ticket.number]
        bench.answer(ticket)
        await a_moment()
        assert not ticket.future.done()
        assert ticket.number not in bench.books.charged
        bench.books.gate.set()
        assert isinstance(await ticket.future, Answer)
        assert bench.books.charged.count(ticket.number) == 1
        assert [work.number for work in bench.post.sent].count(ticket.number) == 1

    at_the_desk(story)


def test_whose_hold_was_refused_sends_nothing_ahead_until_one_is_taken() -> None:
    async def story(bench: Bench) -> None:
        organization = await _trusted(bench)
        bench.books.decide = lambda _: Outcome(error=QuotaExhausted("nothing left"))
        for _ in range(2):
            ticket = bench.ticket(organization_id=organization)
            with pytest.raises(QuotaExhausted):
                await ticket.future
            bench.answer(ticket)  # the engine had begun
        assert len(bench.post.sent) == 2  # the first one ever, and the first refused
        assert len(bench.books.charged) == 1

    at_the_desk(story)


def test_a_call_to_be_stored_or_beside_others_waits_for_its_hold() -> None:
    async def story(bench: Bench) -> None:
        organization = await _trusted(bench)
        bench.books.gate.clear()
        bench.ticket(organization_id=organization, store=StoreAs("s", "k", "h"))
        await a_moment()
        bench.ticket(organization_id=organization)
        await a_moment()
        assert len(bench.post.sent) == 1

    at_the_desk(story)


def test_a_call_sent_ahead_that_redis_lost_is_sent_with_its_hold() -> None:
    async def story(bench: Bench) -> None:
        organization = await _trusted(bench)
        bench.books.gate.clear()
        ticket = bench.ticket(organization_id=organization)
        await a_moment()
        await bench.desk.send_again()
        bench.books.gate.set()
        await a_moment()
        assert [work.number for work in bench.post.sent].count(ticket.number) == 2

    at_the_desk(story)


def test_a_client_gone_while_its_call_is_ahead_tells_when_the_engine_is_done() -> None:
    async def story(bench: Bench) -> None:
        organization = await _trusted(bench)
        bench.books.gate.clear()
        running = bench.ticket(organization_id=organization)
        await a_moment()
        bench.desk.abandon(running)
        assert running.orphan is not None
        assert not running.orphan.done()
        bench.answer(running)
        assert running.orphan.done()
        bench.books.gate.set()
        await a_moment()
        bench.books.gate.clear()
        done = bench.ticket(organization_id=organization)
        await a_moment()
        bench.answer(done)
        bench.desk.abandon(done)
        assert done.orphan is None

    at_the_desk(story)
