"""A job, live: server-sent events from its rows, replayed by ``Last-Event-ID``.

One short look per second in a scope of its own; between looks the stream holds neither connection
nor transaction. Event numbers follow the order of commits, so none is ever skipped.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse

from anneal.kernel.api import authenticate_async, run_unit
from anneal.kernel.api.handling import translate
from anneal.kernel.errors import DomainError, MethodNotAllowed, PermissionDenied
from anneal.kernel.principal import Permission, Principal
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from anneal.kernel.stopping import stopping
from mlworker.jobs.api.render import render_event, render_job
from mlworker.jobs.contracts import EventInfo, JobInfo
from mlworker.jobs.selectors import job_events_since, job_get
from mlworker.jobs.states import TERMINAL

_LOOK_SECONDS: Final = 0.7
_HEARTBEAT_SECONDS: Final = 15.0
"""Also how soon a revoked key or an ended membership ends the stream."""
_BATCH: Final = 200
_WAVERING: Final = frozenset({"estimated_start", "estimated_finish"})
"""Counted from now: that they move is no news."""
_MAX_SEQ: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class _Look:
    job: JobInfo
    events: list[EventInfo]


async def job_stream(request: HttpRequest, job_id: str) -> HttpResponse | StreamingHttpResponse:
    """Answer ``GET /v1/fine_tuning/jobs/{id}/stream``: events ``status, log, metric, done``."""
    try:
        if request.method != "GET":
            raise MethodNotAllowed
        principal = await _caller(request)
        seq = _last_seen(request)
        first = await run_unit(_look, principal.organization, job_id, seq)
        if not principal.can(Permission.READ):
            raise PermissionDenied
    except Exception as error:  # noqa: BLE001 # the border: every fault becomes an answer
        return _refusal(translate(error))
    return StreamingHttpResponse(
        _follow(request, principal, job_id, seq, first),
        content_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _caller(request: HttpRequest) -> Principal:
    return await authenticate_async(request)


async def _follow(
    request: HttpRequest, principal: Principal, job_id: str, seq: int, look: _Look
) -> AsyncIterator[bytes]:
    """Yield what is there, then what comes, until the job has ended and all of it is told.

    A process that stops ends it sooner; its reader comes back to the next one with what it saw.
    """
    organization = principal.organization
    yield b"retry: 2000\n\n"
    told: dict[str, Any] | None = None
    spoken = checked = time.monotonic()
    while True:
        for event in look.events:
            seq = event.seq
            yield _frame(event.kind, render_event(event), event_id=seq)
        status = render_job(look.job, organization)
        moving = {name: value for name, value in status.items() if name not in _WAVERING}
        if moving != told:
            told = moving
            yield _frame("status", status)
            spoken = time.monotonic()
        if look.job.state in TERMINAL and len(look.events) < _BATCH:
            yield _frame("done", {"id": look.job.public_id, "status": look.job.state.value})
            return
        if time.monotonic() - spoken > _HEARTBEAT_SECONDS:
            spoken = time.monotonic()
            yield b": still here\n\n"
        if len(look.events) < _BATCH:
            await asyncio.sleep(_LOOK_SECONDS)
        if stopping.is_set():
            return
        try:
            if time.monotonic() - checked > _HEARTBEAT_SECONDS:
                checked = time.monotonic()
                await _caller(request)
            look = await run_unit(_look, organization, job_id, seq)
        except Exception as error:  # noqa: BLE001 # the headers are sent: the stream can only end
            yield _frame("error", translate(error).body())
            return


def _look(organization: OrganizationRef, job_id: str, seq: int) -> _Look:
    with tenant_scope(organization):
        job = job_get(organization=organization, reference=job_id)
        return _Look(job, job_events_since(job_id=job.id, seq=seq, limit=_BATCH))


def _last_seen(request: HttpRequest) -> int:
    """Return the number after which to begin: from the header, or the query for plain clients."""
    text = request.headers.get("Last-Event-ID") or request.GET.get("last_event_id") or "0"
    return min(int(text), _MAX_SEQ) if text.isascii() and text.isdigit() else 0


def _frame(kind: str, data: dict[str, Any], *, event_id: int | None = None) -> bytes:
    head = f"id: {event_id}\n" if event_id is not None else ""
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=str)
    return f"{head}event: {kind}\ndata: {body}\n\n".encode()


def _refusal(error: DomainError) -> HttpResponse:
    return JsonResponse(error.body(), status=error.status)
