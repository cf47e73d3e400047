"""From a job to its outcome, where the client leaves, texts are long, or a log is kept."""

import asyncio
import gc
import weakref
from types import SimpleNamespace
from typing import Any

import pytest

from anneal.kernel.ids import uuid7
from anneal.kernel.scopes import OrganizationRef
from mlworker.serving.contracts import LogInfo
from mlworker.serving.errors import EngineFailed, Overloaded
from mlworker.serving.gateway.admission import MOST_TOKENS, Admission
from mlworker.serving.gateway.asking import Asking, Outcome, Prepared
from mlworker.serving.gateway.http import ClientGone
from mlworker.serving.gateway.jobs import Job
from mlworker.serving.gateway.tallies import Tallies
from mlworker.serving.gateway.texts import Tokens
from mlworker.serving.gateway.tickets import Ticket
from mlworker.serving.listening import AnsweredCall
from mlworker.serving.models import Side
from mlworker.serving.shaping import NOTHING_DECIDED
from tests.unit.serving.test_desk import Bench, a_moment, at_the_desk, fields
from tests.unit.serving.test_shadows import answer, choice

ACME, RIVAL = (OrganizationRef(uuid7(), slug) for slug in ("acme", "rival"))
CHOICE = choice("m")


class Watched(Ticket):
    """A ticket whose end can be seen."""


class Process:
    """What `Asking` needs of a process: the real room and figures, a tokenizer by script."""

    def __init__(self, bench: Bench | None = None, rate: float = 0.0) -> None:
        self.desk = bench.desk if bench is not None else None
        self.admission = Admission(lambda _: rate)
        self.tallies = Tallies()
        self.told: list[AnsweredCall] = []
        self.tell = self.told.append
        self.broker = SimpleNamespace(served=lambda _: True)
        self.tokenisers = self
        self.free = asyncio.Event()
        self.waiting = 0

    def watch(self, *_: Any) -> None: ...

    def unwatch(self, _: Ticket) -> None: ...

    async def encode(self, *_: Any, **__: Any) -> Tokens:
        self.waiting += 1
        await self.free.wait()
        return Tokens([1], b"", 0, [])


def asking_of(process: Process) -> Asking:
    return Asking(process)  # type: ignore[arg-type] # by script


def job_of(
    text: str = "x",
    *,
    of: OrganizationRef = ACME,
    compared: bool = False,
    log: LogInfo | None = None,
) -> Job:
    target = SimpleNamespace(
        by_outcome=False,
        name="m",
        main=CHOICE,
        deployment_id=uuid7(),
        compared=compared,
        compared_since=1,
        log=log,
    )
    return Job("classify", of, None, target, [text], lambda _: lambda _: b"{}")  # type: ignore[arg-type] # by script


def prepared_of(job: Job, ticket: Ticket) -> Prepared:
    tokens = Tokens(ticket.lengths, ticket.tokens, 0, [])
    return Prepared(job, ticket, job.texts, tokens, None, NOTHING_DECIDED)


class Caller:
    """Asks for one call of so many tokens."""

    def __init__(self, bench: Bench, asking: Asking, tokens: int, job: Job | None = None) -> None:
        self.job = job or job_of()
        self.ticket = Ticket(**fields(organization_id=ACME.id, lengths=[tokens]))
        prepared = prepared_of(self.job, self.ticket)
        self.task = asyncio.create_task(asking.answer(self.job, CHOICE, prepared, None))


def test_what_a_client_left_in_an_engine_takes_room_until_it_is_over() -> None:
    async def story(bench: Bench) -> None:
        process = Process(bench, rate=10_000.0)
        asking, limit = asking_of(process), process.admission.limit("b")
        for ending in ("answer", "deadline"):
            gone = Caller(bench, asking, limit)
            await a_moment()
            bench.desk.abandon(gone.ticket)
            with pytest.raises(ClientGone):
                await gone.task
            with pytest.raises(Overloaded):
                await Caller(bench, asking, 1).task
            if ending == "answer":
                bench.answer(gone.ticket)
            else:
                gone.ticket.created = 0.0
                bench.desk.sweep()
            await a_moment()
            assert not process.admission._held["b"]

    at_the_desk(story)


def test_a_call_that_is_cut_off_takes_room_like_one_whose_client_left() -> None:
    async def story(bench: Bench) -> None:
        process = Process(bench, rate=10_000.0)
        gone = Caller(bench, asking_of(process), 7)
        await a_moment()
        gone.task.cancel()
        await a_moment()
        assert process.admission._held["b"] == {ACME.id: 7}
        bench.answer(gone.ticket)
        await a_moment()
        assert process.admission._held["b"] == {}

    at_the_desk(story)


def test_a_client_that_leaves_before_anything_was_sent_leaves_no_trace() -> None:
    async def story(bench: Bench) -> None:
        bench.books.gate.clear()
        process = Process(bench, rate=10_000.0)
        gone = Caller(bench, asking_of(process), 7)
        await a_moment()
        bench.desk.abandon(gone.ticket)
        with pytest.raises(ClientGone):
            await gone.task
        assert process.admission._held["b"] == {}

    at_the_desk(story)


def test_a_client_that_leaves_is_no_failure_of_the_model() -> None:
    async def story(bench: Bench) -> None:
        process, job = Process(bench), job_of(compared=True)
        asking = asking_of(process)
        gone, failed = (Caller(bench, asking, 1, job) for _ in range(2))
        await a_moment()
        bench.desk.abandon(gone.ticket)
        bench.answer(failed.ticket, error="boom")
        with pytest.raises(ClientGone):
            await gone.task
        with pytest.raises(EngineFailed):
            await failed.task
        [(key, tally)] = process.tallies._tallies[ACME].items()
        assert (key.side, tally.failed) == (Side.MAIN, 1)

    at_the_desk(story)


def test_long_texts_wait_for_the_tokenizer_up_to_a_bound_and_short_ones_pass() -> None:
    async def story() -> None:
        process = Process()
        asking = asking_of(process)
        long = job_of("x" * (MOST_TOKENS // 4))
        waiting = [asyncio.create_task(asking.prepare(long, CHOICE)) for _ in range(4)]
        await a_moment()
        with pytest.raises(Overloaded):
            await asking.prepare(long, CHOICE)
        passing = (job_of("short"), job_of("y" * 5_000, of=RIVAL))
        waiting += [asyncio.create_task(asking.prepare(job, CHOICE)) for job in passing]
        await a_moment()
        assert process.waiting == 6
        process.free.set()
        assert all(each.texts for each in await asyncio.gather(*waiting))
        await asking.prepare(long, CHOICE)

    asyncio.run(asyncio.wait_for(story(), 10))


def test_the_log_keeps_answers_and_not_the_ticket() -> None:
    async def story() -> None:
        process, job = Process(), job_of(log=LogInfo(enabled=True))
        ticket = Watched(**fields())
        end, found = weakref.ref(ticket), answer(ticket.number, (0.25, 0.75))
        asking_of(process).left(CHOICE, Outcome(prepared_of(job, ticket), found), bytes(16))
        del ticket
        gc.collect()
        [told] = process.told
        assert end() is None
        assert told.answers_size == 8
        assert [each["label"] for each in told.answers()] == ["good"]

    asyncio.run(story())
