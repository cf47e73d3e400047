"""Large answers at the desk: rendered in a thread, while everybody else's go on."""

import threading

import pytest

from anneal.kernel.errors import DomainError
from mlworker.serving.gateway.http import ClientGone
from mlworker.serving.protocol import Answer
from tests.unit.serving.test_desk import Bench, a_moment, at_the_desk

LARGE = 100_000
"""Numbers of an answer: of 1,000 texts with 100 labels."""


class Slow:
    """What renders an answer, and is at it until it is let go."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.go, self.calls, self._fault = threading.Event(), 0, fault

    def __call__(self, _: Answer) -> bytes:
        self.calls += 1
        self.go.wait(3)
        if self._fault is not None:
            raise self._fault
        return b"{}"


def test_nobody_waits_for_a_large_answer_to_be_rendered() -> None:
    async def story(bench: Bench) -> None:
        slow = Slow()
        crowd, calm = bench.ticket(render=slow), bench.ticket()
        await a_moment()
        bench.answer(crowd, numbers=LARGE)
        bench.answer(crowd, numbers=LARGE)  # a double, while it is rendered
        bench.answer(calm)
        await calm.future
        assert not crowd.future.done()
        slow.go.set()
        await crowd.future
        assert bench.books.charged == [calm.number, crowd.number]
        assert slow.calls == 1
        assert bench.desk.in_flight == 0

    at_the_desk(story)


def test_a_client_gone_while_its_answer_is_rendered_is_not_charged() -> None:
    async def story(bench: Bench) -> None:
        slow = Slow()
        ticket = bench.ticket(render=slow)
        await a_moment()
        bench.answer(ticket, numbers=LARGE)
        await a_moment()
        bench.desk.abandon(ticket)
        slow.go.set()
        await a_moment()
        await a_moment()
        assert (bench.books.released, bench.books.charged) == ([ticket.number], [])
        assert ticket.orphan is None  # no engine works for it any more
        assert isinstance(ticket.future.exception(), ClientGone)

    at_the_desk(story)


def test_a_large_answer_that_cannot_be_rendered_is_refused_uncharged() -> None:
    async def story(bench: Bench) -> None:
        slow = Slow(ValueError("other rows"))
        slow.go.set()
        ticket = bench.ticket(render=slow)
        await a_moment()
        bench.answer(ticket, numbers=LARGE)
        with pytest.raises(DomainError) as raised:
            await ticket.future
        await a_moment()
        assert raised.value.code == "engine_failed"
        assert (bench.books.released, bench.books.charged) == ([ticket.number], [])

    at_the_desk(story)
