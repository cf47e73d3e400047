"""The Celery side: the doorbell, and forgetting what lies in a file by now."""

import socket
import threading
from typing import Final
from uuid import UUID

from anneal.kernel.scopes import OrganizationRef, tenant_scope
from anneal.kernel.storage import object_delete
from anneal.kernel.tasks import task
from mlworker.batches.claiming import batch_claim
from mlworker.batches.finishing import chunk_objects
from mlworker.batches.rows import QUEUE, RING
from mlworker.batches.running import batch_run
from mlworker.batches.stopping import draining

_one: Final = threading.Lock()


@task(name=RING, queue=QUEUE, every=5.0)
def ring() -> None:
    """Work while a batch waits, one at a time in this process: its other threads have short work.

    Rung at each submit, and every five seconds for lost rings and dead workers.
    """
    if not _one.acquire(blocking=False):
        return
    try:
        while not draining() and (claim := batch_claim(worker=socket.gethostname())):
            batch_run(claim)
    finally:
        _one.release()


@task(name="batches.forget", queue=QUEUE)
def forget(batch_id: str, organization_id: str, slug: str) -> None:
    """Delete the parts of an ended batch's files."""
    organization = OrganizationRef(UUID(organization_id), slug)
    with tenant_scope(organization):
        keys = chunk_objects(UUID(batch_id))
    for key in keys:
        object_delete(key)
