"""Checkpoints that a job keeps: verified, the newest few, and the last one of a cancelled job."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from anneal.kernel.ids import public_id
from anneal.kernel.scopes import tenant_scope
from anneal.kernel.storage import StoredObject
from mlworker.jobs.continuing import checkpoints_needed
from mlworker.jobs.contracts import CHECKPOINT_PREFIX, Claim
from mlworker.jobs.limits import KEEP_CHECKPOINTS
from mlworker.jobs.models import FineTuningJob, StoredFiles
from mlworker.jobs.rows import event_add, job_of_worker
from mlworker.jobs.states import EventKind, JobState, StoredKind, StoredState


def cancelled_here(claim: Claim) -> bool:
    """Say whether the claim's job was cancelled while it was this worker's."""
    with tenant_scope(claim.organization):
        return FineTuningJob.objects.filter(
            id=claim.job_id, fence=claim.fence, state=JobState.CANCELLED
        ).exists()


def last_checkpoint_ready(
    claim: Claim,
    stored_id: UUID,
    stored: StoredObject,
    *,
    manifest_sha256: str,
    metrics: Mapping[str, Any],
) -> None:
    """The same of a job that was cancelled under this claim: its money is settled already."""
    with tenant_scope(claim.organization):
        row = job_of_worker(claim, JobState.CANCELLED)
        checkpoint_verified(row, stored_id, stored, manifest_sha256, metrics)
        row.save()
        checkpoints_retire(row)


def checkpoint_verified(
    row: FineTuningJob,
    stored_id: UUID,
    stored: StoredObject,
    manifest_sha256: str,
    metrics: Mapping[str, Any],
) -> tuple[int, float]:
    """Write down a checkpoint of a locked row, which the caller saves; return step and epoch."""
    mine = StoredFiles.objects.filter(id=stored_id)
    mine.update(
        state=StoredState.READY,
        sha256=stored.sha256,
        size=stored.size,
        manifest_sha256=manifest_sha256,
        metrics=dict(metrics),
    )
    step, epoch = mine.values_list("step", "epoch").get()
    event_add(
        row,
        f"Checkpoint saved at step {step}.",
        kind=EventKind.LOG,
        code="checkpoint.saved",
        data={"checkpoint": public_id(CHECKPOINT_PREFIX, stored_id), "step": step},
    )
    return step, epoch


def checkpoints_of(job_id: UUID) -> QuerySet[StoredFiles]:
    """Return a job's verified checkpoints, the newest first. Rows: inside this app only."""
    return StoredFiles.objects.filter(
        job_id=job_id, kind=StoredKind.CHECKPOINT, state=StoredState.READY
    ).order_by("-step", "-id")


def checkpoints_retire(row: FineTuningJob) -> None:
    """Give up all but the newest of a locked row's job, and those that others begin with."""
    rest = checkpoints_of(row.id).values_list("id", flat=True)[KEEP_CHECKPOINTS:]
    # One that a job is about to begin with is locked by it, and is retired another time.
    free = StoredFiles.objects.filter(id__in=list(rest)).select_for_update(skip_locked=True)
    old = set(free.values_list("id", flat=True))
    if old:
        old -= checkpoints_needed(row.id)
    StoredFiles.objects.filter(id__in=old).update(state=StoredState.DELETING)
