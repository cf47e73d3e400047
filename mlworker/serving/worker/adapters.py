"""Weights for the slots: fetched, verified and loaded by a thread beside the forward pass."""

import logging
import math
import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil

from mlworker.registry.artifacts import artifact_fetch, artifacts_forget
from mlworker.serving.figures import ADAPTER_EVICTIONS, ADAPTER_FAILURES, ADAPTER_LOADS
from mlworker.serving.protocol import EMBEDDING_TIER, NO_ROOM, NOT_LOADED, ModelSpec

if TYPE_CHECKING:
    from mlworker.engine.artifact import Artifact
    from mlworker.engine.inference import Resident, SlotTable

logger = logging.getLogger(__name__)

FULL_ROOM: Final = int(os.environ.get("ANNEAL_SERVE_FULL_MIB") or 1_024) << 20
"""Memory for weights of models of tier full; the least recently used make way."""
MEMORY_SHARE: Final = 8
"""Adapters take an eighth of the machine's memory at most."""
PIN_SECONDS: Final = 30.0
"""How long a load waits for a batch at work to let go of what it uses."""
IDLE_SECONDS: Final = 60.0
"""What was used within it makes no way for a shadow."""
FORGET_SECONDS: Final = 3_600.0
"""How often what lies unused on the disk is looked for, by an engine that loads."""


class Adapters:
    """Which models are in which slot. Loads happen aside, so a cold model delays nobody else."""

    def __init__(self, resident: "Resident", directory: Path, *, room: int = FULL_ROOM) -> None:
        from mlworker.engine.device import take_threads  # noqa: PLC0415 # torch
        from mlworker.engine.inference import SlotsExhausted, SlotTable  # noqa: PLC0415 # torch
        from mlworker.engine.inference.slots import ADAPTER_ROOM  # noqa: PLC0415 # torch

        small = min(ADAPTER_ROOM, psutil.virtual_memory().total // MEMORY_SHARE)
        self._no_room = SlotsExhausted
        self._full: dict[str, float] = {}
        self._directory, self._forgot = directory, -math.inf
        self._specs: dict[str, ModelSpec] = {}
        """What is being loaded, by version."""
        self._base, self._slots = resident.base.id, resident.slots
        self._table: SlotTable = SlotTable(
            resident,
            self._load,
            room=room,
            adapter_room=small,
            evicted=lambda _: ADAPTER_EVICTIONS.add(1, self._base),
        )
        # Kept to one core: see `mlworker.engine` on threads that wait.
        self._threads = ThreadPoolExecutor(
            max_workers=1, thread_name_prefix="adapters", initializer=take_threads, initargs=(1,)
        )
        self._loading: dict[tuple[str, bool], Future[int]] = {}

    @property
    def table(self) -> "SlotTable":
        """The slots, for pinning."""
        return self._table

    def ready(self, spec: ModelSpec) -> bool:
        """Say whether rows of ``spec`` may run now."""
        return spec.tier == EMBEDDING_TIER or self._table.peek(spec.version) is not None

    def slots(self) -> dict[tuple[str, ...], float]:
        """Return how many slots are in use and free."""
        used = self._table.used
        return {(self._base, "used"): used, (self._base, "free"): self._slots - used}

    def request(
        self, spec: ModelSpec, then: Callable[[Exception | None], None], *, shadow: bool = False
    ) -> None:
        """Load ``spec`` aside and call ``then`` (in that thread) with what went wrong, or None.

        For a ``shadow`` alone it waits for nothing and pushes nothing out that is in use.
        """
        if shadow and self._full.get(spec.version, 0.0) > time.monotonic():
            then(self._no_room())
            return
        future = self._loading.get((spec.version, shadow))
        if future is None or future.done():
            patience, idle = (0.0, IDLE_SECONDS) if shadow else (PIN_SECONDS, 0.0)
            future = self._threads.submit(self._ensure, spec, patience, idle)
            self._loading[spec.version, shadow] = future
            future.add_done_callback(partial(self._count, time.perf_counter()))
        future.add_done_callback(lambda done: self._loaded(spec.version, done, then, shadow))

    def _loaded(
        self,
        version: str,
        done: "Future[int]",
        then: Callable[[Exception | None], None],
        shadow: bool,
    ) -> None:
        # A failure's traceback holds what was read of the weights.
        if self._loading.get((version, shadow)) is done:
            self._loading.pop((version, shadow), None)
        error = _failure(done)
        if shadow and isinstance(error, self._no_room):
            # Reading its weights for nothing again and again would be felt.
            now = time.monotonic()
            self._full = {each: at for each, at in self._full.items() if at > now}
            self._full[version] = now + IDLE_SECONDS
        then(error)

    def _count(self, asked: float, done: "Future[int]") -> None:
        error = _failure(done)
        if error is None:
            ADAPTER_LOADS.observe(time.perf_counter() - asked, self._base)
        else:
            ADAPTER_FAILURES.add(1, self._base, cause_of(error))

    def close(self) -> None:
        """Let the thread go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _ensure(self, spec: ModelSpec, patience: float, idle: float) -> int:
        self._specs[spec.version] = spec
        try:
            return self._table.ensure(spec.version, patience=patience, idle=idle)
        finally:
            del self._specs[spec.version]
            self._forget()

    def _forget(self) -> None:
        now = time.monotonic()
        if now - self._forgot < FORGET_SECONDS:
            return
        self._forgot = now
        try:
            artifacts_forget(self._directory)
        except OSError:
            logger.exception("engine.artifacts_not_forgotten")

    def _load(self, version: str) -> "Artifact":
        from mlworker.engine.artifact import load_artifact  # noqa: PLC0415 # imports torch

        spec = self._specs[version]
        folder = artifact_fetch(
            key=spec.artifact_key, sha256=spec.artifact_sha256, directory=self._directory
        )
        return load_artifact(folder)


def cause_of(error: Exception) -> str:
    """Return what the protocol calls a load's failure."""
    from mlworker.engine.inference import SlotsExhausted  # noqa: PLC0415 # imports torch

    return NO_ROOM if isinstance(error, SlotsExhausted) else NOT_LOADED


def _failure(done: "Future[int]") -> Exception | None:
    if done.cancelled():
        return RuntimeError("the engine is stopping")
    error = done.exception()
    return error if isinstance(error, Exception) or error is None else RuntimeError(repr(error))
