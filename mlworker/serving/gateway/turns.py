"""So many of a thing at once for each organization: others' crowds are not waited for."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID


class Turns:
    """Lets ``most`` of each organization in at once, in the order they came."""

    def __init__(self, most: int) -> None:
        self._most: Final = most
        self._gates: dict[UUID, asyncio.Semaphore] = {}
        self._there: Counter[UUID] = Counter()

    def __len__(self) -> int:
        """How many organizations are here: none is remembered when its last one has left."""
        return len(self._gates)

    @asynccontextmanager
    async def turn(self, organization_id: UUID) -> AsyncIterator[None]:
        """Wait for a turn, which the block is."""
        gate = self._gates.setdefault(organization_id, asyncio.Semaphore(self._most))
        self._there[organization_id] += 1
        try:
            async with gate:
                yield
        finally:
            self._there[organization_id] -= 1
            if not self._there[organization_id]:
                del self._there[organization_id], self._gates[organization_id]
