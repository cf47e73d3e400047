"""A worker process as a place for engines: it says each second that it is there, and what it holds.

Whoever starts a Celery worker of the queue `serve` has started one: on the same machine or on
another, with any name. The queue of its own, by which it is told what to serve, comes with it.
"""

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import psutil
from celery import signals
from redis.exceptions import RedisError

from anneal.kernel.redis import redis_client
from mlworker.serving.protocol import NODES_KEY, Node, node_encode

logger = logging.getLogger(__name__)

QUEUE: Final = "serve"
SAY_SECONDS: Final = 1.0


@dataclass(slots=True)
class Here:
    """This process: what it holds, and how busy each of its engines is."""

    name: str = ""
    room: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _busy: dict[str, float] = field(default_factory=dict)

    @property
    def queue(self) -> str:
        """The queue that this process alone reads."""
        return f"{QUEUE}.{self.name}"

    @contextmanager
    def holding(self, base: str) -> Iterator[bool]:
        """Hold a base for the block's time; False when this process holds it already."""
        with self._lock:
            first = base not in self._busy
            if first:
                self._busy[base] = 0.0
        try:
            if first:
                self.say()
            yield first
        finally:
            if first:
                with self._lock:
                    del self._busy[base]

    def worked(self, base: str, share: float) -> None:
        """Note which share of the last second an engine computed."""
        with self._lock:
            if base in self._busy:
                self._busy[base] = share

    def node(self) -> Node:
        """Return what this process says of itself."""
        with self._lock:
            busy = dict(self._busy)
        return Node(
            node=self.name,
            queue=self.queue,
            room=self.room,
            bases=sorted(busy),
            busy=round(sum(busy.values()), 3),
            free_bytes=psutil.virtual_memory().available,
            at=time.time(),
        )

    def say(self) -> None:
        """Announce this process, unless it is no worker or is stopping."""
        if not self.name or self.stopped.is_set():
            return
        try:
            redis_client().hset(NODES_KEY, self.name, node_encode(self.node()))
        except RedisError as error:
            logger.warning("node.announce_failed: %s", error)

    def say_forever(self) -> None:
        """Announce this process each second, until it stops."""
        while not self.stopped.is_set():
            self.say()
            self.stopped.wait(SAY_SECONDS)

    def leave(self) -> None:
        """Stop being a place for engines. What runs goes on to its end."""
        self.stopped.set()
        if not self.name:
            return
        try:
            redis_client().hdel(NODES_KEY, self.name)
        except RedisError:
            logger.warning("node.leave_failed")


here: Final = Here()


@signals.worker_init.connect  # type: ignore[untyped-decorator] # Celery ships no types
def _queue_add(sender: Any, **_: object) -> None:
    """Read a queue of one's own too, in a worker that serves."""
    queues = sender.app.amqp.queues
    if QUEUE in queues.consume_from:
        # With its number: two workers of one name on one machine are two places.
        here.name = f"{sender.hostname}.{os.getpid()}"
        here.room = max(1, int(sender.concurrency or 1))
        queues.select_add(here.queue)


@signals.worker_ready.connect  # type: ignore[untyped-decorator] # Celery ships no types
def _begin(**_: object) -> None:
    if here.name:
        threading.Thread(target=here.say_forever, name="node", daemon=True).start()


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator] # Celery ships no types
def _end(**_: object) -> None:
    # Sent by the signal's handler: Redis is spoken to elsewhere.
    threading.Thread(target=here.leave, name="node-leave", daemon=True).start()
