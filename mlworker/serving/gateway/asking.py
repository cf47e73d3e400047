"""From a job to its outcome: rules, tokens, hold, rows, settlement. A call does it once, a streamed
one for each part of its list."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from mlworker.engine.tasks import TASKS
from mlworker.engine.tasks.base import Task
from mlworker.serving.errors import (
    DeadlineExceeded,
    EngineFailed,
    EngineUnavailable,
    ModelNotLoaded,
)
from mlworker.serving.gateway.answers import Sources
from mlworker.serving.gateway.http import Receive
from mlworker.serving.gateway.jobs import Job, fits, ticket_of
from mlworker.serving.gateway.models import Choice
from mlworker.serving.gateway.runtime import Runtime
from mlworker.serving.gateway.said import answers_said
from mlworker.serving.gateway.shadows import Answered, tally_key
from mlworker.serving.gateway.texts import INLINE_CHARACTERS, Tokens, sources_of
from mlworker.serving.gateway.tickets import Replay, Ticket
from mlworker.serving.listening import AnsweredCall
from mlworker.serving.models import Side
from mlworker.serving.protocol import Answer
from mlworker.serving.shaping import NOTHING_DECIDED, Decisions
from mlworker.serving.tallying import Tally

ENGINE_WAIT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A job whose texts were cut into tokens, save those that rules have decided."""

    job: Job
    ticket: Ticket
    texts: list[str]
    tokens: Tokens
    sources: Sources
    decisions: Decisions


@dataclass(frozen=True, slots=True)
class Outcome:
    """A job that was answered: `answer` is the engine's, or one that was stored."""

    prepared: Prepared
    answer: Answer | Replay

    @property
    def ticket(self) -> Ticket:
        """What was held and charged."""
        return self.prepared.ticket

    @property
    def units(self) -> int:
        """How many predictions it cost."""
        return 0 if isinstance(self.answer, Replay) else self.ticket.units

    @property
    def body(self) -> bytes:
        """The body as it is sent and stored."""
        if isinstance(self.answer, Replay):
            return self.answer.body.encode()
        return self.ticket.body(self.answer)


