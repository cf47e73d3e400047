"""One lease of an engine: open the base, announce, run the loop, hand over."""

import gc
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import psutil
from django.conf import settings
from redis.exceptions import RedisError

from mlworker.engine.base.locate import locate_base
from mlworker.serving.nodes import here
from mlworker.serving.protocol import Announcement
from mlworker.serving.worker.adapters import Adapters
from mlworker.serving.worker.counting import backlog_told
from mlworker.serving.worker.line import Line
from mlworker.serving.worker.loop import Loop
from mlworker.serving.worker.spare import Spare

if TYPE_CHECKING:
    from mlworker.engine.inference import Resident

logger = logging.getLogger(__name__)

SLOTS: Final = 1_024
"""An empty one takes no memory of a processor; an accelerator gets what fits (`Resident.open`)."""
ANNOUNCE_SECONDS: Final = 1.0
LEAST_WORK_SECONDS: Final = 0.2
"""A shorter time says little of the speed: lone calls are slow for their tokens."""
LEAVE_SECONDS: Final = 1.5
"""How long a stopping engine still takes what gateways send that have not heard of it yet."""
NEWS: Final = 0.3
"""Weight of the last second in the speed that is told."""

_open: Final[dict[str, tuple[Any, Adapters, Spare]]] = {}
"""Bases this process has opened, and the chunk of a batch in hand: the next lease of the same
worker starts warm and goes on with it."""


def engine_run(*, base: str, node: str, lease_seconds: float, stopping: Callable[[], bool]) -> None:
    """Serve ``base`` until the lease ends or ``stopping`` says so, and nothing taken is left."""
    resident, adapters, spare = _opened(base)
    line = Line(f"{node}-{secrets.token_hex(4)}", base)
    loop = Loop(resident, adapters, line, spare)
    end = Ending(stopping, time.monotonic() + lease_seconds)
    announcer = threading.Thread(
        target=_announce, args=(line, loop, spare, base, node, end), name="announce", daemon=True
    )
    announcer.start()
    logger.info("engine.start: %s serves %s", line.engine, base)
    try:
        with backlog_told(base, loop.backlog, adapters):
            loop.run(end.reached)
    except BaseException:
        # It takes no leave: its announcement lapses, and what it took is sent again by others.
        spare.drop()
        raise
    finally:
        end.close()
        announcer.join()
    _leave(line, spare if stopping() else None)
    logger.info("engine.end: %s after %d rows", line.engine, loop.rows)


class Ending:
    """When an engine takes no more: at once when its lease is over, a moment after a stop.

    In that moment it says that it is leaving, so that no gateway sends to a queue nobody reads.
    """

    def __init__(self, stopping: Callable[[], bool], lease_ends: float) -> None:
        self._stopping, self._lease_ends = stopping, lease_ends
        self._leaves: float | None = None
        self._news = threading.Event()
        self.closed = False

    @property
    def leaving(self) -> bool:
        """Whether it was told to stop."""
        return self._leaves is not None

    def reached(self) -> bool:
        """Say whether nothing more is to be taken."""
        now = time.monotonic()
        if self._leaves is None and self._stopping():
            self._leaves = now + LEAVE_SECONDS
            self._news.set()
        return now > self._lease_ends if self._leaves is None else now > self._leaves

    def close(self) -> None:
        """Wake whoever waits, for the last time."""
        self.closed = True
        self._news.set()

    def wait(self, seconds: float) -> None:
        """Wait so long, or until there is something to tell."""
        self._news.wait(seconds)
        self._news.clear()


def base_close(base: str) -> None:
    """Let go of a base's memory: nobody has called it for a while."""
    found = _open.pop(base, None)
    if found is None:
        return
    _, adapters, spare = found
    try:
        _give_up(Line(f"{here.name}-closing", base), spare)
    except RedisError:
        logger.warning("engine.close_failed")  # whoever sent the chunk will miss it
    adapters.close()
    del found, adapters, spare
    gc.collect()  # they know each other in circles

    from mlworker.engine.device import give_back_memory  # noqa: PLC0415 # imports torch

    give_back_memory()


def _opened(base: str) -> "tuple[Resident, Adapters, Spare]":
    from mlworker.engine.device import keep_freed_memory, take_threads  # noqa: PLC0415 # torch

    take_threads(_threads())  # of this thread alone, and leases change threads
    found = _open.get(base)
    if found is None:
        from mlworker.engine.inference import Resident, serving_precision  # noqa: PLC0415 # same

        keep_freed_memory()
        precision = serving_precision(settings.ANNEAL_SERVE_PRECISION)
        resident = Resident.open(
            locate_base(base), slots=SLOTS, precision=precision, sides=_threads()
        )
        adapters = Adapters(resident, settings.ANNEAL_HOME / "artifacts")
        found = _open[base] = (resident, adapters, Spare())
    return found


def _threads() -> int:
    """Return the cores to compute with: all this process may use."""
    given = os.environ.get("ANNEAL_SERVE_THREADS")
    return int(given) if given else len(os.sched_getaffinity(0))


def _announce(line: Line, loop: Loop, spare: Spare, base: str, node: str, end: Ending) -> None:
    """Say each second that the engine lives, in a thread, so that a long batch is no silence."""
    pulse = Pulse(loop)
    while not end.closed:
        pulse.feel()
        here.worked(base, pulse.busy)
        rate = loop.rows / loop.busy_seconds if loop.busy_seconds else 0.0
        announcement = Announcement(
            engine=line.engine,
            host=node,
            pid=os.getpid(),
            bases=[base],
            rows_per_second=round(rate, 1),
            free_bytes=psutil.virtual_memory().available,
            at=time.time(),
            chunk=spare.chunk,
            draining=end.leaving,
            busy=round(pulse.busy, 3),
            tokens_per_second=round(pulse.tokens_per_second, 1),
        )
        try:
            line.announce(announcement)
            loop.shares = line.beside_others()
        except RedisError as error:
            logger.warning("engine.announce_failed: %s", error)
        end.wait(ANNOUNCE_SECONDS)


class Pulse:
    """How busy a loop is and how fast, from what it counted since it was looked at last."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._at, self._busy, self._tokens = time.monotonic(), loop.busy_seconds, loop.tokens
        self.busy = 0.0
        self.tokens_per_second = 0.0

    def feel(self) -> None:
        """Look again."""
        now, busy, tokens = time.monotonic(), self._loop.busy_seconds, self._loop.tokens
        worked = busy - self._busy
        self.busy = min(1.0, worked / max(now - self._at, 0.001))
        if worked > LEAST_WORK_SECONDS:
            rate = (tokens - self._tokens) / worked
            past = self.tokens_per_second or rate
            self.tokens_per_second = past + (rate - past) * NEWS
        self._at, self._busy, self._tokens = now, busy, tokens


def _leave(line: Line, given_up: Spare | None) -> None:
    """Take leave; a worker that stops for good gives the chunk in hand to the next engine."""
    try:
        line.flush()  # what could not be sent before is not to be forgotten
        if given_up is not None:
            _give_up(line, given_up)
        line.leave()
    except RedisError:
        logger.warning("engine.leave_failed")


def _give_up(line: Line, spare: Spare) -> None:
    if spare.chunk:
        line.spare_return(spare.chunk)
        spare.drop()
