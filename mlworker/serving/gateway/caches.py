"""A small cache whose entries die of age, of number, or by order."""

import time
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class AgedCache(Generic[Key, Value]):
    """At most ``size`` entries, none older than its own end of life."""

    def __init__(self, *, seconds: float, size: int) -> None:
        self._seconds: Final = seconds
        self._size: Final = size
        self._entries: dict[Key, tuple[float, Value]] = {}

    def get(self, key: Key) -> Value | None:
        """Return a living entry, or None."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry[0] < time.monotonic():
            self._entries.pop(key, None)
            return None
        return entry[1]

    def put(self, key: Key, value: Value, *, seconds: float | None = None) -> None:
        """Keep ``value``, for ``seconds`` at most. The oldest entries leave a full cache."""
        if len(self._entries) >= self._size:
            for old in list(self._entries)[: max(1, self._size // 10)]:
                del self._entries[old]
        life = self._seconds if seconds is None else min(seconds, self._seconds)
        self._entries[key] = (time.monotonic() + life, value)

    def drop(self, key: Key) -> None:
        """Forget one entry."""
        self._entries.pop(key, None)

    def drop_where(self, test: Callable[[Key, Value], bool]) -> None:
        """Forget the entries that ``test`` chooses."""
        for key in [key for key, entry in self._entries.items() if test(key, entry[1])]:
            del self._entries[key]

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)
