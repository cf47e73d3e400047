"""Serving's Celery tasks: an engine's lease, and the watch that rings for a missing one."""

import logging
from typing import Final

from celery import current_app, current_task
from redis.exceptions import RedisError

from anneal.kernel.tasks import task
from mlworker.serving.placement import bases_to_ring, living_engines

logger = logging.getLogger(__name__)

LEASE_SECONDS: Final = 300.0
QUEUE: Final = "serve"
_RING_EXPIRES: Final = 30


@task(name="serving.serve_engine", queue=QUEUE)
def serve_engine(base: str, lease: float = LEASE_SECONDS) -> None:
    """Serve ``base`` for ``lease`` seconds, then ring for the next lease.

    Runs in a worker with ``--pool threads`` or ``solo`` and concurrency 1. The worker's SIGTERM
    ends the lease early: what was taken is answered first, and the next worker takes the rest.
    """
    from mlworker.serving.worker.engine import engine_run, node_name  # noqa: PLC0415 # engines only

    node = node_name(current_task.request.hostname)
    if any(engine.host == node and base in engine.bases for engine in living_engines()):
        return
    engine_run(base=base, node=node, lease_seconds=lease, stopping=_worker_stops)
    if not _worker_stops():
        ring(base, lease)


@task(name="serving.watch", queue="default", every=2.0)
def watch() -> None:
    """Ring for every wanted base that no living engine serves."""
    try:
        for base in bases_to_ring():
            logger.info("serving.ring: %s", base)
            ring(base, LEASE_SECONDS)
    except RedisError as error:
        logger.warning("serving.watch_failed: %s", error)


def ring(base: str, lease: float) -> None:
    """Ask the serve workers for an engine. A ring nobody takes soon expires."""
    current_app.send_task(
        "serving.serve_engine",
        kwargs={"base": base, "lease": lease},
        queue=QUEUE,
        expires=_RING_EXPIRES,
        ignore_result=True,
    )


def _worker_stops() -> bool:
    from celery.worker import state  # noqa: PLC0415 # exists in workers only

    # The flags hold an exit code, and 0 (which equals False) is the usual one.
    return any(
        flag is not None and flag is not False
        for flag in (state.should_stop, state.should_terminate)
    )
