"""Which model sits in which slot: loads on demand, evicts the least recently used."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator

from mlworker.engine.artifact import Artifact
from mlworker.engine.inference.resident import Resident


class SlotsExhausted(Exception):
    """Every slot is pinned; answer what is pinned first."""


class SlotTable:
    """Keys (model version ids) to slots. Safe from several threads."""

    def __init__(self, resident: Resident, loader: Callable[[str], Artifact]) -> None:
        self._resident, self._loader = resident, loader
        self._slots: OrderedDict[str, int] = OrderedDict()
        self._free = list(range(resident.slots - 1, -1, -1))
        self._pins: Counter[str] = Counter()
        self._lock = threading.RLock()
        self._loading: dict[str, threading.Lock] = {}

    def peek(self, key: str) -> int | None:
        """The slot of a model that is loaded, without touching its place in the queue."""
        return self._slots.get(key)

    def ensure(self, key: str) -> int:
        """The model's slot, loading it first if need be; raises what the loader raises."""
        with self._lock:
            if key in self._slots:
                self._slots.move_to_end(key)
                return self._slots[key]
            gate = self._loading.setdefault(key, threading.Lock())
        with gate:
            with self._lock:
                if key in self._slots:
                    return self._slots[key]
            # read and checked outside the lock: others go on meanwhile
            artifact = self._loader(key)
            with self._lock:
                slot = self._take()
                try:
                    self._resident.load(slot, artifact)
                except BaseException:
                    self._free.append(slot)
                    raise
                self._slots[key] = slot
                self._loading.pop(key, None)
                return slot

    def drop(self, key: str) -> None:
        """Forget a model, for instance a deleted one; a pinned one stays."""
        with self._lock:
            if key in self._slots and not self._pins[key]:
                slot = self._slots.pop(key)
                self._resident.unload(slot)
                self._free.append(slot)

    @contextlib.contextmanager
    def pinned(self, keys: Iterable[str]) -> Iterator[dict[str, int]]:
        """Slots of the models, loaded and safe from eviction until the block ends."""
        held: dict[str, int] = {}
        try:
            for key in dict.fromkeys(keys):
                with self._lock:
                    self._pins[key] += 1
                held[key] = -1
                held[key] = self.ensure(key)
            yield held
        finally:
            with self._lock:
                for key in held:
                    self._pins[key] -= 1
                    if not self._pins[key]:
                        del self._pins[key]

    def _take(self) -> int:
        if self._free:
            return self._free.pop()
        for key in self._slots:
            if not self._pins[key]:
                return self._slots.pop(key)
        raise SlotsExhausted
