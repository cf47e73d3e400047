"""One lease of an engine: open the base, announce, run the loop, hand over."""

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import psutil
from django.conf import settings
from redis.exceptions import RedisError

from mlworker.engine.base.locate import locate_base
from mlworker.serving.protocol import Announcement
from mlworker.serving.worker.adapters import Adapters
from mlworker.serving.worker.line import Line
from mlworker.serving.worker.loop import Loop

if TYPE_CHECKING:
    from mlworker.engine.inference import Resident

logger = logging.getLogger(__name__)

SLOTS: Final = 1_024
"""An empty one takes no memory."""
ANNOUNCE_SECONDS: Final = 1.0

_open: Final[dict[str, tuple[Any, Adapters]]] = {}
"""Bases this process has opened: the next lease of the same worker starts warm."""


def engine_run(*, base: str, node: str, lease_seconds: float, stopping: Callable[[], bool]) -> None:
    """Serve ``base`` until the lease ends or ``stopping`` says so, and nothing taken is left."""
    resident, adapters = _opened(base)
    line = Line(f"{node}-{secrets.token_hex(4)}", base)
    loop = Loop(resident, adapters, line)
    end = time.monotonic() + lease_seconds
    quiet = threading.Event()
    announcer = threading.Thread(
        target=_announce, args=(line, loop, base, node, quiet), name="announce", daemon=True
    )
    announcer.start()
    logger.info("engine.start: %s serves %s", line.engine, base)
    try:
        loop.run(lambda: stopping() or time.monotonic() > end)
    finally:
        quiet.set()
        announcer.join()
        _leave(line)
        logger.info("engine.end: %s after %d rows", line.engine, loop.rows)


def node_name(worker: str | None) -> str:
    """Return the worker's own name: two engines of one base never share it."""
    return worker or f"{socket.gethostname()}-{os.getpid()}"


def _opened(base: str) -> "tuple[Resident, Adapters]":
    found = _open.get(base)
    if found is None:
        # Threads that spin at barriers burn the core that Postgres and the gateway need, and on a
        # busy machine they wait for each other: measured 12 against 192 texts a second.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        import torch  # only engines may load it

        from mlworker.engine.device import keep_freed_memory  # noqa: PLC0415 # same
        from mlworker.engine.inference import Resident  # noqa: PLC0415 # same

        keep_freed_memory()
        torch.set_num_threads(_threads())
        resident = Resident.open(locate_base(base), slots=SLOTS)
        adapters = Adapters(resident, settings.ANNEAL_HOME / "artifacts")
        found = _open[base] = (resident, adapters)
    return found


def _threads() -> int:
    """Return the cores to compute with: all this process may use."""
    given = os.environ.get("ANNEAL_SERVE_THREADS")
    return int(given) if given else len(os.sched_getaffinity(0))


def _announce(line: Line, loop: Loop, base: str, node: str, quiet: threading.Event) -> None:
    """Say each second that the engine lives, in a thread, so that a long batch is no silence."""
    while not quiet.is_set():
        rate = loop.rows / loop.busy_seconds if loop.busy_seconds else 0.0
        announcement = Announcement(
            engine=line.engine,
            host=node,
            pid=os.getpid(),
            bases=[base],
            rows_per_second=round(rate, 1),
            free_bytes=psutil.virtual_memory().available,
            at=time.time(),
        )
        try:
            line.announce(announcement)
        except RedisError as error:
            logger.warning("engine.announce_failed: %s", error)
        quiet.wait(ANNOUNCE_SECONDS)


def _leave(line: Line) -> None:
    try:
        line.leave()
    except RedisError:
        logger.warning("engine.leave_failed")
