"""Ends a Celery process that lives and does nothing, so that whoever keeps it starts it again.

After Redis went away a worker may come back without its queues, or a scheduler hang in a socket
(celery #8030 and others): alive, answering pings, and deaf. ``docs/decisions/0071`` says more.
"""

import faulthandler
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from celery import signals
from celery.worker import state
from redis.exceptions import RedisError

from anneal.kernel.redis import redis_client

logger = logging.getLogger(__name__)

LOOKS: Final = 12
"""Looks in a row that must find it idle. Counted, since a process that was stopped loses time."""
DRAIN_SECONDS: Final = 30.0
"""How long it may take to end by itself, before it is ended."""


class Watchdog:
    """Looks every ``seconds / LOOKS`` whether work waits that nobody takes up.

    ``stuck`` says whether there is any; while Redis is away (RedisError) nobody is to blame.
    """

    def __init__(self, *, stuck: Callable[[], bool], seconds: float | None = None) -> None:
        self._stuck = stuck
        self._pause = (seconds or limit_seconds()) / LOOKS
        self._worked = False
        self._looks = 0

    def worked(self) -> None:
        """Note that the process did what it is for."""
        self._worked = True

    def look(self) -> bool:
        """Tell whether it is time to end."""
        worked, self._worked = self._worked, False
        self._looks = 0 if worked or not self._waits() else self._looks + 1
        return self._looks >= LOOKS

    def _waits(self) -> bool:
        try:
            return self._stuck()
        except RedisError:
            return False

    def start(self) -> None:
        """Look from now on, in a thread."""
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def _watch(self) -> None:
        while not self.look():
            time.sleep(self._pause)
        end(self._pause * LOOKS)


def end(seconds: float) -> None:
    """End this process: by its own way of stopping, or else at once. Says first where it stood."""
    logger.critical("watchdog.idle: work waits and none was taken for %.0f s; ending", seconds)
    faulthandler.dump_traceback(sys.__stderr__ or sys.stderr)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(DRAIN_SECONDS)
    os._exit(os.EX_TEMPFAIL)


def limit_seconds() -> float:
    """Return after how long an idle process is ended; tests wait less."""
    return float(os.environ.get("ANNEAL_WATCHDOG_SECONDS") or 60)


def worker_watch(consumer: Any) -> None:
    """Watch this worker: its queues wait, its pool has room, and it takes nothing."""
    # Those of the start: a worker that was told to read no queue any more is deaf as well.
    queues = tuple(consumer.app.amqp.queues.consume_from)
    room = int(consumer.pool.limit)

    def stuck() -> bool:
        free = len(state.reserved_requests) < room
        return free and any(redis_client().llen(queue) for queue in queues)

    watchdog = Watchdog(stuck=stuck)
    signals.task_received.connect(lambda **_: watchdog.worked(), weak=False)
    watchdog.start()
