"""Large batches cut into parts that run side by side, each in a thread of its own on one core.

Cores that share a batch meet after every product, and mixed batches have a thousand small ones:
while web, Postgres or anything else has one of the cores, the other spins or sleeps at each of
these meetings. Parts meet once, at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from mlworker.engine.device import take_threads

LEAST_ROWS = 8
"""Of a part: fewer take as long on one core as all of them on both."""
MOST_SIDES = 4
"""On more cores parts would be too short; there they share a batch as before."""

Row = TypeVar("Row")
Answer = TypeVar("Answer")


class Sides:
    """So many threads; 1 runs everything where it is asked for."""

    def __init__(self, count: int = 1) -> None:
        self._count = count if count <= MOST_SIDES else 1
        self._threads = ThreadPoolExecutor(
            max_workers=self._count,
            thread_name_prefix="side",
            initializer=take_threads,
            initargs=(1,),
        )

    def run(
        self,
        forward: Callable[[Sequence[Row]], list[Answer]],
        rows: Sequence[Row],
        length: Callable[[Row], int],
    ) -> list[Answer]:
        """`forward` of all rows, in their order; every part has ended when this returns."""
        sides = min(self._count, len(rows) // LEAST_ROWS)
        if sides < 2:
            return forward(rows)
        # Neighbours in length go to different parts: each then has as much to do.
        order = sorted(range(len(rows)), key=lambda place: length(rows[place]))
        parts = [order[side::sides] for side in range(sides)]
        work = [self._threads.submit(forward, [rows[place] for place in part]) for part in parts]
        wait(work)
        found: dict[int, Answer] = {}
        for part, done in zip(parts, work, strict=True):
            found |= zip(part, done.result(), strict=True)
        return [found[place] for place in range(len(rows))]
