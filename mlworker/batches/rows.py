"""Locking a batch's row and moving it. Everything that changes a batch goes through here."""

from typing import Final
from uuid import UUID

from django.db.models import DateTimeField, Func

from anneal.kernel import clock
from anneal.kernel.events import publish
from anneal.kernel.outbox import outbox_add
from anneal.kernel.scopes import OrganizationRef
from mlworker.batches.contracts import BatchEnded, Claim
from mlworker.batches.errors import BatchNotFound, LeaseLost
from mlworker.batches.models import Batch
from mlworker.batches.states import TERMINAL, BatchState, may_become

RING: Final = "batches.ring"
QUEUE: Final = "default"


class DatabaseClock(Func):
    """``clock_timestamp()``: leases live by the database's clock, read at the very moment."""

    template = "clock_timestamp()"
    output_field = DateTimeField()


def owner_of(row: Batch) -> OrganizationRef:
    """Return the batch's organization."""
    return OrganizationRef(row.organization_id, row.organization_slug)


def batch_locked(batch_id: UUID) -> Batch:
    """Return the batch's row, locked until the scope closes. BatchNotFound."""
    row: Batch | None = Batch.objects.select_for_update().filter(id=batch_id).first()
    if row is None:
        raise BatchNotFound
    return row


def batch_of_worker(claim: Claim) -> Batch:
    """Return the row, locked, if the claim still holds it. LeaseLost: stop and write nothing."""
    row: Batch | None = (
        Batch.objects.select_for_update()
        .filter(id=claim.batch_id, fence=claim.fence, finished_at__isnull=True)
        .first()
    )
    if row is None or row.lease_until is None:
        raise LeaseLost(claim.public_id)
    return row


def batch_move(row: Batch, state: BatchState) -> None:
    """Set the state and what hangs on it; the caller saves. A wrong step is our fault."""
    old = BatchState(row.state)
    if not may_become(old, state):
        raise AssertionError(f"A batch cannot go from {old} to {state}.")
    row.state = state
    row.moments = {**row.moments, state.value: clock.now().timestamp()}
    row.revision += 1
    if state in TERMINAL:
        row.finished_at, row.lease_until, row.worker = clock.now(), None, ""
        publish(BatchEnded(organization=owner_of(row), batch_id=row.id, state=state))


def ring_workers() -> None:
    """After the commit, tell a worker that something waits."""
    outbox_add(task=RING, queue=QUEUE, payload={})
