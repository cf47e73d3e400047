"""Chunks on their way to an engine: sent, watched, sent again when an engine is lost.

Redis carries and keeps nothing. A chunk lies there for a minute at a time, and the engine that has
it in hand says so each second; what is neither waiting nor in a hand was lost with one of them.
"""

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID, uuid4

import redis
from redis.exceptions import RedisError

from anneal.kernel.redis import redis_client
from mlworker.batches.chunks import Chunk
from mlworker.batches.serves import Serves
from mlworker.serving.placement import living_engines
from mlworker.serving.protocol import (
    SPARE_TTL,
    WANTED_KEY,
    Answer,
    Envelope,
    Work,
    answers_decode,
    chunk_key,
    envelope_encode,
    reply_key,
    spare_key,
    waiting_key,
)

WATCH_SECONDS: Final = 3.0
LOST_AFTER: Final = 2
"""How many looks in a row must find a chunk nowhere: one may fall between list and hand."""
MOST_LOSSES: Final = 5
"""Engines that may end with the same chunk in hand: others' calls end with them."""
LOSSES_TTL: Final = 3_600
_NO_DEADLINE: Final = 1e12


class ChunkLost(Exception):
    """One engine after another ended with the same rows in hand."""


@dataclass(slots=True)
class _Sent:
    name: str
    raw: bytes
    lines: str
    missing: int = 0


class Sender:
    """The chunks of one claim. Every method but `close` raises redis.RedisError."""

    def __init__(self, organization_id: UUID, batch_id: UUID, serves: Serves) -> None:
        self._organization, self._serves = organization_id, serves
        # In Redis, as a worker leaves a batch whose engines are gone for a while to the next one.
        self._losses = f"batch:losses:{batch_id.hex}"
        self._reply = f"batch-{uuid4().hex}"
        self._redis: redis.Redis = redis_client()
        self._sent: dict[int, _Sent] = {}
        self._watched = time.monotonic()

    def send(self, chunk: Chunk) -> None:
        """Let the next idle engine have a chunk."""
        work = Work(
            chunk.number,
            self._organization.bytes,
            self._serves.spec,
            _NO_DEADLINE,
            chunk.lengths,
            chunk.tokens.tobytes(),
        )
        raw = envelope_encode(Envelope(self._reply, time.time(), [work]))
        first = not self._sent
        lines = f"{chunk.entries[0].number:,} to {chunk.entries[-1].number:,}"
        sent = self._sent[chunk.number] = _Sent(uuid4().hex, raw, lines)
        self._post(sent)
        if first:
            self._wake()

    def answers(self, *, seconds: float) -> list[Answer]:
        """Return what was answered, waiting for it a while; a second answer is left out.

        Raises ChunkLost when no engine outlives a chunk.
        """
        popped = self._redis.brpop([reply_key(self._reply)], timeout=seconds)
        found = answers_decode(cast("tuple[bytes, bytes]", popped)[1]) if popped else []
        fresh = []
        for answer in found:
            sent = self._sent.pop(answer.number, None)
            if sent is not None:
                self._redis.delete(chunk_key(sent.name))
                fresh.append(answer)
        if time.monotonic() - self._watched > WATCH_SECONDS:
            self._watched = time.monotonic()
            self._watch()
        return fresh

    def engine_lives(self) -> bool:
        """Say whether any engine serves the base; ask for one."""
        self._redis.zadd(WANTED_KEY, {self._serves.base: time.time()})
        return any(self._serves.base in engine.bases for engine in living_engines())

    def close(self) -> None:
        """Let no engine go on with what is not answered yet."""
        with suppress(RedisError):
            names = [chunk_key(sent.name) for sent in self._sent.values()]
            self._redis.delete(reply_key(self._reply), *names)

    def _post(self, sent: _Sent) -> None:
        pipe = self._redis.pipeline(transaction=False)
        pipe.zadd(WANTED_KEY, {self._serves.base: time.time()})
        pipe.set(chunk_key(sent.name), sent.raw, ex=SPARE_TTL)
        pipe.lpush(spare_key(self._serves.base), sent.name)
        pipe.execute()

    def _wake(self) -> None:
        """An idle engine waits for calls, up to a second: an empty one makes it look at once."""
        if self.engine_lives():
            raw = envelope_encode(Envelope(self._reply, time.time(), []))
            self._redis.lpush(waiting_key(self._serves.base), raw)

    def _watch(self) -> None:
        """Say that all of it is still wanted, and send again what was lost."""
        self._redis.zadd(WANTED_KEY, {self._serves.base: time.time()})
        listed = cast("list[bytes]", self._redis.lrange(spare_key(self._serves.base), 0, -1))
        known = {raw.decode() for raw in listed} | {each.chunk for each in living_engines()}
        for number, sent in self._sent.items():
            kept = self._redis.expire(chunk_key(sent.name), SPARE_TTL)
            sent.missing = 0 if kept and sent.name in known else sent.missing + 1
            if sent.missing >= LOST_AFTER:
                sent.missing = 0
                if kept:  # else it was Redis that lost it
                    self._count_loss(number, sent)
                self._post(sent)

    def _count_loss(self, number: int, sent: _Sent) -> None:
        pipe = self._redis.pipeline()
        pipe.hincrby(self._losses, str(number), 1)
        pipe.expire(self._losses, LOSSES_TTL)
        losses: list[Any] = pipe.execute()
        if losses[0] >= MOST_LOSSES:
            raise ChunkLost(
                f"{losses[0]} engines ended while they ran lines {sent.lines} of the file; leave"
                " these out"
            )
