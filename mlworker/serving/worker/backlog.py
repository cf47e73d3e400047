"""Which rows run next: fair between organizations, bounded by tokens. No Redis, no torch."""

import time
from array import array
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from mlworker.serving.protocol import Answer, Work

WINDOW_TOKENS: Final = 2_048
"""Tokens gathered before the engine looks again at what waits: bounds how long a newcomer waits."""
CROWD_TOKENS: Final = 512
"""The same while one organization crowds others, who wait for one such batch and then run in one of
their own. It costs the crowding one about a tenth of its speed; with 192 in bf16 it was half."""
CROWD_ROWS: Final = 32
"""Fewer rows waiting are no crowd: one batch is soon over."""
LATELY_SECONDS: Final = 0.5
"""An organization that came within it may come again while a batch runs."""
SHADOW_TOKENS: Final = 512
"""The same of shadows: whoever comes then waits for one small batch."""


NO_ENTRY: Final = -1
"""In place of an envelope's number: a work that no envelope waits for."""


@dataclass(slots=True, eq=False)
class Pending:
    """A work under way in this engine. `values[i]` is row i's outcome."""

    work: Work
    gateway: str
    entry: int
    sent: float
    values: list[list[float] | None] = field(default_factory=list)
    left: int = 0
    started: float = 0.0
    busy: float = 0.0

    def __post_init__(self) -> None:
        self.values = [None] * len(self.work.lengths)
        self.left = len(self.work.lengths)

    def rows(self) -> list[list[int]]:
        """Return the token ids of every row."""
        flat = array("i")
        flat.frombytes(self.work.tokens)
        ids, rows, start = flat.tolist(), [], 0
        for length in self.work.lengths:
            rows.append(ids[start : start + length])
            start += length
        return rows

    def answer(self) -> Answer:
        """Return the finished work as the gateway reads it."""
        flat = array("f")
        for row in self.values:
            flat.extend(row or ())
        sizes = [len(row or ()) for row in self.values]
        even = min(sizes) == max(sizes)
        return Answer(
            number=self.work.number,
            columns=sizes[0] if even else 0,
            sizes=[] if even else sizes,
            values=flat.tobytes(),
            queue_ms=max(0.0, (self.started - self.sent) * 1000),
            inference_ms=self.busy * 1000,
        )

    def failure(self, reason: str, cause: str) -> Answer:
        """Return the refusal of the whole work."""
        return Answer(self.work.number, 0, b"", 0.0, 0.0, error=reason or "failed", cause=cause)


@dataclass(slots=True, eq=False)
class Row:
    """One text of a pending work."""

    pending: Pending
    index: int
    ids: list[int]


