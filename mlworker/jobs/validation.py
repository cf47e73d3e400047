"""The step ``validating_files``: read the file, count its tokens, hold the price.

It runs in the background and may be asked for any number of times: a lease lets one worker at it,
a fence keeps a late one from writing. What passes by itself, as a storage that is away or a
suspension, is waited for. A worker that is silent until its lease has run out counts as stalled, as
in training: the third in a row ends the job.
"""

import logging
from datetime import timedelta
from uuid import UUID

from django.db.models import Q

from anneal.kernel.errors import DomainError, OrganizationSuspended, Unavailable
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from mlworker.jobs.admission import job_admit
from mlworker.jobs.contracts import Fault
from mlworker.jobs.errors import STALLED_LIMIT, WORKER_LOST
from mlworker.jobs.limits import VALIDATION_LEASE_SECONDS
from mlworker.jobs.models import FineTuningJob
from mlworker.jobs.quoting import token_lengths
from mlworker.jobs.ring import fence_next
from mlworker.jobs.rows import DatabaseClock
from mlworker.jobs.settling import job_fail
from mlworker.jobs.sources import Source, source_read
from mlworker.jobs.states import JobState, Phase

logger = logging.getLogger(__name__)


def job_validate(*, organization: OrganizationRef, job_id: UUID) -> None:
    """Take a job through its validation, if it still needs one. Opens its own scopes."""
    row = _claim(organization, job_id)
    if row is None:
        return
    try:
        training, validation = _read(organization, row)
        if training.version is None or (validation is not None and validation.version is None):
            _wait(organization, row)
            return
        _count(organization, row, training)
        _admit(organization, row, training, validation)
    except (Unavailable, OrganizationSuspended) as error:
        logger.warning("job.validation_waits", extra={"job": str(row.id), "code": error.code})
        _wait(organization, row)
    except DomainError as error:
        _fail(organization, row, error)


def _claim(organization: OrganizationRef, job_id: UUID) -> FineTuningJob | None:
    with tenant_scope(organization):
        free = Q(lease_until__isnull=True) | Q(lease_until__lt=DatabaseClock())
        row: FineTuningJob | None = (
            FineTuningJob.objects.select_for_update()
            .filter(free, id=job_id, state=JobState.VALIDATING)
            .first()
        )
        if row is None:
            return None
        if row.lease_until is not None:
            row.stalled_attempts += 1
        if row.stalled_attempts >= STALLED_LIMIT:
            job_fail(
                row, Fault(WORKER_LOST, "Its workers stopped answering while they read its files.")
            )
            return None
        row.fence = fence_next()
        row.phase = Phase.READING_FILES
        FineTuningJob.objects.filter(id=row.id).update(
            fence=row.fence,
            phase=row.phase,
            stalled_attempts=row.stalled_attempts,
            lease_until=DatabaseClock() + timedelta(seconds=VALIDATION_LEASE_SECONDS),
        )
        return row


def _read(organization: OrganizationRef, row: FineTuningJob) -> tuple[Source, Source | None]:
    with tenant_scope(organization):
        training = source_read(organization=organization, reference=row.training_file)
    if not row.validation_file:
        return training, None
    with tenant_scope(organization):
        validation = source_read(
            organization=organization, reference=row.validation_file, param="validation_file"
        )
    return training, validation


def _count(organization: OrganizationRef, row: FineTuningJob, training: Source) -> None:
    """Count before the job's row is locked: a million rows take a while."""
    with tenant_scope(organization):
        token_lengths(organization=organization, version=training.required(), base=row.base)


def _mine(row: FineTuningJob) -> FineTuningJob | None:
    mine: FineTuningJob | None = (
        FineTuningJob.objects.select_for_update()
        .filter(id=row.id, fence=row.fence, state=JobState.VALIDATING)
        .first()
    )
    return mine


def _admit(
    organization: OrganizationRef,
    row: FineTuningJob,
    training: Source,
    validation: Source | None,
) -> None:
    with tenant_scope(organization):
        mine = _mine(row)
        if mine is not None:
            mine.stalled_attempts = 0
            job_admit(mine, training.required(), validation.required() if validation else None)


def _wait(organization: OrganizationRef, row: FineTuningJob) -> None:
    """It cannot be read yet: give the lease back, the reaper asks again."""
    with tenant_scope(organization):
        FineTuningJob.objects.filter(id=row.id, fence=row.fence, state=JobState.VALIDATING).update(
            lease_until=None, phase=Phase.WAITING_FOR_DATA, stalled_attempts=0
        )


def _fail(organization: OrganizationRef, row: FineTuningJob, error: DomainError) -> None:
    logger.info("job.validation_failed", extra={"job": str(row.id), "code": error.code})
    with tenant_scope(organization):
        mine = _mine(row)
        if mine is not None:
            job_fail(mine, Fault(code=error.code, message=error.text, param=error.param))
