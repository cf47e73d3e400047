"""Cancel, pause and resume, and what a job that has ended still keeps. Each takes effect in the
database at once; a worker finds out by its fence, so none of them depends on a message arriving.
"""

from uuid import UUID

from anneal.kernel.audit import audit_record
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from mlworker.jobs.admission import hold_renew
from mlworker.jobs.continuing import checkpoints_needed
from mlworker.jobs.contracts import CHECKPOINT_PREFIX, JOB_PREFIX, JobInfo
from mlworker.jobs.errors import CheckpointInUse, CheckpointNotFound, JobStateConflict
from mlworker.jobs.models import FineTuningJob
from mlworker.jobs.ring import ring_validation, ring_workers
from mlworker.jobs.rows import event_add, job_locked, job_move
from mlworker.jobs.selectors import job_checkpoints, job_info
from mlworker.jobs.settling import job_cancel
from mlworker.jobs.states import OPEN, TERMINAL, Control, JobState, Phase, StoredState


def fine_tuning_job_cancel(*, organization: OrganizationRef, actor: Actor, job_id: UUID) -> JobInfo:
    """End a job now, charged for the steps done. A running trainer is killed within seconds.

    Cancelling a cancelled job changes nothing; JobStateConflict if it has ended otherwise.
    """
    require_scope(organization)
    row = job_locked(job_id)
    if row.state == JobState.CANCELLED:
        return job_info(row)
    if row.state in TERMINAL:
        raise JobStateConflict(f"The job has {row.state}: it cannot be cancelled any more.")
    job_cancel(row)
    _audit(actor, "fine_tuning_job.cancel", row)
    return job_info(row)


def fine_tuning_job_pause(*, organization: OrganizationRef, actor: Actor, job_id: UUID) -> JobInfo:
    """Stop a job for a while. A running one first writes a checkpoint, then becomes ``paused``."""
    require_scope(organization)
    row = job_locked(job_id)
    if row.state in TERMINAL:
        raise JobStateConflict(f"The job has {row.state}: it cannot be paused.")
    if row.state == JobState.PAUSED or row.control == Control.PAUSE:
        return job_info(row)
    _pause(row)
    _audit(actor, "fine_tuning_job.pause", row)
    return job_info(row)


def fine_tuning_job_resume(*, organization: OrganizationRef, actor: Actor, job_id: UUID) -> JobInfo:
    """Go on after a pause, from the last checkpoint. Takes back a pause that has not begun."""
    require_scope(organization)
    row = job_locked(job_id)
    if row.control == Control.PAUSE:
        row.control = Control.NONE
        event_add(row, "The pause was taken back.", code="job.resumed")
    elif row.state == JobState.PAUSED:
        _resume(organization, row)
    else:
        raise JobStateConflict(f"The job is {row.state}, not paused.")
    row.save()
    _audit(actor, "fine_tuning_job.resume", row)
    return job_info(row)


def fine_tuning_checkpoint_delete(
    *, organization: OrganizationRef, actor: Actor, job_id: UUID, checkpoint_id: UUID
) -> None:
    """Give up a checkpoint of a job that has ended: it is stored, and counted, until then.

    CheckpointNotFound; CheckpointInUse while an unfinished job needs it.
    """
    require_scope(organization)
    row = job_locked(job_id)
    stored = (
        job_checkpoints(organization=organization, job_id=job_id)
        .select_for_update()
        .filter(id=checkpoint_id)
        .first()
    )
    if stored is None:
        raise CheckpointNotFound
    if row.state in OPEN or stored.id in checkpoints_needed(job_id):
        raise CheckpointInUse
    stored.state = StoredState.DELETING
    stored.save(update_fields=["state"])
    audit_record(
        actor=actor,
        action="fine_tuning_checkpoint.delete",
        target=public_id(CHECKPOINT_PREFIX, stored.id),
        detail={"job": public_id(JOB_PREFIX, job_id), "step": stored.step},
    )


def fine_tuning_jobs_pause_all(*, organization: OrganizationRef) -> int:
    """Pause every open job of a suspended organization; return how many."""
    require_scope(organization)
    rows = FineTuningJob.objects.select_for_update().filter(
        organization_id=organization.id, state__in=OPEN - {JobState.PAUSED}, control=Control.NONE
    )
    for row in rows:
        _pause(row)
    return len(rows)


def _pause(row: FineTuningJob) -> None:
    if row.state in (JobState.RUNNING, JobState.VALIDATING):
        row.control = Control.PAUSE
        event_add(row, "The job will pause at its next checkpoint.", code="job.pausing")
    else:
        job_move(row, JobState.PAUSED, Phase.WAITING_FOR_WORKER)
        event_add(row, "Fine-tuning job paused.", code="job.paused")
    row.save()


def _resume(organization: OrganizationRef, row: FineTuningJob) -> None:
    if row.dataset_version_id is None:
        job_move(row, JobState.VALIDATING, Phase.READING_FILES)
        ring_validation(organization=organization, job_id=row.id)
    else:
        hold_renew(row)
        job_move(row, JobState.QUEUED, Phase.WAITING_FOR_WORKER)
        ring_workers()
    event_add(row, "Fine-tuning job resumed.", code="job.resumed")


def _audit(actor: Actor, action: str, row: FineTuningJob) -> None:
    audit_record(actor=actor, action=action, target=public_id(JOB_PREFIX, row.id))
