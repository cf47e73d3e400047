"""The online requests, step by step: who, what, which model, tokens, hold and rows, answer."""

import asyncio
import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from anneal.kernel.errors import InvalidRequest, QuotaExhausted
from anneal.kernel.ids import public_id
from mlworker.catalog.selectors import shipped_model_get
from mlworker.engine.tasks import TASKS
from mlworker.engine.tasks.base import Task
from mlworker.serving.errors import (
    DeadlineExceeded,
    EngineFailed,
    EngineUnavailable,
    ModelNotFound,
    ModelNotLoaded,
    TrialLimited,
)
from mlworker.serving.gateway import trial
from mlworker.serving.gateway.bodies import (
    MAX_ITEMS,
    TRIAL_CHARACTERS,
    TRIAL_ITEMS,
    ClassifyBody,
    EmbeddingsBody,
    HuggingFaceBody,
    HuggingFaceParameters,
    body_decode,
    texts_of,
)
from mlworker.serving.gateway.http import Headers, Receive, Scope, Send, body_read, header, respond
from mlworker.serving.gateway.jobs import (
    Job,
    classify_as,
    embeddings_as,
    fits,
    options_of,
    pipeline_as,
    ticket_of,
)
from mlworker.serving.gateway.keys import Caller
from mlworker.serving.gateway.models import Choice, embedding_target
from mlworker.serving.gateway.pace import Entry
from mlworker.serving.gateway.runtime import Runtime
from mlworker.serving.gateway.shadows import Answered, tally_key
from mlworker.serving.gateway.texts import INLINE_CHARACTERS, Tokens, sources_of
from mlworker.serving.gateway.tickets import Replay, StoreAs
from mlworker.serving.models import Side
from mlworker.serving.shaping import NOTHING_DECIDED, Decisions
from mlworker.serving.tallying import Tally
from tenants.accounts.contracts import HOUSE_ORGANIZATION

ENGINE_WAIT_SECONDS: Final = 5.0
TRIAL_CHECKS: Final = 16
_MAX_KEY: Final = 255


@dataclass(slots=True)
class Call:
    """One HTTP request under way. `model` is set on Hugging Face's paths alone."""

    scope: Scope
    receive: Receive
    send: Send
    model: str | None = None
    random: bytes = field(default_factory=lambda: os.urandom(16))
    headers: Headers = field(default_factory=list)
    entry: Entry | None = None
    """Its place among the organization's calls in flight, where these are limited."""

    @property
    def request_id(self) -> str:
        """The id told in `x-request-id` and in the logs."""
        return public_id("req_", UUID(bytes=self.random))


