"""How much may wait for an engine: what it answers in time, shared between organizations.

A call that would only wait for its deadline is refused at once, and told when to come back. The
bound is counted in tokens, from what the engines measured of themselves; it also bounds what lies
in Redis. An organization that holds less than its share of the bound gets in although it is full.

Shadows and chunks of batches that wait for an engine are not counted: it takes them when no call
waits, a small batch at a time, so that a call waits for one of these however many there are (what
that leaves open is in `docs/workers.md`).
Texts that wait to be read in the web process stand in one line: a shadow joins it when it is empty,
and is counted.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Final
from uuid import UUID

from mlworker.serving.errors import Overloaded
from mlworker.serving.gateway.texts import INLINE_CHARACTERS

WAIT_SECONDS: Final = 15.0
"""How long what is admitted may take: half of a call's deadline, since gateways do not add up."""
THREAD: Final = "thread:"
"""Where a base is named for the room of long texts: the one thread that reads them."""
LEAST_TOKENS: Final = 65_536
MOST_TOKENS: Final = 4_000_000
"""Bounds of the bound. The latter is 16 MB in Redis for each gateway process."""


class Admission:
    """The tokens that one gateway process has under way, by base and organization."""

    def __init__(self, rate_of: Callable[[str], float]) -> None:
        self._rate_of = rate_of
        self._held: defaultdict[str, dict[UUID, int]] = defaultdict(dict)

    def limit(self, base: str) -> int:
        """Return how many tokens of a base may be under way."""
        rate = self._rate_of(base)
        if not rate:
            return MOST_TOKENS
        return int(min(MOST_TOKENS, max(LEAST_TOKENS, rate * WAIT_SECONDS)))

    @contextmanager
    def room(self, base: str, organization_id: UUID, tokens: int) -> Iterator[None]:
        """Count a call's tokens while the block runs; none need no room. Raises Overloaded."""
        if not tokens:
            yield
            return
        held = self._held[base]
        own = held.get(organization_id, 0)
        self._check(base, held, own, own + tokens, organization_id)
        held[organization_id] = own + tokens
        try:
            yield
        finally:
            held[organization_id] -= tokens
            if not held[organization_id]:
                del held[organization_id]

    def room_to_read(
        self, organization_id: UUID, texts: Sequence[str], *, behind: bool = False
    ) -> AbstractContextManager[None]:
        """Count texts that wait for the thread that reads long ones; nobody is charged yet.

        What is to run ``behind`` calls is refused while any are there. Raises Overloaded.
        """
        characters = sum(map(len, texts))
        if characters <= INLINE_CHARACTERS:
            characters = 0
        elif behind and self._held[THREAD]:
            raise Overloaded(retry_after=1)
        return self.room(THREAD, organization_id, characters)

    def _check(
        self, base: str, held: dict[UUID, int], own: int, wanted: int, organization_id: UUID
    ) -> None:
        total, limit = sum(held.values()), self.limit(base)
        share = limit / len({*held, organization_id})
        # A lone call is tried, whatever its size.
        if not total or total - own + wanted <= limit:
            return
        # Shares alone would add up to more with every organization. What a lone call holds above
        # the bound keeps nobody out.
        others = sum(min(each, limit) for key, each in held.items() if key != organization_id)
        if wanted <= share and others + wanted <= 2 * limit:
            return
        rate = self._rate_of(base)
        wait = (total - limit / 2) / rate if rate else 1.0
        raise Overloaded(retry_after=min(30, max(1, math.ceil(wait))))
