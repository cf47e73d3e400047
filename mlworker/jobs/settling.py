"""How a job ends: state, money, model and story in one transaction, on a locked row.

Charged are the trained tokens of the steps done, never more than the quote. A job that fails, for
whatever reason, is not charged.
"""

from typing import Final
from uuid import UUID

from anneal.kernel.ids import public_id
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.ledger.errors import HoldClosed, HoldExpired
from billing.ledger.services import hold_capture, hold_release
from mlworker.jobs.contracts import JOB_PREFIX, SOURCE, Fault
from mlworker.jobs.errors import FINAL_CODES, STALLED_LIMIT
from mlworker.jobs.models import FineTuningJob, StoredFiles
from mlworker.jobs.ring import ring_workers
from mlworker.jobs.rows import event_add, job_move
from mlworker.jobs.states import Control, JobState, Phase, StoredKind, StoredState

_SUGGESTION: Final = {
    "out_of_memory": " Choose a smaller batch_tokens or max_length.",
    "diverged": " Choose a smaller learning_rate.",
}


def owner_of(row: FineTuningJob) -> OrganizationRef:
    """Return the job's organization."""
    return OrganizationRef(row.organization_id, row.organization_slug)


def job_charge(row: FineTuningJob, tokens: int, *, model: str) -> None:
    """Capture ``tokens`` of the job's hold and release the rest; the caller saves the row."""
    organization = owner_of(row)
    require_scope(organization)
    owed = min(tokens, row.quoted_tokens or 0)
    row.trained_tokens = owed
    if row.hold_id is None:
        return
    if owed <= 0:
        hold_release(organization=organization, hold_id=row.hold_id)
        return
    if not _captured(row, row.hold_id, owed, model):
        # The hold ran out under a job that was paused for weeks. The work is done all the same.
        row.warnings = [*row.warnings, "The price was no longer held; the job was not charged."]
        return
    refunded = (row.quoted_tokens or 0) - owed
    if refunded > 0:
        event_add(
            row,
            f"{refunded:,} trained tokens of the quote were not used and are refunded.",
            code="billing.refund",
            data={"trained_tokens": owed, "refunded": refunded},
        )


def _captured(row: FineTuningJob, hold_id: UUID, owed: int, model: str) -> bool:
    try:
        hold = hold_capture(
            organization=owner_of(row),
            hold_id=hold_id,
            amount=owed,
            event_id=public_id(JOB_PREFIX, row.id),
            source=SOURCE,
            model=model,
            api_key_id=row.api_key_id,
            dims={"base": row.base, "task": row.task, "tier": row.tier, "state": row.state},
        )
    except (HoldExpired, HoldClosed):
        return False
    return hold.captured == owed


def job_cancel(row: FineTuningJob) -> None:
    """End a locked job as cancelled, charged for the steps done, and save it."""
    job_move(row, JobState.CANCELLED, Phase.DONE)
    event_add(row, "Fine-tuning job cancelled.", code="job.cancelled")
    job_charge(row, int(row.progress.get("trained_tokens") or 0), model=row.base)
    row.save()


def job_fail(row: FineTuningJob, fault: Fault) -> None:
    """End a locked job as failed, its hold released, and save it."""
    job_move(row, JobState.FAILED, Phase.DONE)
    message = fault.message + _SUGGESTION.get(fault.code, "")
    row.error = {"code": fault.code, "message": message, "param": fault.param}
    row.trained_tokens = 0
    if row.hold_id is not None:
        hold_release(
            organization=owner_of(row), hold_id=row.hold_id, note=f"{fault.code}: {fault.message}"
        )
    event_add(
        row,
        f"Fine-tuning job failed: {message}",
        code="job.failed",
        level="error",
        data={"error": row.error},
    )
    row.save()


def attempt_ended(row: FineTuningJob, fault: Fault) -> None:
    """An attempt ended by fault: queue the job again, or end it, and save it.

    The attempt counts as stalled if it left no new verified checkpoint; the third in a row ends
    the job. Faults that would repeat end it at once. A pause that was asked for takes effect.
    """
    if fault.code in FINAL_CODES:
        job_fail(row, fault)
        return
    progressed = StoredFiles.objects.filter(
        job_id=row.id, fence=row.fence, kind=StoredKind.CHECKPOINT, state=StoredState.READY
    ).exists()
    row.stalled_attempts = 0 if progressed else row.stalled_attempts + 1
    if row.stalled_attempts >= STALLED_LIMIT:
        job_fail(row, fault)
        return
    event_add(
        row,
        f"Attempt {row.attempt} was interrupted ({fault.message}) and continues from the last "
        "checkpoint.",
        code="job.interrupted",
        level="warn",
        data={"code": fault.code, "param": fault.param, "attempt": row.attempt},
    )
    job_give_back(row)


def job_give_back(row: FineTuningJob) -> None:
    """Return a running job to the queue, or to ``paused`` if that was asked, and save it."""
    _rewind(row)
    if row.control == Control.PAUSE:
        job_move(row, JobState.PAUSED, Phase.WAITING_FOR_WORKER)
        event_add(row, "Fine-tuning job paused.", code="job.paused")
    else:
        job_move(row, JobState.QUEUED, Phase.WAITING_FOR_WORKER)
        event_add(row, "The job waits for a worker.", code="job.queued")
        ring_workers()
    row.save()


def _rewind(row: FineTuningJob) -> None:
    """Show, and at a cancel charge, only what the last checkpoint keeps: the rest is done again."""
    newest = (
        StoredFiles.objects.filter(
            job_id=row.id, kind=StoredKind.CHECKPOINT, state=StoredState.READY
        )
        .order_by("-step", "-id")
        .first()
    )
    row.progress = {
        **row.progress,
        "step": newest.step if newest else 0,
        "epoch": newest.epoch if newest else 0.0,
        "trained_tokens": newest.metrics.get("trained_tokens", 0) if newest else 0,
        "eta_seconds": None,
    }
