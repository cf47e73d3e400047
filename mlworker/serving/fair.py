"""A queue in which organizations take turns, emptied a batch at a time."""

from collections import deque
from typing import Final, Generic, TypeVar
from uuid import UUID

Thing = TypeVar("Thing")

BATCH: Final = 256
BATCH_ITEMS: Final = 1_000
"""Items of one batch: what is settled together takes about 22 ms, and everybody waits for it."""


class FairQueue(Generic[Thing]):
    """Things of many organizations; each one's own leave in the order they came."""

    def __init__(self) -> None:
        self._queues: dict[UUID, deque[tuple[int, Thing]]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, organization_id: UUID, thing: Thing, *, items: int = 1) -> None:
        """Queue a thing that costs so many ``items``."""
        self._queues.setdefault(organization_id, deque()).append((items, thing))
        self._count += 1

    def batch(self, *, most: int = BATCH, items: int = BATCH_ITEMS) -> list[Thing]:
        """Take things in turn from each organization, so many at most and at least one.

        Whoever is left out because the batch is full comes first in the next.
        """
        taken: list[Thing] = []
        turn = list(self._queues)
        while turn and len(taken) < most:
            following = []
            for place, organization_id in enumerate(turn):
                queue = self._queues[organization_id]
                cost = queue[0][0]
                if len(taken) >= most or (taken and cost > items):
                    self._last(turn[:place])
                    return taken
                taken.append(queue.popleft()[1])
                self._count -= 1
                items -= cost
                if queue:
                    following.append(organization_id)
                else:
                    del self._queues[organization_id]
            turn = following
        return taken

    def _last(self, served: list[UUID]) -> None:
        """Put those behind all who had a turn in the round that was broken off."""
        for organization_id in served:
            if organization_id in self._queues:
                self._queues[organization_id] = self._queues.pop(organization_id)