class Backlog:
    """Rows that wait in this engine, in a queue per organization; those of shadows behind all."""

    def __init__(self) -> None:
        self._queues: dict[bytes, deque[Row]] = {}
        self.tokens = 0
        """Of the rows that wait, without those of shadows."""
        self._shadows: dict[int, Pending] = {}
        self._behind: deque[Row] = deque()
        self._came: dict[bytes, float] = {}
        self._apart = False
        """Whether the last window was of those whom a crowd keeps waiting."""

    def __bool__(self) -> bool:
        return bool(self._queues or self._behind)

    def __len__(self) -> int:
        """How many rows wait. Other threads may ask: what changes meanwhile is not of interest."""
        return sum(map(len, list(self._queues.values()))) + len(self._behind)

    def oldest(self) -> float | None:
        """When the row that waits longest was sent, in its gateway's clock; None when none does."""
        queues = [*self._queues.values(), self._behind]
        return min((row.pending.sent for queue in queues for row in list(queue)[:1]), default=None)

    def add(self, pending: Pending) -> None:
        """Queue every row of a work."""
        rows = (Row(pending, index, ids) for index, ids in enumerate(pending.rows()))
        if pending.work.shadow:
            self._shadows[id(pending)] = pending
            self._behind.extend(rows)
        else:
            self._queues.setdefault(pending.work.organization, deque()).extend(rows)
            self._came[pending.work.organization] = time.monotonic()
            self.tokens += sum(pending.work.lengths)

    def late(self, now: float) -> list[Pending]:
        """Forget what is over its deadline, and return it: shadows, and calls whose turn it is."""
        over = [
            each for each in self._shadows.values() if each.left <= 0 or each.work.deadline < now
        ]
        for pending in over:
            self.drop(pending)
        late = [pending for pending in over if pending.left > 0]
        for organization, queue in list(self._queues.items()):
            while queue and queue[0].pending.work.deadline < now:
                pending = self._next(organization).pending
                if pending not in late[-1:]:  # its rows lie side by side
                    late.append(pending)
        return late

    def window(self, tokens: int = WINDOW_TOKENS) -> list[Row]:
        """Take rows in turn from each organization until ``tokens`` are gathered; at least one.

        Rows of shadows are taken when no others wait. Those whom one organization crowds are taken
        before its rows and without them, every other time.
        """
        if not self._queues:
            return self._window_behind(min(tokens, SHADOW_TOKENS))
        crowd = self._crowd()
        if crowd is None:
            self._apart = False
        else:
            tokens = min(tokens, CROWD_TOKENS)
            self._apart = not self._apart and len(self._queues) > 1
            if self._apart:
                return self.newcomers({crowd}, tokens, tokens)
        taken: list[Row] = []
        while self._queues and tokens > 0:
            for organization in list(self._queues):
                taken.append(row := self._next(organization))
                tokens -= len(row.ids)
                if tokens <= 0:
                    break
        # The one cut off goes last next time, so that every organization gets its turn.
        for organization in list(self._queues)[:1] if tokens <= 0 else []:
            self._queues[organization] = self._queues.pop(organization)
        return taken

    def _crowd(self) -> bytes | None:
        """Return whose over three quarters of all rows are, while others come, too."""
        since = time.monotonic() - LATELY_SECONDS
        self._came = {each: at for each, at in self._came.items() if at > since}
        waiting = {each: len(queue) for each, queue in self._queues.items()}
        rows, most = sum(waiting.values()), max(waiting, key=waiting.__getitem__)
        others = len(waiting) > 1 or self._came.keys() - waiting.keys()
        crowds = rows >= CROWD_ROWS and 4 * waiting[most] > 3 * rows
        return most if others and crowds else None

    def newcomers(self, seen: set[bytes], tokens: int, most: int) -> list[Row]:
        """Take rows in turn from the organizations that are not ``seen``; maybe none."""
        taken: list[Row] = []
        while fresh := [each for each in self._queues if each not in seen]:
            for organization in fresh:
                if tokens <= 0 or len(taken) >= most:
                    return taken
                taken.append(row := self._next(organization))
                tokens -= len(row.ids)
        return taken

    def _next(self, organization: bytes) -> Row:
        queue = self._queues[organization]
        row = queue.popleft()
        if not queue:
            del self._queues[organization]
        self.tokens -= len(row.ids)
        return row

    def _window_behind(self, tokens: int) -> list[Row]:
        taken: list[Row] = []
        while self._behind and tokens > 0:
            row = self._behind.popleft()
            taken.append(row)
            tokens -= len(row.ids)
        return taken

    def drop_where(self, test: Callable[[Pending], bool]) -> list[Pending]:
        """Forget the calls that ``test`` chooses, and return them."""
        all_waiting = {id(row.pending): row.pending for q in self._queues.values() for row in q}
        chosen = [pending for pending in all_waiting.values() if test(pending)]
        for pending in chosen:
            self.drop(pending)
        return chosen

    def drop(self, pending: Pending) -> None:
        """Forget a work's rows: it failed or is late."""
        if self._shadows.pop(id(pending), None) is not None:
            self._behind = deque(row for row in self._behind if row.pending is not pending)
            return
        organization = pending.work.organization
        queue = self._queues.get(organization)
        if queue is None:
            return
        kept = deque(row for row in queue if row.pending is not pending)
        self.tokens -= sum(len(row.ids) for row in queue if row.pending is pending)
        if kept:
            self._queues[organization] = kept
        else:
            del self._queues[organization]
