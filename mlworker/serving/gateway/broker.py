"""The gateway's side of Redis: sending works, reading answers, watching engines.

Redis may vanish and come back empty at any moment. Everything here reconnects; what was lost is
noticed by the missing epoch word and sent again by the desk.
"""

import asyncio
import logging
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, cast

import msgspec
import redis.asyncio
from redis.exceptions import RedisError

from anneal.kernel.redis import redis_async
from mlworker.serving.contracts import LAST_CALL_KEY
from mlworker.serving.protocol import (
    ANNOUNCEMENT_TTL,
    ENGINES_KEY,
    EPOCH_KEY,
    GIVEN_UP_TTL,
    WANTED_KEY,
    Announcement,
    Answer,
    Envelope,
    Work,
    answers_decode,
    engines_decode,
    envelope_encode,
    given_up_key,
    reply_key,
    taken_key,
    taking_key,
    waiting_key,
    work_name,
)

logger = logging.getLogger(__name__)

BROKER_ERRORS: Final = (RedisError, OSError, TimeoutError)
READ_SECONDS: Final = 1
COMMAND_SECONDS: Final = 3.0
"""A Redis that says nothing for so long is away. No timeout of the sockets: some only listen."""
WAIT_STEP: Final = 0.05

RESCUE: Final = """
local moved = 0
local function back(raw)
  if string.sub(raw, 1, 1) == '1' then
    redis.call('RPUSH', KEYS[3], '2' .. string.sub(raw, 2))
    moved = moved + 1
  end
end
for _, raw in ipairs(redis.call('HVALS', KEYS[1])) do back(raw) end
for _, raw in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do back(raw) end
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('HDEL', KEYS[4], ARGV[1])
return moved
"""
"""Moves what a dead engine held back to the front of the queue, unless it was moved before."""


class Broker:
    """One gateway process's connections to Redis."""

    def __init__(self) -> None:
        self.gateway: Final = secrets.token_hex(8)
        self._commands = redis_async()
        self._reader = redis_async()
        self._engines: dict[str, Announcement] = {}
        self._epoch: bytes | None = None
        self._missed: Counter[str] = Counter()
        self._wanted: set[str] = set()

    async def close(self) -> None:
        """Close both connections."""
        await self._commands.aclose()
        await self._reader.aclose()

    @property
    def commands(self) -> redis.asyncio.Redis:
        """The connection pool for short commands."""
        return self._commands

    async def send(self, base: str, works: list[Work], *, again: bool = False) -> None:
        """Queue works of one base as one envelope. Raises BROKER_ERRORS."""
        self._wanted.add(base)  # it stays wanted while it is called
        envelope = Envelope(self.gateway, time.time(), works)
        async with asyncio.timeout(COMMAND_SECONDS):
            await self._commands.lpush(waiting_key(base), envelope_encode(envelope, again=again))

    async def give_up(self, base: str, numbers: Iterable[int]) -> bool:
        """Tell the engines of a base that nobody waits for works any more. Raises BROKER_ERRORS.

        All of them: one may have taken a work, or take it next, or run it for one that died.
        False when none is known, as when Redis has just come back empty.
        """
        names = [work_name(self.gateway, number) for number in numbers]
        pipe = self._commands.pipeline(transaction=False)
        for engine in self._engines.values():
            if base in engine.bases:
                pipe.rpush(given_up_key(engine.engine), *names)
                pipe.expire(given_up_key(engine.engine), GIVEN_UP_TTL)
        async with asyncio.timeout(COMMAND_SECONDS):
            return bool(await pipe.execute())

    async def answers(self) -> list[Answer]:
        """Wait up to a second for an engine's answers. Raises BROKER_ERRORS."""
        popped = await self._reader.brpop([reply_key(self.gateway)], timeout=READ_SECONDS)
        if popped is None:
            return []
        try:
            return answers_decode(cast("bytes", popped[1]))
        except msgspec.DecodeError:
            logger.error("gateway.reply_malformed")  # noqa: TRY400 # the bytes would be the trace
            return []

    async def look(self) -> bool:
        """Refresh what is known of engines; True when Redis lost what was sent before."""
        pipe = self._commands.pipeline(transaction=False)
        pipe.hgetall(ENGINES_KEY)
        pipe.set(EPOCH_KEY, secrets.token_hex(8), nx=True)
        pipe.get(EPOCH_KEY)
        wanted, self._wanted = self._wanted, set()
        for base in {*self.missed, *wanted}:  # the scheduler's watch rings for it
            pipe.zadd(WANTED_KEY, {base: time.time()})
        async with asyncio.timeout(COMMAND_SECONDS):
            engines, _, epoch, *_ = await pipe.execute()
        self._engines = engines_decode(engines)
        lost = self._epoch is not None and epoch != self._epoch
        self._epoch = epoch
        return lost

    async def rescue(self) -> int:
        """Put back what dead engines had taken, each envelope once; return how many."""
        moved = 0
        for engine in self.dead():
            base = self._engines[engine].bases[0]
            keys = [taken_key(engine), taking_key(engine), waiting_key(base), ENGINES_KEY]
            moved += int(await self._commands.eval(RESCUE, len(keys), *keys, engine))
        return moved

    async def touch(self) -> None:
        """Tell trainers that online calls arrive."""
        async with asyncio.timeout(COMMAND_SECONDS):
            await self._commands.set(LAST_CALL_KEY, b"1", ex=5)

    def served(self, base: str) -> bool:
        """Say whether a living engine takes works of ``base``."""
        return any(True for _ in self._taking(base))

    def tokens_per_second(self, base: str) -> float:
        """Return what these engines do together; 0 when that is not known yet."""
        return sum(engine.tokens_per_second for engine in self._taking(base))

    def _taking(self, base: str) -> Iterator[Announcement]:
        alive_since = time.time() - ANNOUNCEMENT_TTL
        for engine in self._engines.values():
            if base in engine.bases and engine.at > alive_since and not engine.draining:
                yield engine

    def want(self, base: str) -> None:
        """Have an engine of ``base`` rung for, without waiting for it."""
        self._wanted.add(base)

    def dead(self) -> list[str]:
        """Return the engines whose announcement has expired."""
        alive_since = time.time() - ANNOUNCEMENT_TTL
        return [name for name, engine in self._engines.items() if engine.at <= alive_since]

    async def wait_served(self, base: str, *, seconds: float) -> bool:
        """Wait for an engine of ``base``; False when none came in time. Looks happen elsewhere."""
        end = time.monotonic() + seconds
        self._missed[base] += 1
        try:
            while not self.served(base):
                if time.monotonic() > end:
                    return False
                await asyncio.sleep(WAIT_STEP)
            return True
        finally:
            self._missed[base] -= 1

    @property
    def missed(self) -> list[str]:
        """The bases that calls are waiting for at this moment."""
        return [base for base, calls in self._missed.items() if calls]
