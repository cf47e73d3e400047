"""The online requests, step by step: who, what, which model, tokens, hold and rows, answer."""

import asyncio
from typing import Final

from anneal.kernel.errors import InvalidRequest, QuotaExhausted
from mlworker.catalog.selectors import shipped_model_get
from mlworker.serving.errors import ModelNotFound, TrialLimited
from mlworker.serving.gateway import trial
from mlworker.serving.gateway.asking import Asking
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
from mlworker.serving.gateway.call import Call
from mlworker.serving.gateway.http import Headers, body_read, respond
from mlworker.serving.gateway.jobs import (
    Job,
    classify_as,
    embeddings_as,
    options_of,
    pipeline_as,
)
from mlworker.serving.gateway.keyed import IN_PARTS, kept_check, store_as, stream_digest
from mlworker.serving.gateway.keys import Caller
from mlworker.serving.gateway.models import Beginning, Target, dimensions_check
from mlworker.serving.gateway.runtime import Runtime
from mlworker.serving.gateway.streaming import EVENTS, LINES, PART_TEXTS, Stream
from mlworker.serving.gateway.tickets import Replay
from tenants.accounts.contracts import HOUSE_ORGANIZATION

TRIAL_CHECKS: Final = 16
KEPT_VECTORS: Final = 100
"""A vector is some kilobytes of JSON, and an answer with a key is a row of Postgres for a day."""


class Calls:
    """The handlers of the online paths."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._asking = Asking(runtime)
        self._trial_gate = asyncio.Semaphore(TRIAL_CHECKS)

    async def classify(self, call: Call) -> None:
        """`POST /v1/classify`."""
        caller = await self._enter(call)
        raw = await body_read(call.scope, call.receive)
        body = body_decode(ClassifyBody, raw)
        target = await self._runtime.models.target(caller.organization, body.model)
        texts = texts_of(body.input, param="input", max_items=MAX_ITEMS)
        stream = call.streams(asked=body.stream)
        store = store_as(call, "POST /v1/classify", raw, apart=IN_PARTS if stream else "")
        if stream and store is not None and target.deployment_id is not None:
            begun = Beginning(
                digest=stream_digest(store),
                random=call.random,
                items=min(len(texts), PART_TEXTS),
                key_id=caller.key_id,
                member_id=caller.member_id,
            )
            target = await self._runtime.models.pinned(caller.organization, target.name, begun)
        elif store is not None and not stream:
            _kept_check(target, texts, body.top_k)
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
        await self._run(call, job, stream=stream)

    async def pipeline(self, call: Call) -> None:
        """`POST /hf/models/{model}`."""
        caller = await self._enter(call)
        raw = await body_read(call.scope, call.receive)
        body = body_decode(HuggingFaceBody, raw)
        target = await self._runtime.models.target(caller.organization, call.model or "")
        texts = texts_of(body.inputs, param="inputs", max_items=MAX_ITEMS)
        store = store_as(call, "POST /hf/models", raw, apart=f" to {target.name}")
        parameters = body.parameters or HuggingFaceParameters()
        if store is not None:
            _kept_check(target, texts, parameters.top_k)
        job = Job(
            "classify",
            caller.organization,
            caller,
            target,
            texts,
            pipeline_as(parameters.top_k, alone=isinstance(body.inputs, str)),
            store,
            function=parameters.function_to_apply,
            stock=True,
        )
        await self._run(call, job)

    async def embeddings(self, call: Call) -> None:
        """`POST /v1/embeddings`."""
        caller = await self._enter(call)
        raw = await body_read(call.scope, call.receive)
        body = body_decode(EmbeddingsBody, raw)
        target = self._runtime.models.vectors(body.model)
        texts = texts_of(body.texts(), param="input", max_items=MAX_ITEMS)
        if body.encoding_format not in ("float", "base64"):
            raise InvalidRequest("Use 'float' or 'base64'.", param="encoding_format")
        dimensions_check(target, body.dimensions, param="dimensions")
        stream = call.streams(asked=body.stream)
        store = store_as(call, "POST /v1/embeddings", raw, apart=IN_PARTS if stream else "")
        if store is not None and len(texts) > KEPT_VECTORS:
            raise InvalidRequest(
                f"Vectors are kept for a repeated call for up to {KEPT_VECTORS} texts: send fewer,"
                " or no Idempotency-Key.",
                param="Idempotency-Key",
            )
        job = Job(
            "embeddings", caller.organization, caller, target, texts, embeddings_as(body), store
        )
        await self._run(call, job, stream=stream)

    async def trial(self, call: Call) -> None:
        """`POST /v1/trial/classify`: no key, limited by address and browser, paid by the house."""
        async with self._trial_gate:  # a crowd must not use up Redis's connections
            call.headers += await trial.admit(self._runtime.broker.commands, call.scope)
        body = body_decode(ClassifyBody, await body_read(call.scope, call.receive))
        if body.stream:
            raise InvalidRequest(
                "The free trial answers at once: leave stream out.", param="stream"
            )
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
        """Return who calls, once key and plan let the call in; `app` ends its stay."""
        caller = await self._runtime.keys.caller(call.scope)
        if caller.bounds:
            call.entry = await self._runtime.pace.enter(caller.bounds)
        return caller

    async def _run(self, call: Call, job: Job, *, stream: bool = False) -> None:
        choice = self._asking.choose(job, call.random)
        if stream:
            call.route += "_stream"
            framing = LINES if call.lines else EVENTS
            await Stream(call, job, choice, self._asking, framing).run()
            return
        prepared = await self._asking.prepare(job, choice)
        outcome = await self._asking.answer(job, choice, prepared, call.receive)
        headers: Headers = [
            (b"x-request-id", call.request_id.encode()),
            *call.headers,
            (b"x-units", b"%d" % outcome.units),
        ]
        call.status = 200
        if isinstance(outcome.answer, Replay):
            headers.append((b"idempotent-replayed", b"true"))
            await respond(call.send, 200, outcome.body, headers)
            return
        headers += [
            (b"x-queue-ms", b"%.1f" % outcome.answer.queue_ms),
            (b"x-inference-ms", b"%.1f" % outcome.answer.inference_ms),
        ]
        await respond(call.send, 200, outcome.body, headers)
        call.answered(outcome.ticket, outcome.answer)
        self._asking.left(choice, outcome, call.random)


def _kept_check(target: Target, texts: list[str], top_k: int | None) -> None:
    main = target.main
    shown = main.shape.top_k if top_k is None and main.shape is not None else top_k
    kept_check(main.servable, texts=len(texts), top_k=shown)