class Asking:
    """Asks for a job's answer, with what this process keeps running."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def choose(self, job: Job, random: bytes) -> Choice:
        """Return the model that answers a call. Raises InvalidRequest for what does not fit it."""
        choice = job.target.choose(random)
        task = TASKS.get(choice.servable.task)
        if task is not None:
            fits(job, task)
        self._runtime.touch()
        return choice

    async def prepare(self, job: Job, choice: Choice) -> Prepared:
        """Decide by rules, and cut the rest into tokens. Raises Overloaded, EngineUnavailable."""
        task = TASKS.get(choice.servable.task)
        decisions = await self._decide(job, choice)
        texts = decisions.asked(job.texts)
        tokens = await self._tokens(job, choice, task, texts)
        sources = sources_of(texts, tokens)
        ticket = ticket_of(job, choice, tokens, sources, decisions)
        return Prepared(job, ticket, texts, tokens, sources, decisions)

    async def answer(
        self, job: Job, choice: Choice, prepared: Prepared, receive: Receive | None
    ) -> Outcome:
        """Hold, run and charge. ``receive`` tells a slow call whether its client has gone."""
        runtime, ticket = self._runtime, prepared.ticket
        tokens = sum(ticket.lengths)
        with ExitStack() as room:
            room.enter_context(runtime.admission.room(ticket.base, ticket.organization_id, tokens))
            try:
                if receive is not None:
                    runtime.watch(ticket, receive)
                runtime.desk.submit(ticket)
                answer = await ticket.future
            except (EngineFailed, ModelNotLoaded, DeadlineExceeded):
                if job.target.compared:
                    self._side(job, choice).failed += 1
                raise
            except asyncio.CancelledError:
                runtime.desk.abandon(ticket)
                raise
            finally:
                runtime.unwatch(ticket)
                if ticket.orphan is not None:  # the engine goes on, so its room is not free
                    kept = room.pop_all()
                    ticket.orphan.add_done_callback(lambda _: kept.close())
        return Outcome(prepared, answer)

    def abandon(self, ticket: Ticket) -> None:
        """Give a ticket up: uncharged unless it was answered."""
        self._runtime.desk.abandon(ticket)

    def left(self, choice: Choice, outcome: Outcome, random: bytes) -> None:
        """An answer has left: those who compare and those who keep a log hear of it."""
        if isinstance(outcome.answer, Replay):
            return
        self._tell(choice, outcome.prepared, outcome.answer, random)
        self._compare(choice, outcome.prepared, outcome.answer, random)

    def _compare(self, choice: Choice, prepared: Prepared, answer: Answer, random: bytes) -> None:
        """Count it, and give it to the shadow, where two are compared."""
        job, tokens = prepared.job, prepared.tokens
        if not job.target.compared or not tokens.lengths:
            return
        self._side(job, choice).answered(len(tokens.lengths), answer.inference_ms)
        if choice is job.target.main:
            done = Answered(job.organization, job.target, tokens, answer, prepared.sources)
            self._runtime.shadows.offer(done, prepared.texts, random)

    def _tell(self, choice: Choice, prepared: Prepared, answer: Answer, random: bytes) -> None:
        """Tell who keeps a log of the deployment's calls."""
        job, target = prepared.job, prepared.job.target
        if target.log is None or target.deployment_id is None:
            return
        self._runtime.tell(
            AnsweredCall(
                organization=job.organization,
                deployment_id=target.deployment_id,
                model=choice.servable.name,
                log=target.log,
                random=random,
                texts=job.texts,
                ids=prepared.ticket.event_ids,
                answers=partial(_said, choice, job, prepared.decisions, prepared.sources, answer),
                answers_size=len(answer.values),
            )
        )

    async def _decide(self, job: Job, choice: Choice) -> Decisions:
        """Return what the deployment's rules say of the texts."""
        if choice.shape is None or not choice.shape.ruled:
            return NOTHING_DECIDED
        if sum(map(len, job.texts)) <= INLINE_CHARACTERS:
            return choice.shape.decide(job.texts)
        with self._runtime.admission.room_to_read(job.organization.id, job.texts):
            return await self._runtime.tokenisers.aside(choice.shape.decide, job.texts)

    async def _tokens(
        self, job: Job, choice: Choice, task: Task | None, texts: list[str]
    ) -> Tokens:
        """Return the texts' tokens, once an engine can take them."""
        if not texts:
            return Tokens([], b"", 0, [])
        runtime, base = self._runtime, choice.servable.base
        if not runtime.broker.served(base) and not await runtime.broker.wait_served(
            base, seconds=ENGINE_WAIT_SECONDS
        ):
            raise EngineUnavailable(retry_after=5)
        words = task is not None and task.level == "token"
        with runtime.admission.room_to_read(job.organization.id, texts):
            return await runtime.tokenisers.encode(
                base, choice.servable.max_length, texts, words=words
            )

    def _side(self, job: Job, choice: Choice) -> Tally:
        """Return where a call of a compared deployment is counted."""
        side = Side.MAIN if choice is job.target.main else Side.CANARY
        return self._runtime.tallies.of(job.organization, tally_key(job.target, side, choice))


def _said(
    choice: Choice, job: Job, decisions: Decisions, sources: Sources, answer: Answer
) -> Iterator[Mapping[str, Any]]:
    """Return what was said of each text. It may wait a while, so the ticket is not kept for it."""
    threshold = job.threshold
    if threshold is None and choice.shape is not None and not job.stock:
        threshold = choice.shape.threshold
    return answers_said(
        choice,
        decisions,
        items=len(job.texts),
        answer=answer,
        sources=sources,
        threshold=threshold,
    )
