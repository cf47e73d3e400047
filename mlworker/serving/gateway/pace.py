"""What a plan allows on the online path: calls a minute and calls in flight, over all gateways.

A minute begins with the first call after the last one ended. Redis holds how many calls each
gateway has taken of it, and how many calls at once each may have under way. A gateway takes some
of a minute's calls ahead (fewer as they run out) and keeps its slots a while, so that most calls
need no round trip; those that do share one. What was not used for a second or two goes back.

Nothing widens a limit: without Redis a gateway gives out what it has taken and no more, and a
Redis that comes back empty is told by each gateway, within a second, what it has.
"""

import asyncio
import math
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import redis.asyncio

from anneal.kernel.errors import DomainError, Unavailable
from billing.plans.contracts import LimitsInForce
from billing.plans.errors import calls_in_flight_reached, requests_per_minute_reached
from mlworker.serving.gateway.broker import BROKER_ERRORS

STATE_SECONDS: Final = 1.0
"""How often a gateway says what it uses, and returns what it does not."""
_PATIENCE_SECONDS: Final = 2.0
_STANDS_AT_ONCE: Final = 100

TAKE: Final = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local me, answers = ARGV[1], {}
local function calls(key, rate, given, mine, left, want)
  local window = redis.call('HGET', key, 'window')
  if not window and given ~= '' and mine > 0 and left > 0 then
    window = given  -- Redis lost it: the minute goes on
    redis.call('HSET', key, 'window', window, me, mine)
    redis.call('PEXPIRE', key, left)
  elseif not window and want > 0 then
    window = me .. ':' .. string.format('%.0f', now)
    redis.call('HSET', key, 'window', window)
    redis.call('PEXPIRE', key, 60000)
  end
  if not window then return 0, 0, '', 0 end
  if window == given then
    redis.call('HSET', key, me, mine)
  elseif given ~= '' and mine > 0 and left > 0 then
    -- Redis lost the caller's minute and another gateway began one: its calls count in this.
    local counted = tonumber(redis.call('HGET', key, me) or '0')
    redis.call('HSET', key, me, math.max(counted, mine))
  end
  local taken, stored = 0, redis.call('HGETALL', key)
  for i = 1, #stored, 2 do
    if stored[i] ~= 'window' then taken = taken + stored[i + 1] end
  end
  local free, granted = math.max(rate - taken, 0), 0
  if want > 0 then
    granted = math.min(free, math.max(want, math.min(64, math.floor(free / 16))))
  end
  if granted > 0 then redis.call('HINCRBY', key, me, granted) end
  return granted, redis.call('PTTL', key), window, tonumber(redis.call('HGET', key, me) or '0')
end
local function slots(key, most, want, running)
  local others, stored = 0, redis.call('HGETALL', key)
  for i = 1, #stored, 2 do
    local held, ends = string.match(stored[i + 1], '(%d+):(%d+)')
    if tonumber(ends) < now then
      redis.call('HDEL', key, stored[i])
    elseif stored[i] ~= me then
      others = others + held
    end
  end
  local held = math.max(math.min(want, most - others), running)
  if held > 0 then
    redis.call('HSET', key, me, string.format('%.0f:%.0f', held, now + 15000))
    redis.call('PEXPIRE', key, 15000)
  else
    redis.call('HDEL', key, me)
  end
  return held
