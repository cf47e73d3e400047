"""How a job ends: state, money, model and story in one transaction, on a locked row.

Charged are the trained tokens of the steps done, never more than the quote. A job that fails, for
whatever reason, costs nothing and leaves nothing: what its segments charged is refunded, and its
checkpoints are deleted.
"""

from typing import Final

from mlworker.jobs.bargains import bargain_off
from mlworker.jobs.charging import job_charge, job_refund
from mlworker.jobs.contracts import Fault
from mlworker.jobs.errors import FINAL_CODES, STALLED_LIMIT
from mlworker.jobs.models import FineTuningJob, StoredFiles
from mlworker.jobs.ring import ring_workers
from mlworker.jobs.rows import event_add, job_move
from mlworker.jobs.states import Control, JobState, Phase, StoredKind, StoredState

_SUGGESTION: Final = {
    "out_of_memory": " Choose a smaller batch_tokens or max_length.",
    "diverged": " Choose a smaller learning_rate.",
}


def job_cancel(row: FineTuningJob) -> None:
    """End a locked job as cancelled, charged for the steps done, and save it."""
    job_move(row, JobState.CANCELLED, Phase.DONE)
    event_add(row, "Fine-tuning job cancelled.", code="job.cancelled")
    job_charge(row, int(row.progress.get("trained_tokens") or 0))
    bargain_off(row, "The job was cancelled.", cause="cancelled")
    row.save()


def job_fail(row: FineTuningJob, fault: Fault) -> None:
    """End a locked job as failed, its money given back and its checkpoints given up; save it."""
    job_move(row, JobState.FAILED, Phase.DONE)
    message = fault.message + _SUGGESTION.get(fault.code, "")
    row.error = {"code": fault.code, "message": message, "param": fault.param}
    job_refund(row, f"{fault.code}: {fault.message}")
    bargain_off(row, f"The job failed: {fault.code}.", cause="failed")
    # Nobody paid for what they hold: nothing may begin with them, and storing them costs nobody.
    StoredFiles.objects.filter(
        job_id=row.id, kind=StoredKind.CHECKPOINT, state=StoredState.READY
    ).update(state=StoredState.DELETING)
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
