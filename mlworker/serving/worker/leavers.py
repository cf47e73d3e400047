"""Works whose clients have left, remembered for as long as one of them can still come."""

import time
from collections.abc import Iterable

from mlworker.serving.protocol import GIVEN_UP_TTL, work_name


class Leavers:
    """What an engine heard of works that nobody waits for any more."""

    def __init__(self) -> None:
        self._until: dict[bytes, float] = {}

    def add(self, names: Iterable[bytes]) -> None:
        """Remember works by `work_name`, and forget those that are long over."""
        now = time.monotonic()
        for name in list(self._until):
            if self._until[name] > now:
                break  # the rest came later
            del self._until[name]
        for name in names:
            self._until[name] = now + GIVEN_UP_TTL

    def has(self, gateway: str, number: int) -> bool:
        """Say whether a work was given up."""
        return bool(self._until) and work_name(gateway, number) in self._until
