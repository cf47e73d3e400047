"""Putting right what a dead worker or a lost message left. Runs every few seconds, anywhere, twice
at once if it must: every step is taken under the job's lock and looks again at what it found.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db.models import F, Q
from django.db.models.functions import Coalesce

from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from anneal.kernel.storage import object_delete
from billing.ledger.services import BOOK_ERRORS, books_fault
from mlworker.jobs.contracts import Fault
from mlworker.jobs.errors import WORKER_LOST
from mlworker.jobs.limits import RING_AGAIN_SECONDS
from mlworker.jobs.models import FineTuningJob, StoredFiles
from mlworker.jobs.ring import ring_validation
from mlworker.jobs.rows import DatabaseClock
from mlworker.jobs.settling import attempt_ended
from mlworker.jobs.states import JobState, StoredState

logger = logging.getLogger(__name__)

_BATCH: Final = 100
_ABANDONED: Final = timedelta(minutes=10)
"""Age at which bytes that were coming are taken for abandoned, if their worker is gone too."""

Found = Sequence[tuple[UUID, OrganizationRef]]


def jobs_reap() -> int:
    """Do all of it; return how many jobs were put right."""
    taken_back = sum(_taken_back(job_id, organization) for job_id, organization in _expired())
    unread = _unread()
    for job_id, organization in unread:
        _ring_again(job_id, organization)
    storage_sweep()
    return taken_back + len(unread)


def _expired() -> Found:
    with system_scope("job reaper"):
        return _found(Q(state=JobState.RUNNING, lease_until__lt=DatabaseClock()))


def _unread() -> Found:
    with system_scope("job reaper"):
        asked = Coalesce(F("rung_at"), F("created_at"))
        rows = FineTuningJob.objects.alias(asked=asked).filter(
            asked__lt=DatabaseClock() - timedelta(seconds=RING_AGAIN_SECONDS)
        )
        return _found(Q(state=JobState.VALIDATING, id__in=rows.values("id")) & _unleased())


def _unleased() -> Q:
    return Q(lease_until__isnull=True) | Q(lease_until__lt=DatabaseClock())


def _found(condition: Q) -> Found:
    """A batch in any order: those that cannot be put right yet must not fill every batch."""
    rows = (
        FineTuningJob.objects.filter(condition)
        .order_by("?")
        .values_list("id", "organization_id", "organization_slug")
    )
    return [(job_id, OrganizationRef(owner, slug)) for job_id, owner, slug in rows[:_BATCH]]


def _taken_back(job_id: UUID, organization: OrganizationRef) -> bool:
    """Take one back; one whose account's books are wrong stays until they are put right."""
    try:
        _take_back(job_id, organization)
    except BOOK_ERRORS as error:
        logger.exception("job.not_taken_back", extra={"job": str(job_id)})
        with system_scope("job reaper"):
            books_fault(organization_id=organization.id, error=str(error))
        return False
    return True


def _take_back(job_id: UUID, organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        row = (
            FineTuningJob.objects.select_for_update(skip_locked=True)
            .filter(id=job_id, state=JobState.RUNNING, lease_until__lt=DatabaseClock())
            .first()
        )
        if row is not None:
            logger.warning("job.lease_expired", extra={"job": str(job_id), "worker": row.worker})
            attempt_ended(row, Fault(WORKER_LOST, "its worker stopped answering"))


def _ring_again(job_id: UUID, organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        rung = FineTuningJob.objects.filter(
            _unleased(), id=job_id, state=JobState.VALIDATING
        ).update(rung_at=DatabaseClock())
        if rung:
            ring_validation(organization=organization, job_id=job_id)


def storage_sweep() -> int:
    """Delete the bytes, then the rows, of what is given up or was never finished."""
    with system_scope("job storage sweep"):
        _give_up_abandoned()
        doomed = list(
            StoredFiles.objects.filter(state=StoredState.DELETING).values_list("id", "key")[:_BATCH]
        )
    for stored_id, key in doomed:
        object_delete(key)
        with system_scope("job storage sweep"):
            StoredFiles.objects.filter(id=stored_id, state=StoredState.DELETING).delete()
    return len(doomed)


def _give_up_abandoned() -> None:
    """Bytes that were coming from a claim which no longer holds its job will never be finished."""
    old = StoredFiles.objects.filter(
        state=StoredState.WRITING, created_at__lt=DatabaseClock() - _ABANDONED
    )
    alive = Q(job__state=JobState.RUNNING, job__fence=F("fence"))
    ids = list(old.exclude(alive).values_list("id", flat=True)[:_BATCH])
    StoredFiles.objects.filter(id__in=ids).update(state=StoredState.DELETING)
