"""Who is held to limits on the online path, and what this process holds of them.

A call passes its key's limits and its organization's, both or neither: nothing is used of one for
a call that the other keeps out.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from uuid import UUID

from anneal.kernel.errors import DomainError
from billing.plans.contracts import LimitsInForce
from billing.plans.errors import calls_in_flight_reached, requests_per_minute_reached
from tenants.keys.contracts import KeyLimits
from tenants.keys.errors import key_calls_in_flight_reached, key_requests_per_minute_reached

STATE_SECONDS: Final = 1.0
"""How often a gateway says what it uses, and returns what it does not."""
FEW_SLOTS: Final = 8
"""Of fewer slots than this none is kept idle: a client whose calls meet another gateway each time
would be refused for what nobody uses."""


@dataclass(frozen=True, slots=True)
class Bound:
    """Who is held to which limits, and how a refusal says so."""

    id: UUID
    requests_per_minute: int | None
    calls_in_flight: int | None
    too_many: Callable[..., DomainError] = field(compare=False)
    """Takes ``retry_after``."""
    too_crowded: Callable[[], DomainError] = field(compare=False)

    @property
    def binds(self) -> bool:
        """Whether there is any limit."""
        return self.requests_per_minute is not None or self.calls_in_flight is not None

    @property
    def scarce(self) -> bool:
        """Whether there are too few slots to keep any idle."""
        return self.calls_in_flight is not None and self.calls_in_flight < FEW_SLOTS


def organization_bound(organization_id: UUID, found: LimitsInForce) -> Bound:
    """Hold an organization to what its plan allows, or the installation."""
    return Bound(
        organization_id,
        found.limits.requests_per_minute,
        found.limits.calls_in_flight,
        partial(requests_per_minute_reached, found),
        partial(calls_in_flight_reached, found),
    )


def key_bound(key_id: UUID, limits: KeyLimits) -> Bound:
    """Hold a key to its own limits."""
    return Bound(
        key_id,
        limits.requests_per_minute,
        limits.calls_in_flight,
        partial(key_requests_per_minute_reached, limits),
        partial(key_calls_in_flight_reached, limits),
    )


@dataclass(slots=True, eq=False)
class Stand:
    """One bound's calls in this process."""

    bound: Bound
    tokens: int = 0
    """Calls of the minute that were taken and not used yet."""
    taken: int = 0
    free: int = 0
    """Calls of the minute that no gateway had taken when Redis answered last."""
    window: str = ""
    window_ends: float = 0.0
    refused_until: float = 0.0
    slots: int = 0
    vacant: int = 0
    """Slots that no gateway held when Redis answered last."""
    running: int = 0
    peak: int = 0
    idle: bool = True
    due: bool = False
    """Whether what is idle goes back when Redis is spoken to next."""
    waiting: "deque[Entry]" = field(default_factory=deque)
    """Calls that wait for Redis, its keys' among them: of an organization alone."""

    def has_room(self, now: float) -> bool:
        """Say whether what this process holds lets a call in."""
        return not (self._no_call(now) or self._no_slot)

    def take(self) -> None:
        """Let a call in."""
        if self.bound.requests_per_minute is not None:
            self.tokens -= 1
        self.running += 1
        self.peak = max(self.peak, self.running)
        self.idle = False

    @property
    def spent(self) -> bool:
        """Whether it is this limit that was reached when Redis answered last, and no other's."""
        bound = self.bound
        no_call = bound.requests_per_minute is not None and not (self.tokens or self.free)
        return no_call or (self._no_slot and not self.vacant)

    def refusal(self, now: float) -> DomainError:
        """Say which limit keeps a call out."""
        if self._no_call(now) and not (self._no_slot and self.free):
            return self.bound.too_many(retry_after=max(1, math.ceil(self.window_ends - now)))
        return self.bound.too_crowded()

    def held_to(self, bound: Bound) -> None:
        """Follow a change of limits: what was taken under other ones is not given out any more."""
        if bound != self.bound:
            self.drop()
        self.bound = bound

    def drop(self) -> None:
        """Give out no more of what was taken. Redis hears of it with the next word."""
        self.taken -= self.tokens
        self.tokens = 0
        self.slots = min(self.slots, self.running)
        self.refused_until = 0.0

    def shrink(self) -> None:
        """Drop what need not be kept. Redis is told next, before anything is awaited."""
        if self.due:
            self.due = False
            if self.idle:
                self.taken -= self.tokens
                self.tokens = 0
            self.slots = min(self.slots, max(self.peak, self.running))
            self.peak, self.idle = self.running, True
        if self.bound.scarce:
            self.slots = min(self.slots, self.running)

    def wish(self, now: float, waiting: int, *, of_key: bool) -> list[int | str]:
        """Return what the script is told and asked for."""
        over = now >= self.window_ends
        return [
            waiting,
            "key" if of_key else "",
            self.bound.requests_per_minute or 0,
            self.window,
            self.taken,
            0 if over else math.ceil((self.window_ends - now) * 1000),
            0 if over else self.tokens,
            self.bound.calls_in_flight or 0,
            self.slots,
            self.running,
        ]

    def apply(self, asked_at: float, answer: list[Any]) -> None:
        """Take over what the script answered."""
        granted, left, window, taken, free, slots, vacant = answer
        name = window.decode()
        # Under a new name goes on what Redis lost and counted again: taken, and time was left.
        goes_on = name == self.window or (self.taken > 0 and asked_at < self.window_ends)
        self.tokens = granted + (self.tokens if name and goes_on else 0)
        self.window, self.taken, self.free = name, taken, free
        self.slots, self.vacant = slots, vacant
        # From when it was asked, so that the minute ends here before it ends in Redis.
        self.window_ends = asked_at + max(0, left) / 1000
        self.refused_until = 0.0
        if self.bound.requests_per_minute is not None and not (self.tokens or free):
            self.refused_until = asked_at + min(STATE_SECONDS, max(0, left) / 1000)

    @property
    def holds(self) -> bool:
        """Whether Redis has to hear of it, or somebody here."""
        return bool(self.slots or self.taken or self.running)

    def _no_call(self, now: float) -> bool:
        if self.bound.requests_per_minute is None:
            return False
        return self.tokens < 1 or now >= self.window_ends

    @property
    def _no_slot(self) -> bool:
        most = self.bound.calls_in_flight  # which may have fallen below the slots still held
        return most is not None and self.running >= min(self.slots, most)


@dataclass(slots=True, eq=False)
class Entry:
    """One call that was let in, or waits to be."""

    stands: tuple[Stand, ...]
    """What it passes: its key's, where that has limits, and last its organization's."""
    ask: Callable[[Stand], None]
    entered: bool = False
    future: "asyncio.Future[None] | None" = None

    def enter(self, now: float) -> bool:
        """Pass all stands, or none."""
        if not all(stand.has_room(now) for stand in self.stands):
            return False
        for stand in self.stands:
            stand.take()
        self.entered = True
        return True

    def refusal(self, now: float) -> DomainError:
        """Say what keeps the call out: a limit that is reached, and the key's first."""
        shut = [stand for stand in self.stands if not stand.has_room(now)]
        return next((stand for stand in shut if stand.spent), shut[0]).refusal(now)

    def leave(self) -> None:
        """End the call; a second time does nothing."""
        if self.entered:
            self.entered = False
            for stand in self.stands:
                stand.running -= 1
                if stand.bound.scarce:
                    self.ask(stand)
