"""What plans and keys allow on the online path: calls a minute and in flight, over all gateways.

A minute begins with the first call after the last one ended. Redis holds how many calls each
gateway has taken of it, and how many calls at once each may have under way. A gateway takes some
of a minute's calls ahead (fewer as they run out) and keeps its slots a while, so that most calls
need no round trip; those that do share one. What was not used for a second or two goes back.

Nothing widens a limit: without Redis a gateway gives out what it has taken and no more, and a
Redis that comes back empty is told by each gateway, within a second, what it has.
"""

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Final
from uuid import UUID

import redis.asyncio

from anneal.kernel.errors import DomainError, Unavailable
from mlworker.serving.gateway.broker import BROKER_ERRORS
from mlworker.serving.gateway.stands import STATE_SECONDS, Bound, Entry, Stand

_PATIENCE_SECONDS: Final = 2.0
_STANDS_AT_ONCE: Final = 100

TAKE: Final = Path(__file__).with_name("pace.lua").read_text(encoding="utf-8")


class Pace:
    """One gateway process's share of every organization's and key's limits."""

    def __init__(self, commands: redis.asyncio.Redis, gateway: str) -> None:
        self._take, self._gateway = commands.register_script(TAKE), gateway
        self._stands: dict[UUID, Stand] = {}
        self._asking: dict[UUID, Stand] = {}
        self._wake = asyncio.Event()

    async def enter(self, bounds: tuple[Bound, ...]) -> Entry:
        """Let a call in that its key and, last, its organization are bound for; it leaves again.

        Raises RateLimited, Unavailable.
        """
        entry = Entry(tuple(map(self._stand, bounds)), self._ask_for)
        organization, now = entry.stands[-1], time.monotonic()
        if not organization.waiting:
            if entry.enter(now):
                return entry
            for stand in entry.stands:
                if now < stand.refused_until:
                    raise stand.refusal(now)
        entry.future = asyncio.get_running_loop().create_future()
        organization.waiting.append(entry)
        self._ask_for(organization)
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
        stands = list(self._stands.items())
        awaited = {key for _, each in stands for entry in each.waiting for key in entry.stands}
        for bound_id, stand in stands:
            if stand.holds or stand in awaited:
                stand.due = True
                self._ask_for(stand)
            else:
                del self._stands[bound_id]

    async def close(self) -> None:
        """Give everything back, so that who comes after does not wait for it to lapse."""
        stands = list(self._stands.values())
        for stand in stands:
            stand.idle, stand.peak, stand.due = True, 0, True
        for start in range(0, len(stands), _STANDS_AT_ONCE):
            await self._ask(stands[start : start + _STANDS_AT_ONCE])

    def _stand(self, bound: Bound) -> Stand:
        stand = self._stands.get(bound.id)
        if stand is None:
            stand = self._stands[bound.id] = Stand(bound)
        elif stand.bound is not bound:
            stand.held_to(bound)
        return stand

    def _ask_for(self, stand: Stand) -> None:
        self._asking[stand.bound.id] = stand
        self._wake.set()

    async def _ask(self, stands: list[Stand]) -> None:
        now = time.monotonic()
        keys, arguments = [], [self._gateway]
        waiting = [len(stand.waiting) for stand in stands]
        rows = _rows(stands)
        bounds = [stand.bound for stand, _, _ in rows]
        for stand, calls, of_key in rows:
            stand.shrink()
            keys += [f"pace:{stand.bound.id}", f"flight:{stand.bound.id}"]
            arguments += map(str, stand.wish(now, calls, of_key=of_key))
        try:
            asked = self._take(keys=keys, args=arguments)
            answers = await asyncio.wait_for(asked, _PATIENCE_SECONDS)
        except BROKER_ERRORS:
            for stand, count in zip(stands, waiting, strict=True):
                self._admit(stand, count, Unavailable(retry_after=1))
            return
        for (stand, _, _), answer in zip(rows, answers, strict=True):
            stand.apply(now, answer)
        for stand, count in zip(stands, waiting, strict=True):
            self._admit(stand, count, None)
        for (stand, _, _), bound in zip(rows, bounds, strict=True):
            if stand.bound != bound:  # changed meanwhile: the rest was taken under the old limits
                stand.drop()

    def _admit(self, organization: Stand, count: int, error: DomainError | None) -> None:
        """Decide the ``count`` calls that waited when Redis was asked."""
        now, spared = time.monotonic(), set[Stand]()
        for _ in range(count):
            entry = organization.waiting.popleft()
            if entry.future is None or entry.future.done():
                continue  # its client is gone
            if entry.enter(now):
                entry.future.set_result(None)
            else:
                entry.future.set_exception(error or entry.refusal(now))
                if error is None and not organization.has_room(now):
                    spared.update(key for key in entry.stands[:-1] if key.has_room(now))
        for key in spared:  # several keys were each given what one of them has used
            key.drop()
            self._ask_for(key)
        if organization.waiting:
            self._ask_for(organization)


def _rows(stands: list[Stand]) -> list[tuple[Stand, int, bool]]:
    """Return what the script decides, each once: calls that wait for it, and whether it is a key's.

    Keys stand before their organization, whose own calls are those of keys without limits.
    """
    rows: list[tuple[Stand, int, bool]] = []
    for stand in stands:
        if stand.waiting:
            waits = Counter(entry.stands[0] for entry in stand.waiting)
            own = waits.pop(stand, 0)
            rows += [(key, calls, True) for key, calls in waits.items()]
            rows.append((stand, own, False))
    placed = {stand for stand, _, _ in rows}
    return rows + [(stand, 0, False) for stand in stands if stand not in placed]
