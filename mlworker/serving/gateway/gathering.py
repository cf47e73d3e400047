"""When the next round trip to Postgres begins: the more calls are in flight, the further apart.

A round trip for one call takes as much of the processor as the call's forward pass, one for many
little more than for one. One call after another waits for nothing, and many at once for a part of
what they take. An organization that holds much less than its share of what is in flight waits for
nobody's company: others' crowds are not its own.
"""

import asyncio
import contextlib
import time
from collections import Counter
from typing import Final
from uuid import UUID

GATHER_SECONDS: Final = 0.001
"""For each call in flight, between the beginnings of two round trips."""
MOST_GATHER_SECONDS: Final = 0.02
CALM_SHARE: Final = 0.5
"""Of an equal share of what is in flight: with less, an organization's calls are hurried."""


class Shares:
    """How many calls each organization has in flight."""

    def __init__(self) -> None:
        self._calls: Counter[UUID] = Counter()

    def enter(self, organization_id: UUID) -> None:
        """Count a call."""
        self._calls[organization_id] += 1

    def leave(self, organization_id: UUID) -> None:
        """Count it no more."""
        self._calls[organization_id] -= 1
        if not self._calls[organization_id]:
            del self._calls[organization_id]

    def calm(self, organization_id: UUID, in_flight: int) -> bool:
        """Say whether an organization holds much less than an equal share of all calls."""
        return self._calls[organization_id] * len(self._calls) < CALM_SHARE * in_flight


class Gathering:
    """Spaces one kind of round trips."""

    def __init__(self) -> None:
        self._last = 0.0
        self._hurry = asyncio.Event()

    def hurry(self) -> None:
        """Let the next one begin at once."""
        self._hurry.set()

    async def wait(self, in_flight: int) -> None:
        """Wait until the next one may begin; it does when this returns."""
        apart = min(MOST_GATHER_SECONDS, GATHER_SECONDS * (in_flight - 1))
        pause = self._last + apart - time.monotonic()
        if pause > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._hurry.wait()
        self._hurry.clear()
        self._last = time.monotonic()
