"""Long lists, answered as their rows are: in parts of their own, each held, run and charged alone.

A few parts are ahead of what was sent, so a client that reads slowly, or leaves, has asked for no
more than these. Rows leave in the order of the list. What fails mid-way ends the stream with a line
that says so; what was charged by then was sent before it.
"""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec

from anneal.kernel.errors import DomainError, InternalError
from mlworker.serving.errors import Overloaded
from mlworker.serving.gateway.asking import Asking, Outcome, Prepared
from mlworker.serving.gateway.call import CLIENT_GONE, Call
from mlworker.serving.gateway.http import ClientGone, Headers, Receive, json_encode
from mlworker.serving.gateway.jobs import Job
from mlworker.serving.gateway.models import Choice
from mlworker.serving.gateway.tickets import Replay

logger = logging.getLogger(__name__)

PART_TEXTS: Final = 64
"""A batch of the engine."""
AHEAD: Final = 3
"""Parts under way: one in the engine, one waiting for it, one on its way to or from Postgres."""


class _Body(msgspec.Struct):
    """A part's body, its rows unread."""

    data: list[msgspec.Raw]
    usage: dict[str, int]


_body_decode: Final = msgspec.json.Decoder(_Body).decode


@dataclass(frozen=True, slots=True)
class Framing:
    """How a line is written."""

    content_type: bytes
    before: bytes
    after: bytes
    last: bytes


EVENTS: Final = Framing(b"text/event-stream; charset=utf-8", b"data: ", b"\n\n", b"[DONE]")
LINES: Final = Framing(b"application/x-ndjson", b"", b"\n", b"")


