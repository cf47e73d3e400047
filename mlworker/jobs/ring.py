"""The doorbells. They name no job, or name one whose state decides what happens; losing one is
harmless, since the scheduler and the reaper ring again.
"""

import logging
from typing import Final
from uuid import UUID

from celery import current_app
from django.db import connection

from anneal.kernel.outbox import outbox_add
from anneal.kernel.scopes import OrganizationRef

logger = logging.getLogger(__name__)

TRAIN_QUEUE: Final = "train"
DEFAULT_QUEUE: Final = "default"
RING: Final = "jobs.ring"
VALIDATE: Final = "jobs.validate"


def ring_workers() -> None:
    """After the commit, tell a training worker that something waits."""
    outbox_add(task=RING, queue=TRAIN_QUEUE, payload={})


def ring_at_once() -> bool:
    """Ring without waiting for a commit; say whether the broker took it."""
    try:
        current_app.send_task(RING, queue=TRAIN_QUEUE, retry=False, ignore_result=True)
    except Exception:  # noqa: BLE001 # the broker being away must not stop a worker
        logger.info("ring.failed")
        return False
    return True


def ring_validation(*, organization: OrganizationRef, job_id: UUID) -> None:
    """After the commit, have a job's files read."""
    payload = {
        "job_id": str(job_id),
        "organization_id": str(organization.id),
        "slug": organization.slug,
    }
    outbox_add(task=VALIDATE, queue=DEFAULT_QUEUE, payload=payload)


def fence_next() -> int:
    """Return a number no claim has had before."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('jobs_fence')")
        row: tuple[int] = cursor.fetchone()
    return row[0]
