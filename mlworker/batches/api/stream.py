"""A batch, live: server-sent events ``status`` whenever it moved, and ``done`` at its end.

One short look per second in a scope of its own; between looks the stream holds neither connection
nor transaction.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse

from anneal.kernel.api import authenticate_async, run_unit
from anneal.kernel.api.handling import translate
from anneal.kernel.errors import MethodNotAllowed, PermissionDenied
from anneal.kernel.principal import Permission, Principal
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from anneal.kernel.stopping import stopping
from mlworker.batches.api.render import render_batch
from mlworker.batches.contracts import BatchInfo
from mlworker.batches.selectors import batch_find
from mlworker.batches.states import TERMINAL

_LOOK_SECONDS: Final = 1.0
_HEARTBEAT_SECONDS: Final = 15.0
"""Also how soon a revoked key or an ended membership ends the stream."""


async def batch_stream(request: HttpRequest, batch_id: str) -> HttpResponse | StreamingHttpResponse:
    """Answer ``GET /v1/batches/{id}/stream``."""
    try:
        if request.method != "GET":
            raise MethodNotAllowed
        principal = await authenticate_async(request)
        first = await run_unit(_look, principal.organization, batch_id)
        if not principal.can(Permission.READ):
            raise PermissionDenied
    except Exception as error:  # noqa: BLE001 # the border: every fault becomes an answer
        refused = translate(error)
        return JsonResponse(refused.body(), status=refused.status)
    return StreamingHttpResponse(
        _follow(request, principal, batch_id, first),
        content_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _follow(
    request: HttpRequest, principal: Principal, batch_id: str, batch: BatchInfo
) -> AsyncIterator[bytes]:
    """Yield the batch now, then whenever it moved, until it has ended or this process stops."""
    told = 0
    yield b"retry: 2000\n\n"
    spoken = checked = time.monotonic()
    while True:
        if batch.revision != told:
            told = batch.revision
            yield _frame("status", render_batch(batch), event_id=told)
            spoken = time.monotonic()
        if batch.state in TERMINAL:
            yield _frame("done", {"id": batch.public_id, "status": batch.state.value})
            return
        if time.monotonic() - spoken > _HEARTBEAT_SECONDS:
            spoken = time.monotonic()
            yield b": still here\n\n"
        await asyncio.sleep(_LOOK_SECONDS)
        if stopping.is_set():
            return
        try:
            if time.monotonic() - checked > _HEARTBEAT_SECONDS:
                checked = time.monotonic()
                await authenticate_async(request)
            batch = await run_unit(_look, principal.organization, batch_id)
        except Exception as error:  # noqa: BLE001 # the headers are sent: the stream can only end
            yield _frame("error", translate(error).body())
            return


def _look(organization: OrganizationRef, batch_id: str) -> BatchInfo:
    with tenant_scope(organization):
        return batch_find(organization=organization, reference=batch_id)


def _frame(kind: str, data: dict[str, Any], *, event_id: int | None = None) -> bytes:
    head = f"id: {event_id}\n" if event_id is not None else ""
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"{head}event: {kind}\ndata: {body}\n\n".encode()
