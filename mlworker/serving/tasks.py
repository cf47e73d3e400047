"""Serving's Celery tasks: an engine's lease, and the watch that places engines on workers."""

import logging
from typing import Final

from celery import current_app
from redis.exceptions import RedisError

from anneal.kernel.scopes import system_scope
from anneal.kernel.tasks import task
from mlworker.serving.nodes import QUEUE, here
from mlworker.serving.pinning import pins_forget
from mlworker.serving.placement import base_stays, placements_to_ring

logger = logging.getLogger(__name__)

LEASE_SECONDS: Final = 300.0
_RING_EXPIRES: Final = 30


@task(name="serving.serve_engine", queue=QUEUE)
def serve_engine(base: str, lease: float = LEASE_SECONDS) -> None:
    """Serve ``base`` for ``lease`` seconds, then ring for the next lease if it is still wanted.

    Runs in a worker with ``--pool threads``, one thread for each base it can serve. The worker's
    SIGTERM ends the lease early: what was taken is answered first, and others take the rest.
    """
    from mlworker.serving.worker.engine import base_close, engine_run  # noqa: PLC0415 # engines only

    with here.holding(base) as first:
        if not first:
            return
        engine_run(base=base, node=here.name, lease_seconds=lease, stopping=_worker_stops)
        if _worker_stops():
            return
        stays = _stays(base)
        if not stays:  # still held: nobody else in this process opens it meanwhile
            logger.info("serving.let_go: %s", base)
            base_close(base)
    if stays:
        ring(base, lease, here.queue)


@task(name="serving.watch", queue="default", every=2.0)
def watch() -> None:
    """Tell workers what to begin to serve."""
    try:
        for each in placements_to_ring():
            logger.info("serving.ring: %s on %s", each.base, each.node)
            ring(each.base, LEASE_SECONDS, each.queue)
    except RedisError as error:
        logger.warning("serving.watch_failed: %s", error)


@task(name="serving.forget_pins", queue="default", every=3600.0)
def forget_pins() -> None:
    """Forget what streams began with whose parts are kept no more."""
    with system_scope("ends of stream pins"):
        pins_forget()


def ring(base: str, lease: float, queue: str) -> None:
    """Ask a worker for an engine. A ring nobody takes soon expires."""
    current_app.send_task(
        "serving.serve_engine",
        kwargs={"base": base, "lease": lease},
        queue=queue,
        expires=_RING_EXPIRES,
        ignore_result=True,
    )


def _stays(base: str) -> bool:
    try:
        return base_stays(base, here.name)
    except RedisError:
        return True


def _worker_stops() -> bool:
    from celery.worker import state  # noqa: PLC0415 # exists in workers only

    # The flags hold an exit code, and 0 (which equals False) is the usual one.
    return any(
        flag is not None and flag is not False
        for flag in (state.should_stop, state.should_terminate)
    )
