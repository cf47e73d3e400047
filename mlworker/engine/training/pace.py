"""How big a micro-step may be: all of a batch, or under 50 ms while online calls are answered."""

from __future__ import annotations

import time

from mlworker.engine.contracts import ThreadsRequest
from mlworker.engine.link import Link

POLITE_SECONDS = 0.035
_SLICE = 0.01
_FLOOR = 64
_SMOOTH = 0.3
_HEARTBEAT = 30.0


class Pace:
    """Measures tokens a second, sizes micro-steps, polls the supervisor between them."""

    def __init__(self, link: Link, delay_ms: float = 0.0) -> None:
        self._link = link
        self._delay = delay_ms / 1000
        self._rate = 2_000.0
        self._since = time.perf_counter()
        self.started = self._said = time.perf_counter()

    def micro_tokens(self, wanted: int) -> int:
        """Token budget of the next micro-step, at most `wanted`."""
        if not self._link.polite:
            return wanted
        return max(_FLOOR, min(wanted, int(self._rate * POLITE_SECONDS)))

    def begin(self) -> None:
        """A micro-step starts."""
        self._since = time.perf_counter()

    def end(self, tokens: int) -> None:
        """A micro-step of `tokens` tokens ended: learn its speed, then look at the supervisor."""
        spent = max(time.perf_counter() - self._since, 1e-6)
        self._rate += _SMOOTH * (tokens / spent - self._rate)
        self.look()
        if self._delay:
            until = time.perf_counter() + self._delay
            while time.perf_counter() < until:
                time.sleep(_SLICE)
                self.look()

    def look(self) -> None:
        """Obey the supervisor, and let it hear that work goes on: its patience is limited."""
        self._link.poll()
        if time.perf_counter() - self._said >= _HEARTBEAT:
            self._said = time.perf_counter()
            self._link.send(ThreadsRequest())

    @property
    def seconds(self) -> float:
        """Wall time since this attempt began."""
        return time.perf_counter() - self.started


class SparePace(Pace):
    """Looks at the supervisor a few times a second, however short the steps between are."""

    _EVERY = 0.4

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self._looked = time.perf_counter()

    def look(self) -> None:
        """As above, when it is time."""
        if time.perf_counter() - self._looked >= self._EVERY:
            super().look()
            self._looked = time.perf_counter()
