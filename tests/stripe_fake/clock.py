"""The fake's own time, and what happens when it passes."""

import heapq
import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Clock:
    """Runs with the machine's clock until `frozen` at a moment; only ever goes forward."""

    def __init__(self, start: datetime | None = None) -> None:
        self._frozen = start.timestamp() if start else None
        self._offset = 0.0
        self._timers: list[tuple[float, int, Callable[[], object]]] = []
        self._order = itertools.count()

    @property
    def seconds(self) -> int:
        """Now, as Stripe writes moments."""
        return int(self._now())

    @property
    def now(self) -> datetime:
        """Now, aware, in UTC."""
        return datetime.fromtimestamp(self._now(), UTC)

    def _now(self) -> float:
        return time.time() + self._offset if self._frozen is None else self._frozen

    def at(self, moment: float, action: Callable[[], object]) -> None:
        """Call `action` once the time has come."""
        heapq.heappush(self._timers, (moment, next(self._order), action))

    def advance(self, by: timedelta) -> None:
        """Let time pass; every timer on the way runs at its own moment, in order."""
        if by < timedelta():
            raise ValueError("Time only goes forward.")
        target = self._now() + by.total_seconds()
        while self._timers and self._timers[0][0] <= target:
            moment, _, action = heapq.heappop(self._timers)
            self._set(max(moment, self._now()))
            action()
        self._set(target)

    def catch_up(self) -> None:
        """Run what became due while the clock ran by itself."""
        self.advance(timedelta())

    def _set(self, moment: float) -> None:
        if self._frozen is None:
            self._offset = max(self._offset, moment - time.time())
        else:
            self._frozen = moment