class Calls:
    """The handlers of the online paths."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._trial_gate = asyncio.Semaphore(TRIAL_CHECKS)

    async def classify(self, call: Call) -> None:
        """`POST /v1/classify`."""
        caller = await self._enter(call)
        raw = await body_read(call.scope, call.receive)
        body = body_decode(ClassifyBody, raw)
        target = await self._runtime.models.target(caller.organization, body.model)
        texts = texts_of(body.input, param="input", max_items=MAX_ITEMS)
        store = _store_as(call, "POST /v1/classify", raw)
        job = Job(
            "classify",
            caller.organization,
            caller,
            target,
            texts,
            classify_as(body),
            store,
            body.threshold,
            options_of(body),
        )
        await self._run(call, job)

    async def pipeline(self, call: Call) -> None:
        """`POST /hf/models/{model}`."""
        caller = await self._enter(call)
        body = body_decode(HuggingFaceBody, await body_read(call.scope, call.receive))
        target = await self._runtime.models.target(caller.organization, call.model or "")
        texts = texts_of(body.inputs, param="inputs", max_items=MAX_ITEMS)
        parameters = body.parameters or HuggingFaceParameters()
        job = Job(
            "classify",
            caller.organization,
            caller,
            target,
            texts,
            pipeline_as(parameters.top_k, alone=isinstance(body.inputs, str)),
            function=parameters.function_to_apply,
            stock=True,
        )
        await self._run(call, job)

    async def embeddings(self, call: Call) -> None:
        """`POST /v1/embeddings`."""
        caller = await self._enter(call)
        body = body_decode(EmbeddingsBody, await body_read(call.scope, call.receive))
        target = embedding_target(body.model)
        texts = texts_of(body.input, param="input", max_items=MAX_ITEMS)
        if body.encoding_format not in ("float", "base64"):
            raise InvalidRequest("Use 'float' or 'base64'.", param="encoding_format")
        if body.dimensions is not None:
            raise InvalidRequest("This model's vectors have one size.", param="dimensions")

        render = embeddings_as(body)
        job = Job("embeddings", caller.organization, caller, target, texts, render)
        await self._run(call, job)

    async def trial(self, call: Call) -> None:
        """`POST /v1/trial/classify`: no key, limited by address and browser, paid by the house."""
        async with self._trial_gate:  # a crowd must not use up Redis's connections
            call.headers += await trial.admit(self._runtime.broker.commands, call.scope)
        body = body_decode(ClassifyBody, await body_read(call.scope, call.receive))
        if shipped_model_get(body.model) is None:
            raise ModelNotFound("The free trial runs shipped models only.", param="model")
        target = await self._runtime.models.target(HOUSE_ORGANIZATION, body.model)
        texts = texts_of(body.input, param="input", max_items=TRIAL_ITEMS)
        if sum(map(len, texts)) > TRIAL_CHARACTERS:
            raise InvalidRequest(
                f"The free trial takes {TRIAL_CHARACTERS:,} characters a call.", param="input"
            )
        job = Job(
            "trial",
            HOUSE_ORGANIZATION,
            None,
            target,
            texts,
            classify_as(body),
            threshold=body.threshold,
            options=options_of(body),
        )
        try:
            await self._run(call, job)
        except QuotaExhausted:
            raise TrialLimited(
                "The free trial of this installation is used up for today: sign up to go on.",
                retry_after=3600,
            ) from None

    async def _enter(self, call: Call) -> Caller:
        """Return who calls, once the plan lets the call in; `app` ends its stay."""
        caller = await self._runtime.keys.caller(call.scope)
        if caller.limits is not None:
            call.entry = await self._runtime.pace.enter(caller.organization.id, caller.limits)
        return caller

    async def _run(self, call: Call, job: Job) -> None:
        choice = job.target.choose(call.random)
        task = TASKS.get(choice.servable.task)
        if task is not None:
            fits(job, task)
        runtime = self._runtime
        runtime.touch()
        decisions = await self._decide(job, choice)
        texts = decisions.asked(job.texts)
        tokens = await self._tokens(choice, task, texts)
        sources = sources_of(texts, tokens)
        ticket = ticket_of(job, choice, tokens, sources, decisions)
        runtime.watch(ticket, call.receive)
        room = runtime.admission.room(ticket.base, ticket.organization_id, sum(ticket.lengths))
        try:
            with room:
                runtime.desk.submit(ticket)
                outcome = await ticket.future
        except (EngineFailed, ModelNotLoaded, DeadlineExceeded):
            if job.target.compared:
                self._side(job, choice).failed += 1
            raise
        finally:
            runtime.unwatch(ticket)
        headers: Headers = [(b"x-request-id", call.request_id.encode()), *call.headers]
        if isinstance(outcome, Replay):
            headers += [(b"idempotent-replayed", b"true"), (b"x-units", b"0")]
            await respond(call.send, 200, outcome.body.encode(), headers)
            return
        headers += [
            (b"x-units", b"%d" % ticket.units),
            (b"x-queue-ms", b"%.1f" % outcome.queue_ms),
            (b"x-inference-ms", b"%.1f" % outcome.inference_ms),
        ]
        await respond(call.send, 200, ticket.body(outcome), headers)
        if job.target.compared and tokens.lengths:
            self._side(job, choice).answered(len(tokens.lengths), outcome.inference_ms)
            if choice is job.target.main:
                done = Answered(job.organization, job.target, tokens, outcome, sources)
                runtime.shadows.offer(done, texts, call.random)

    async def _decide(self, job: Job, choice: Choice) -> Decisions:
        """Return what the deployment's rules say of the texts."""
        if choice.shape is None or not choice.shape.ruled:
            return NOTHING_DECIDED
        if sum(map(len, job.texts)) <= INLINE_CHARACTERS:
            return choice.shape.decide(job.texts)
        return await self._runtime.tokenisers.aside(choice.shape.decide, job.texts)

    async def _tokens(self, choice: Choice, task: Task | None, texts: list[str]) -> Tokens:
        """Return the texts' tokens, once an engine can take them."""
        if not texts:
            return Tokens([], b"", 0, [])
        runtime, base = self._runtime, choice.servable.base
        if not runtime.broker.served(base) and not await runtime.broker.wait_served(
            base, seconds=ENGINE_WAIT_SECONDS
        ):
            raise EngineUnavailable(retry_after=5)
        return await runtime.tokenisers.encode(
            base,
            choice.servable.max_length,
            texts,
            words=task is not None and task.level == "token",
        )

    def _side(self, job: Job, choice: Choice) -> Tally:
        """Return where a call of a compared deployment is counted."""
        side = Side.MAIN if choice is job.target.main else Side.CANARY
        return self._runtime.tallies.of(job.organization, tally_key(job.target, side, choice))


def _store_as(call: Call, scope: str, raw: bytes) -> StoreAs | None:
    given = header(call.scope, b"idempotency-key")
    if given is None:
        return None
    key = given.decode("latin-1")
    if not key or len(key) > _MAX_KEY or not key.isprintable():
        raise InvalidRequest(
            f"Idempotency-Key must be 1 to {_MAX_KEY} printable characters.",
            param="Idempotency-Key",
        )
    # Spelling and spacing of the body do not matter, its content does.
    canonical = json.dumps(json.loads(raw), sort_keys=True).encode()
    return StoreAs(scope, key, hashlib.sha256(canonical).hexdigest())