end
for i = 1, #KEYS, 2 do
  local at = 2 + (i - 1) * 4
  local n = {}
  for j = 0, 7 do n[j] = tonumber(ARGV[at + j]) or 0 end
  local granted, left, window, mine, held = 0, 0, '', 0, 0
  if n[0] > 0 then
    granted, left, window, mine = calls(KEYS[i], n[0], ARGV[at + 1], n[2], n[3], n[4])
  end
  if n[5] > 0 then held = slots(KEYS[i + 1], n[5], n[6], n[7]) end
  answers[#answers + 1] = {granted, left, window, mine, held}
end
return answers
"""
"""Per organization: takes calls of its minute and sets how many slots this gateway holds.

A minute has a name, so that a gateway's word about one that is over changes nothing. A gateway's
minute ends there before it ends here, so one that goes on there and is unknown here was lost. Slots
of a gateway that fell silent end by themselves.
"""


@dataclass(slots=True, eq=False)
class Stand:
    """One organization's calls in this process."""

    key: str
    limits: LimitsInForce
    tokens: int = 0
    """Calls of the minute that were taken and not used yet."""
    taken: int = 0
    window: str = ""
    window_ends: float = 0.0
    refused_until: float = 0.0
    slots: int = 0
    running: int = 0
    peak: int = 0
    idle: bool = True
    due: bool = False
    """Whether it shrinks when Redis is spoken to next."""
    waiting: "deque[Entry]" = field(default_factory=deque)

    def take(self, now: float) -> bool:
        """Let one call in, if what this process holds allows it."""
        limits = self.limits.limits
        if limits.calls_in_flight is not None and self.running >= self.slots:
            return False
        if limits.requests_per_minute is not None:
            if self.tokens < 1 or now >= self.window_ends:
                return False
            self.tokens -= 1
        self.running += 1
        self.peak = max(self.peak, self.running)
        self.idle = False
        return True

    def refusal(self, now: float) -> DomainError:
        """Say which limit keeps a call out."""
        rate = self.limits.limits.requests_per_minute
        if rate is not None and (self.tokens < 1 or now >= self.window_ends):
            wait = max(1, math.ceil(self.window_ends - now))
            return requests_per_minute_reached(self.limits, retry_after=wait)
        return calls_in_flight_reached(self.limits)

    def wish(self, now: float) -> list[int | str]:
        """Return what the script is asked for."""
        limits = self.limits.limits
        over = now >= self.window_ends
        left = 0 if over else math.ceil((self.window_ends - now) * 1000)
        want = max(0, len(self.waiting) - (0 if over else self.tokens))
        slots = max(self.slots, self.running + len(self.waiting))
        return [
            limits.requests_per_minute or 0,
            self.window,
            self.taken,
            left,
            want,
            limits.calls_in_flight or 0,
            slots,
            self.running,
        ]

    @property
    def holds(self) -> bool:
        """Whether Redis has to hear of it, or somebody here."""
        return bool(self.slots or self.taken or self.running or self.waiting)

    def shrink(self) -> None:
        """Drop what was not used lately. Redis is told next, before anything is awaited."""
        self.due = False
        if self.idle:
            self.taken -= self.tokens
            self.tokens = 0
        self.slots = min(self.slots, max(self.peak, self.running))
        self.peak, self.idle = self.running, True


@dataclass(slots=True, eq=False)
class Entry:
    """One call that was let in, or waits to be."""

    stand: Stand
    entered: bool = False
    future: "asyncio.Future[None] | None" = None

    def leave(self) -> None:
        """End the call; a second time does nothing."""
        if self.entered:
            self.entered = False
            self.stand.running -= 1


class Pace:
    """One gateway process's share of every organization's limits."""

    def __init__(self, commands: redis.asyncio.Redis, gateway: str) -> None:
        self._take, self._gateway = commands.register_script(TAKE), gateway
        self._stands: dict[UUID, Stand] = {}
        self._asking: dict[str, Stand] = {}
        self._wake = asyncio.Event()

    async def enter(self, organization_id: UUID, limits: LimitsInForce) -> Entry:
        """Let a call in; the caller leaves again. Raises RateLimited, Unavailable."""
        stand = self._stands.get(organization_id)
        if stand is None:
            stand = self._stands[organization_id] = Stand(str(organization_id), limits)
        stand.limits = limits
        entry = Entry(stand)
        now = time.monotonic()
        if not stand.waiting:
            if stand.take(now):
                entry.entered = True
                return entry
            if now < stand.refused_until:
                raise stand.refusal(now)
        entry.future = asyncio.get_running_loop().create_future()
        stand.waiting.append(entry)
        self._ask_for(stand)
        try:
            await entry.future
        except asyncio.CancelledError:
            entry.leave()
            raise
        return entry

    async def ask_forever(self) -> None:
        """Take from Redis what calls wait for, all in one round trip, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            stands, self._asking = list(self._asking.values()), {}
            for start in range(0, len(stands), _STANDS_AT_ONCE):
                await self._ask(stands[start : start + _STANDS_AT_ONCE])

    async def state_forever(self) -> None:
        """Say each second what is used, for ever."""
        while True:
            await asyncio.sleep(STATE_SECONDS)
            self.state()

    def state(self) -> None:
        """Return what is idle and repeat what is held."""
        for organization_id, stand in list(self._stands.items()):
            if stand.holds:
                stand.due = True
                self._ask_for(stand)
            else:
                del self._stands[organization_id]

    async def close(self) -> None:
        """Give everything back, so that who comes after does not wait for it to lapse."""
        stands = list(self._stands.values())
        for stand in stands:
            stand.idle, stand.peak, stand.due = True, 0, True
        for start in range(0, len(stands), _STANDS_AT_ONCE):
            await self._ask(stands[start : start + _STANDS_AT_ONCE])

    def _ask_for(self, stand: Stand) -> None:
        self._asking[stand.key] = stand
        self._wake.set()

    async def _ask(self, stands: list[Stand]) -> None:
        now = time.monotonic()
        keys, arguments = [], [self._gateway]
        waiting = [len(stand.waiting) for stand in stands]
        for stand in stands:
            if stand.due:
                stand.shrink()
            keys += [f"pace:{stand.key}", f"flight:{stand.key}"]
            arguments += map(str, stand.wish(now))
        try:
            asked = self._take(keys=keys, args=arguments)
            answers = await asyncio.wait_for(asked, _PATIENCE_SECONDS)
        except BROKER_ERRORS:
            for stand, count in zip(stands, waiting, strict=True):
                self._admit(stand, count, Unavailable(retry_after=1))
            return
        for stand, count, answer in zip(stands, waiting, answers, strict=True):
            _apply(stand, now, answer, waited=bool(count))
            self._admit(stand, count, None)

    def _admit(self, stand: Stand, count: int, error: DomainError | None) -> None:
        """Decide the ``count`` calls that waited when Redis was asked."""
        now = time.monotonic()
        for _ in range(count):
            entry = stand.waiting.popleft()
            if entry.future is None or entry.future.done():
                continue  # its client is gone
            if stand.take(now):
                entry.entered = True
                entry.future.set_result(None)
            else:
                entry.future.set_exception(error or stand.refusal(now))
        if stand.waiting:
            self._ask_for(stand)


def _apply(stand: Stand, asked_at: float, answer: list[int | bytes], *, waited: bool) -> None:
    granted, left, window, taken, slots = answer
    name = bytes(window).decode() if isinstance(window, bytes) else ""
    # Under a new name goes on what Redis lost and counted again: taken, and time was left.
    goes_on = name == stand.window or (stand.taken > 0 and asked_at < stand.window_ends)
    stand.tokens = int(granted) + (stand.tokens if name and goes_on else 0)
    stand.window, stand.taken, stand.slots = name, int(taken), int(slots)
    # From when it was asked, so that the minute ends here before it ends in Redis.
    stand.window_ends = asked_at + max(0, int(left)) / 1000
    # Of a call that came since it was asked nothing is known.
    if waited and stand.limits.limits.requests_per_minute is not None and not stand.tokens:
        stand.refused_until = asked_at + min(STATE_SECONDS, max(0, int(left)) / 1000)
