"""Which model is in which slot: the least recently used one gives way."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence

from mlworker.engine.artifact import Artifact
from mlworker.engine.inference.resident import Resident


class SlotsExhausted(RuntimeError):
    """Every slot is in use by a batch, and stayed so."""


class SlotTable:
    """Slots by key. Loads happen outside the lock, so batches with warm models go on."""

    def __init__(
        self,
        resident: Resident,
        loader: Callable[[str], Artifact],
        *,
        patience_seconds: float = 30.0,
    ) -> None:
        self._resident, self._loader, self._patience = resident, loader, patience_seconds
        self._slots: OrderedDict[str, int] = OrderedDict()
        self._free = list(range(resident.slots))
        self._pins: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._loads = threading.Lock()

    def peek(self, key: str) -> int | None:
        """The slot of a loaded model, or None."""
        with self._changed:
            return self._slots.get(key)

    def ensure(self, key: str) -> int:
        """The slot of a model, loaded first if need be. SlotsExhausted when none comes free."""
        with self._loads:
            known = self.peek(key)
            if known is not None:
                return known
            artifact = self._loader(key)
            slot = self._take()
            try:
                self._resident.load(slot, artifact)
            except BaseException:
                self._give(slot)
                raise
            with self._changed:
                self._slots[key] = slot
            return slot

    @contextlib.contextmanager
    def pinned(self, keys: Sequence[str]) -> Iterator[None]:
        """Keep the models of `keys` where they are inside the block; absent ones stay absent."""
        with self._changed:
            held = [key for key in keys if key in self._slots]
            for key in held:
                self._pins[key] += 1
                self._slots.move_to_end(key)
        try:
            yield
        finally:
            with self._changed:
                for key in held:
                    self._pins[key] -= 1
                    if not self._pins[key]:
                        del self._pins[key]
                self._changed.notify_all()

    def _take(self) -> int:
        with self._changed:
            if not self._changed.wait_for(self._vacancy, timeout=self._patience):
                raise SlotsExhausted("Every slot is in use by a running batch.")
            if self._free:
                return self._free.pop()
            victim = next(key for key in self._slots if key not in self._pins)
            slot = self._slots.pop(victim)
        self._resident.unload(slot)
        return slot

    def _give(self, slot: int) -> None:
        with self._changed:
            self._free.append(slot)
            self._changed.notify_all()

    def _vacancy(self) -> bool:
        return bool(self._free) or any(key not in self._pins for key in self._slots)