@dataclass(slots=True)
class Stream:
    """One streamed answer."""

    call: Call
    job: Job
    choice: Choice
    asking: Asking
    framing: Framing
    begun: bool = False
    usage: dict[str, int] = field(default_factory=dict)
    units: int = 0
    queue_ms: float = 0.0
    inference_ms: float = 0.0
    _parts: Iterator[Job] = field(init=False)
    _under_way: deque["asyncio.Task[Outcome]"] = field(default_factory=deque)
    _prepared: dict[int, Prepared] = field(default_factory=dict)
    _last: float = math.inf
    """No part behind this one is wanted any more."""

    def __post_init__(self) -> None:
        self._parts = parts_of(self.job)

    async def run(self) -> None:
        """Answer. Raises a DomainError when nothing was sent yet, ClientGone."""
        gone = asyncio.ensure_future(_disconnected(self.call.receive))
        try:
            await self._rows(gone)
            await self._end({"object": "list", "model": self.job.target.name, "data": []})
        except ClientGone:
            self.call.status = CLIENT_GONE
            raise
        except Exception as fault:
            await self._drain()
            if not self.begun:
                raise
            await self._end_early(fault)
        finally:
            gone.cancel()
            self._give_up()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _rows(self, gone: "asyncio.Future[None]") -> None:
        self._fill()
        while self._under_way:
            first = self._under_way[0]
            waiting: set[asyncio.Future[Any]] = {first, gone}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                raise ClientGone
            self._under_way.popleft()
            outcome = first.result()
            self._fill()
            await self._send_rows(outcome)

    def _fill(self) -> None:
        while len(self._under_way) < AHEAD and self._last == math.inf:
            part = next(self._parts, None)
            if part is None:
                return
            before = tuple(self._under_way)
            self._under_way.append(asyncio.create_task(self._ask(part, before)))

    async def _ask(self, part: Job, before: "tuple[asyncio.Task[Outcome], ...]") -> Outcome:
        try:
            outcome = await self._ask_with_room(part, before)
        except ClientGone:
            raise
        except Exception:
            self._give_up(part.first)
            raise
        if not isinstance(outcome.answer, Replay):
            self.call.charged(outcome.ticket)
        return outcome

    async def _ask_with_room(
        self, part: Job, before: "tuple[asyncio.Task[Outcome], ...]"
    ) -> Outcome:
        """Ask for a part; one that has no room beside those ``before`` waits for them.

        Three parts of long texts may be more than a slow machine answers in time: a list on its own
        would be refused by itself.
        """
        while True:
            try:
                return await self._ask_once(part)
            except Overloaded:
                under_way = [each for each in before if not each.done()]
                if not under_way:
                    raise
            await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)

    async def _ask_once(self, part: Job) -> Outcome:
        try:
            prepared = await self.asking.prepare(part, self.choice)
            if part.first > self._last:
                raise ClientGone
            self._prepared[part.first] = prepared
            return await self.asking.answer(part, self.choice, prepared, None)
        finally:
            self._prepared.pop(part.first, None)

    def _give_up(self, last: int = -1) -> None:
        """Give up what is behind ``last`` and no engine has answered yet."""
        self._last = min(self._last, last)
        for first in [each for each in self._prepared if each > self._last]:
            self.asking.abandon(self._prepared.pop(first).ticket)

    async def _drain(self) -> None:
        """After a failure: send what was answered, and so charged, behind it all the same."""
        self._give_up()
        while self._under_way:
            [found] = await asyncio.gather(self._under_way.popleft(), return_exceptions=True)
            if isinstance(found, Outcome):
                await self._send_rows(found)

    async def _send_rows(self, outcome: Outcome) -> None:
        body = _body_decode(outcome.body)
        for name, count in body.usage.items():
            self.usage[name] = self.usage.get(name, 0) + count
        self.units += outcome.units
        if not self.begun:
            await self._begin(replayed=isinstance(outcome.answer, Replay))
        before, after = self.framing.before, self.framing.after
        await self._send(b"".join(before + bytes(row) + after for row in body.data))
        if not isinstance(outcome.answer, Replay):
            self.queue_ms = max(self.queue_ms, outcome.answer.queue_ms)
            self.inference_ms += outcome.answer.inference_ms
        self.asking.left(self.choice, outcome, self.call.random)

    async def _begin(self, *, replayed: bool) -> None:
        headers: Headers = [
            (b"content-type", self.framing.content_type),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
            (b"x-request-id", self.call.request_id.encode()),
            *self.call.headers,
        ]
        if replayed:
            headers.append((b"idempotent-replayed", b"true"))
        self.begun, self.call.status = True, 200
        await self._message({"type": "http.response.start", "status": 200, "headers": headers})

    async def _end(self, line: dict[str, Any], *, done: bool = True) -> None:
        """Send the last line: what is left of a plain answer, or an error; and what it came to."""
        line["usage"] = self.usage
        line["metering"] = {
            "units": self.units,
            "queue_ms": round(self.queue_ms, 1),
            "inference_ms": round(self.inference_ms, 1),
        }
        framing = self.framing
        text = framing.before + json_encode(line) + framing.after
        if done and framing.last:
            text += framing.before + framing.last + framing.after
        await self._send(text, more=False)

    async def _end_early(self, fault: Exception) -> None:
        error = fault if isinstance(fault, DomainError) else InternalError()
        if error is not fault:
            logger.error("gateway.failed: %s", self.call.request_id, exc_info=fault)
        self.call.refused(error)
        self.call.status = 200  # as it was sent
        await self._end(error.body(), done=False)

    async def _send(self, text: bytes, *, more: bool = True) -> None:
        await self._message({"type": "http.response.body", "body": text, "more_body": more})

    async def _message(self, message: dict[str, Any]) -> None:
        try:
            await self.call.send(message)  # as long as the web process has patience with a client
        except OSError:
            raise ClientGone from None


def parts_of(job: Job) -> Iterator[Job]:
    """Cut a job into parts, each with a key of its own where the call has one."""
    for first in range(0, len(job.texts), PART_TEXTS):
        store = job.store
        if store is not None and first:
            store = replace(store, scope=f"{store.scope} from {first}")
        yield replace(job, texts=job.texts[first : first + PART_TEXTS], first=first, store=store)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
