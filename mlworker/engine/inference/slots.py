"""Which model sits in which slot: loads on demand, evicts the least recently used."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator

from mlworker.engine.artifact import Artifact
from mlworker.engine.contracts import EngineError, ErrorCode
from mlworker.engine.inference.resident import Resident

DEFAULT_ROOM = 1 << 30
ADAPTER_ROOM = 3 << 29
"""Bytes for adapters in slots: 1,100 of rank 8 on MiniLM-L6, 140 once one of rank 64 came."""
FEWEST = 64
"""Slots that are used whatever they take: fewer than a batch has rows would stop it."""


class SlotsExhausted(Exception):
    """Every slot is pinned; answer what is pinned first."""


class SlotTable:
    """Keys (model version ids) to slots. Safe from several threads.

    Models of tier full also count against `room`, the bytes that weights of their own may take.
    `adapter_room` is what the slots in use may take.
    `evicted` is told the key of each model that made way for another.
    """

    def __init__(
        self,
        resident: Resident,
        loader: Callable[[str], Artifact],
        *,
        room: int = DEFAULT_ROOM,
        adapter_room: int = ADAPTER_ROOM,
        evicted: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._resident, self._loader = resident, loader
        self._room, self._adapter_room = room, adapter_room
        self._evicted = evicted
        self._slots: OrderedDict[str, int] = OrderedDict()
        self._sizes: dict[str, int] = {}
        self._used: dict[str, float] = {}
        self._free = list(range(resident.slots - 1, -1, -1))
        self._pins: Counter[str] = Counter()
        self._lock = threading.Condition(threading.RLock())
        self._loading: dict[str, threading.Lock] = {}

    def peek(self, key: str) -> int | None:
        """The slot of a model that is loaded, without touching its place in the queue."""
        return self._slots.get(key)

    @property
    def used(self) -> int:
        """How many slots hold a model."""
        return len(self._slots)

    @property
    def bytes(self) -> int:
        """What models of tier full take now."""
        with self._lock:
            return sum(self._sizes.values())

    def ensure(self, key: str, *, patience: float = 0.0, idle: float = 0.0) -> int:
        """The model's slot, loading it first if need be; raises what the loader raises.

        Waits up to `patience` seconds for a pin to be lifted when all is pinned; never to be used
        by the thread that holds the pins. Takes the place of models alone that nobody used for
        `idle` seconds.
        """
        with self._lock:
            if key in self._slots:
                self._touch(key)
                return self._slots[key]
            gate = self._loading.setdefault(key, threading.Lock())
        try:
            with gate:
                return self._load(key, patience, idle)
        finally:
            with self._lock:
                self._loading.pop(key, None)

    def _load(self, key: str, patience: float, idle: float) -> int:
        with self._lock:
            if key in self._slots:
                return self._slots[key]
        # read and checked outside the lock: others go on meanwhile
        artifact = self._loader(key)
        size = self._resident.size(artifact)
        if size > self._room:
            raise EngineError(
                ErrorCode.OUT_OF_MEMORY,
                f"The model's own weights take {size >> 20} MiB, this engine gives such models "
                f"{self._room >> 20}. Raise ANNEAL_SERVE_FULL_MIB or train tier lora.",
            )
        prepared = self._resident.prepare(artifact)
        with self._lock:
            lora = artifact.manifest.lora
            rank = 0 if lora is None else lora.rank
            slot = self._take(size, rank, time.monotonic() + patience, idle)
            try:
                self._resident.put(slot, prepared)
            except BaseException:
                self._free.append(slot)
                raise
            self._slots[key], self._sizes[key] = slot, size
            self._touch(key)
            return slot

    def drop(self, key: str) -> None:
        """Forget a model, for instance a deleted one; a pinned one stays."""
        with self._lock:
            if key in self._slots and not self._pins[key]:
                self._evict(key)

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
            self._lift(held)

    @contextlib.contextmanager
    def held(self, keys: Iterable[str]) -> Iterator[dict[str, int]]:
        """Slots of those of the models that are loaded, safe from eviction until the block ends."""
        with self._lock:
            found = {key: self._slots[key] for key in dict.fromkeys(keys) if key in self._slots}
            for key in found:
                self._pins[key] += 1
                self._touch(key)
        try:
            yield found
        finally:
            self._lift(found)

    def _touch(self, key: str) -> None:
        self._slots.move_to_end(key)
        self._used[key] = time.monotonic()

    def _lift(self, keys: Iterable[str]) -> None:
        with self._lock:
            for key in keys:
                self._pins[key] -= 1
                if not self._pins[key]:
                    del self._pins[key]
            self._lock.notify_all()

    def _take(self, size: int, rank: int, until: float, idle: float) -> int:
        """A free slot with `size` bytes of room; the least recently used make way.

        A larger `rank` than any so far makes all slots larger: they make way before it comes.
        """
        while True:
            unused_since = time.monotonic() - idle
            while size and sum(self._sizes.values()) + size > self._room:
                if not self._evict_oldest(lambda key: self._sizes[key] > 0, unused_since):
                    break
            else:
                if self._free and len(self._slots) < self._most(rank):
                    return self._free.pop()
                if self._evict_oldest(lambda _: True, unused_since):
                    continue  # there may be too many still
            left = until - time.monotonic()
            if left <= 0 or not self._lock.wait(left):
                raise SlotsExhausted

    def _most(self, rank: int) -> int:
        return max(FEWEST, self._adapter_room // self._resident.slot_bytes(rank))

    def _evict_oldest(self, wanted: Callable[[str], bool], unused_since: float) -> bool:
        for key in self._slots:
            if wanted(key) and not self._pins[key] and self._used[key] <= unused_since:
                self._evict(key)
                self._evicted(key)
                return True
        return False

    def _evict(self, key: str) -> None:
        slot = self._slots.pop(key)
        del self._sizes[key], self._used[key]
        self._resident.unload(slot)
        self._free.append(slot)
