"""The online requests, step by step: who, what, which model, tokens, hold and rows, answer."""

import asyncio
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from django.conf import settings

from anneal.kernel.errors import InvalidRequest, QuotaExhausted
from anneal.kernel.ids import public_id, uuid7
from anneal.kernel.scopes import OrganizationRef
from mlworker.catalog.selectors import shipped_model_get
from mlworker.engine.tasks import TASKS
from mlworker.engine.tasks.base import Task
from mlworker.serving.errors import (
    DeadlineExceeded,
    EngineFailed,
    EngineUnavailable,
    ModelNotFound,
    TrialLimited,
)
from mlworker.serving.gateway import trial
from mlworker.serving.gateway.answers import (
    Render,
    Sources,
    abstentions,
    classify_render,
    embeddings_render,
    pipeline_render,
)
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
from mlworker.serving.gateway.keys import Caller
from mlworker.serving.gateway.models import Choice, Target, embedding_target
from mlworker.serving.gateway.pace import Entry
from mlworker.serving.gateway.runtime import Runtime
from mlworker.serving.gateway.shadows import Answered, tally_key
from mlworker.serving.gateway.texts import Tokens, sources_of
from mlworker.serving.gateway.tickets import Replay, StoreAs, Ticket
from mlworker.serving.models import Side
from mlworker.serving.protocol import Answer
from mlworker.serving.tallying import Tally
from tenants.accounts.contracts import HOUSE_ORGANIZATION

ENGINE_WAIT_SECONDS: Final = 5.0
TRIAL_CHECKS: Final = 16
_MAX_KEY: Final = 255

RenderFor = Callable[[Target, Choice, list[UUID], dict[str, int], Sources], Render]


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


@dataclass(frozen=True, slots=True)
class Job:
    """What a request wants, whoever sent it."""

    source: str
    organization: OrganizationRef
    caller: Caller | None
    target: Target
    texts: list[str]
    render: RenderFor
    store: StoreAs | None = None
    threshold: float | None = None
    options: frozenset[str] = frozenset()
    """Which of `top_k` and `threshold` the caller gave."""
    function: str | None = None
    """Hugging Face's `function_to_apply`."""


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
        render = _classify_as(body)
        store = _store_as(call, "POST /v1/classify", raw)
        job = Job(
            "classify",
            caller.organization,
            caller,
            target,
            texts,
            render,
            store,
            body.threshold,
            _options_of(body),
        )
        await self._run(call, job)

    async def pipeline(self, call: Call) -> None:
        """`POST /hf/models/{model}`."""
        caller = await self._enter(call)
        body = body_decode(HuggingFaceBody, await body_read(call.scope, call.receive))
        target = await self._runtime.models.target(caller.organization, call.model or "")
        texts = texts_of(body.inputs, param="inputs", max_items=MAX_ITEMS)
        parameters = body.parameters or HuggingFaceParameters()
        alone = isinstance(body.inputs, str)

        def render(
            _: Target, choice: Choice, __: list[UUID], ___: dict[str, int], sources: Sources
        ) -> Render:
            return pipeline_render(
                task=choice.servable.task,
                labels=choice.servable.labels,
                top_k=parameters.top_k,
                sources=sources,
                alone=alone,
            )

        job = Job(
            "classify",
            caller.organization,
            caller,
            target,
            texts,
            render,
            function=parameters.function_to_apply,
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

        def render(
            _: Target, __: Choice, ___: list[UUID], usage: dict[str, int], ____: Sources
        ) -> Render:
            tokens = {"prompt_tokens": usage["tokens"], "total_tokens": usage["tokens"]}
            return embeddings_render(model=body.model, encoding=body.encoding_format, usage=tokens)

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
            _classify_as(body),
            threshold=body.threshold,
            options=_options_of(body),
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
        base, task = choice.servable.base, TASKS.get(choice.servable.task)
        if task is not None:
            _fits(job, task)
        runtime = self._runtime
        runtime.touch()
        if not runtime.broker.served(base) and not await runtime.broker.wait_served(
            base, seconds=ENGINE_WAIT_SECONDS
        ):
            raise EngineUnavailable(retry_after=5)
        tokens = await runtime.tokenisers.encode(
            base,
            choice.servable.max_length,
            job.texts,
            words=task is not None and task.level == "token",
        )
        ticket = _ticket(job, choice, tokens)
        runtime.watch(ticket, call.receive)
        try:
            runtime.desk.submit(ticket)
            outcome = await ticket.future
        except (EngineFailed, DeadlineExceeded):
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
        if job.target.compared:
            self._side(job, choice).answered(ticket.items, outcome.inference_ms)
            if choice is job.target.main:
                done = Answered(
                    job.organization, job.target, tokens, outcome, sources_of(job.texts, tokens)
                )
                runtime.shadows.offer(done, job.texts, call.random)

    def _side(self, job: Job, choice: Choice) -> Tally:
        """Return where a call of a compared deployment is counted."""
        side = Side.MAIN if choice is job.target.main else Side.CANARY
        return self._runtime.tallies.of(job.organization, tally_key(job.target, side, choice))


def _ticket(job: Job, choice: Choice, tokens: Tokens) -> Ticket:
    event_ids = [uuid7() for _ in tokens.lengths]
    usage = {
        "predictions": len(event_ids),
        "tokens": sum(tokens.lengths),
        "truncated": tokens.truncated,
    }
    return Ticket(
        source=job.source,
        organization_id=job.organization.id,
        key_digest=job.caller.digest if job.caller else None,
        key_id=job.caller.key_id if job.caller else None,
        base=choice.servable.base,
        model=choice.servable.name,
        deployment_id=job.target.deployment_id,
        spec=choice.spec,
        lengths=tokens.lengths,
        tokens=tokens.packed,
        event_ids=event_ids,
        render=job.render(job.target, choice, event_ids, usage, sources_of(job.texts, tokens)),
        store=job.store,
        member_id=job.caller.member_id if job.caller else None,
        price_dims={
            "task": choice.servable.task,
            "tier": choice.servable.tier,
            "channel": "online",
        },
        abstains=_abstains(job, choice),
    )


def _abstains(job: Job, choice: Choice) -> Callable[[Answer], list[bool]] | None:
    """Return what finds the items that are free because no label reached the caller's threshold."""
    if job.threshold is None or not settings.ANNEAL_FREE_ABSTENTIONS:
        return None
    return abstentions(task=choice.servable.task, threshold=job.threshold)


def _options_of(body: ClassifyBody) -> frozenset[str]:
    given = {"top_k": body.top_k, "threshold": body.threshold}
    return frozenset(name for name, value in given.items() if value is not None)


def _fits(job: Job, task: Task) -> None:
    """Refuse what would do nothing for the model's task."""
    for name in sorted(job.options - task.options):
        raise InvalidRequest(
            f"{name} does nothing for this model: its task is {task.name}. Leave it out.",
            param=name,
        )
    if job.function not in (None, task.stock.function):
        raise InvalidRequest(
            f"This model's scores come by {task.stock.function}: leave function_to_apply out.",
            param="parameters.function_to_apply",
        )


def _classify_as(body: ClassifyBody) -> RenderFor:
    def render(
        target: Target,
        choice: Choice,
        event_ids: list[UUID],
        usage: dict[str, int],
        sources: Sources,
    ) -> Render:
        return classify_render(
            model=target.name,
            task=choice.servable.task,
            labels=choice.servable.labels,
            event_ids=event_ids,
            top_k=body.top_k,
            threshold=body.threshold,
            usage=usage,
            sources=sources,
        )

    return render


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
