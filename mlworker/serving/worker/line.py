"""The engine's side of Redis: taking envelopes, answering, announcing.

What is taken moves in one step into `serving:{engine}`, where a gateway finds it again should this
process die. Redis may be emptied at any moment: then there is nothing to remove, and no harm.
"""

import time
from collections import defaultdict
from typing import Final, cast

import msgspec
import redis

from anneal.kernel.redis import redis_client
from mlworker.serving.protocol import (
    ANNOUNCEMENT_TTL,
    ENGINES_KEY,
    REPLY_TTL,
    Announcement,
    Answer,
    Envelope,
    announcement_encode,
    answers_encode,
    chunk_key,
    engines_decode,
    envelope_decode,
    given_up_key,
    reply_key,
    spare_key,
    taken_key,
    taking_key,
    waiting_key,
)

TAKE_ENVELOPES: Final = 64
TAKE_FEW: Final = 4
"""Envelopes of one take, and of one beside other engines when there is enough to do."""
BLOCK_SECONDS: Final = 1

TAKE: Final = """
local first = redis.call('LPOP', KEYS[3])
if first then redis.call('HSET', KEYS[2], ARGV[3], first) end
local waiting = redis.call('RPOP', KEYS[1], tonumber(ARGV[2])) or {}
for index, raw in ipairs(waiting) do
  redis.call('HSET', KEYS[2], tonumber(ARGV[1]) + index - 1, raw)
end
local names = redis.call('LRANGE', KEYS[4], 0, -1)
if #names > 0 then redis.call('DEL', KEYS[4]) end
return {waiting, names}
"""
"""Moves what waits into the hash of taken envelopes, numbered from ARGV[1] on. An envelope that a
blocking take left in KEYS[3], and that is still at work, joins them under its number ARGV[3]. What
lies in KEYS[4] names works that were given up."""


class Line:
    """One engine's connection to its queue. Every method raises redis.RedisError."""

    def __init__(self, engine: str, base: str) -> None:
        self.engine: Final = engine
        self._base: Final = base
        self._waiting, self._taken = waiting_key(base), taken_key(engine)
        self._taking, self._given_up = taking_key(engine), given_up_key(engine)
        self._spare = spare_key(base)
        self._redis: redis.Redis = redis_client()
        self._number = 0
        self._blocked: int | None = None
        self._answers: defaultdict[str, list[Answer]] = defaultdict(list)
        self._done: list[int] = []
        self._names: list[bytes] = []

    @property
    def quiet(self) -> bool:
        """Whether nothing waits to be sent."""
        return not self._answers and not self._done

    def take(self, *, block: bool, most: int = TAKE_ENVELOPES) -> list[tuple[int, Envelope]]:
        """Send what is to be answered and take all that waits; ``block`` waits up to a second.

        A blocking take brings one envelope, the work of a whole gateway; while that runs, others
        gather for the next take.
        """
        if block and self.quiet:
            arrived = self._redis.blmove(
                self._waiting, self._taking, BLOCK_SECONDS, src="RIGHT", dest="LEFT"
            )
            if arrived is None:
                return []
            self._blocked = self._number
            return self._numbered([cast("bytes", arrived)])
        pipe = self._redis.pipeline(transaction=False)
        sent = self._flush(pipe)
        # EVAL, not EVALSHA: a restarted Redis knows no scripts, and the text is short.
        keys = (self._waiting, self._taken, self._taking, self._given_up)
        pipe.eval(TAKE, len(keys), *keys, self._number, most, self._blocked or 0)
        results = pipe.execute()
        self._forget(sent)
        self._blocked = None
        waiting, names = results[-1]
        self._names += names
        return self._numbered(waiting)

    def given_up(self) -> list[bytes]:
        """Return what nobody waits for any more, of which the last takes brought word."""
        names, self._names = self._names, []
        return names

    def answer(self, gateway: str, answer: Answer) -> None:
        """Note an answer; it leaves with the next `take` or `flush`."""
        self._answers[gateway].append(answer)

    def done(self, entry: int) -> None:
        """Note that an envelope is answered whole."""
        self._done.append(entry)

    def flush(self) -> None:
        """Send the answers now."""
        if self.quiet:
            return
        pipe = self._redis.pipeline(transaction=False)
        sent = self._flush(pipe)
        pipe.execute()
        self._forget(sent)

    def spare_take(self) -> tuple[str, Envelope] | None:
        """Take a chunk of a batch that is still wanted. Whoever sent it keeps it until answered."""
        while (raw := self._redis.rpop(self._spare)) is not None:
            chunk = cast("bytes", raw).decode()
            found = self._redis.get(chunk_key(chunk))
            if found is None:
                continue  # given up meanwhile
            try:
                return chunk, envelope_decode(cast("bytes", found))
            except msgspec.DecodeError:  # written by another version, which will find it gone
                self._redis.delete(chunk_key(chunk))
        return None

    def spare_wanted(self, chunk: str) -> bool:
        """Say whether a chunk's answer is still waited for."""
        return bool(self._redis.exists(chunk_key(chunk)))

    def spare_return(self, chunk: str) -> None:
        """Give a chunk back, to be taken next."""
        self._redis.rpush(self._spare, chunk)

    def announce(self, announcement: Announcement) -> None:
        """Say that this engine lives."""
        self._redis.hset(ENGINES_KEY, self.engine, announcement_encode(announcement))

    def beside_others(self) -> bool:
        """Say whether other living engines take from the same queue."""
        since = time.time() - ANNOUNCEMENT_TTL
        said = cast("dict[bytes, bytes]", self._redis.hgetall(ENGINES_KEY))
        return any(
            other.engine != self.engine and self._base in other.bases and other.at > since
            for other in engines_decode(said).values()
        )

    def leave(self) -> None:
        """Say that this engine has ended with nothing left undone."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.hdel(ENGINES_KEY, self.engine)
        pipe.delete(self._taken, self._taking, self._given_up)
        pipe.execute()

    def _flush(self, pipe: "redis.client.Pipeline") -> tuple[list[str], int]:
        for gateway, answers in self._answers.items():
            pipe.lpush(reply_key(gateway), answers_encode(answers))
            pipe.expire(reply_key(gateway), REPLY_TTL)
        if self._blocked in self._done:
            pipe.delete(self._taking)
        if self._done:
            pipe.hdel(self._taken, *map(str, self._done))
        return list(self._answers), len(self._done)

    def _forget(self, sent: tuple[list[str], int]) -> None:
        """Drop what has left; until then a Redis failure keeps it for the next try."""
        if self._blocked in self._done[: sent[1]]:
            self._blocked = None
        for gateway in sent[0]:
            del self._answers[gateway]
        del self._done[: sent[1]]

    def _numbered(self, raws: list[bytes]) -> list[tuple[int, Envelope]]:
        found = []
        for raw in raws:
            try:
                found.append((self._number, envelope_decode(raw)))
            except msgspec.DecodeError:  # written by another version: its gateway times out
                self._done.append(self._number)
            self._number += 1
        return found


def now() -> float:
    """Return the Unix second, the clock of the protocol."""
    return time.time()
