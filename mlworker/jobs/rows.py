"""Locking a job's row and writing its story. Everything that changes a job goes through here.

Whoever changes a job holds its row's lock, so events are numbered in the order of their commits.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.db.models import DateTimeField, Func

from anneal.kernel import clock
from anneal.kernel.events import publish
from anneal.kernel.ids import uuid7
from anneal.kernel.scopes import OrganizationRef
from mlworker.jobs.contracts import Claim, JobEnded, JobWarning
from mlworker.jobs.errors import JobNotFound, LeaseLost
from mlworker.jobs.models import FineTuningJob, JobEvent
from mlworker.jobs.states import (
    TERMINAL,
    Control,
    EventKind,
    JobState,
    Phase,
    may_become,
)


class DatabaseClock(Func):
    """``clock_timestamp()``: leases live by the database's clock, read at the very moment."""

    template = "clock_timestamp()"
    output_field = DateTimeField()


def owner_of(row: FineTuningJob) -> OrganizationRef:
    """Return the job's organization."""
    return OrganizationRef(row.organization_id, row.organization_slug)


def job_locked(job_id: UUID) -> FineTuningJob:
    """Return the job's row, locked until the scope closes. JobNotFound."""
    row: FineTuningJob | None = FineTuningJob.objects.select_for_update().filter(id=job_id).first()
    if row is None:
        raise JobNotFound
    return row


def job_of_worker(claim: Claim, state: JobState = JobState.RUNNING) -> FineTuningJob:
    """Return the row, locked, if the claim still holds it. LeaseLost: stop and write nothing.

    With ``state`` a row that came there under this very claim.
    """
    row: FineTuningJob | None = (
        FineTuningJob.objects.select_for_update()
        .filter(id=claim.job_id, fence=claim.fence, state=state)
        .first()
    )
    if row is None:
        raise LeaseLost(claim.public_id)
    return row


def job_move(row: FineTuningJob, state: JobState, phase: Phase) -> None:
    """Set state and phase and what hangs on them; the caller saves. A wrong step is our fault.

    An end is published here, in the transaction that will hold it.
    """
    old = JobState(row.state)
    if not may_become(old, state):
        raise AssertionError(f"A job cannot go from {old} to {state}.")
    row.state, row.phase = state, phase
    row.lease_until, row.worker = None, ""
    row.control = Control.NONE
    if state in TERMINAL:
        row.finished_at = clock.now()
        publish(JobEnded(organization=owner_of(row), job_id=row.id, state=state))
    if state is JobState.QUEUED and row.queued_at is None:
        row.queued_at = clock.now()


def job_warn(row: FineTuningJob, warning: JobWarning) -> None:
    """Tell a locked row's owner of something once; the caller saves the row."""
    told = asdict(warning)
    if told not in row.warnings:
        row.warnings = [*row.warnings, told]


def events_add(row: FineTuningJob, events: Iterable[JobEvent]) -> None:
    """Number and insert events of a locked row; the caller saves the row."""
    numbered = list(events)
    for event in numbered:
        row.event_count += 1
        event.seq = row.event_count
    JobEvent.objects.bulk_create(numbered)


def event_new(
    row: FineTuningJob,
    *,
    kind: EventKind,
    message: str,
    code: str = "",
    level: str = "info",
    data: Mapping[str, Any] | None = None,
) -> JobEvent:
    """Return an event that has no number yet."""
    return JobEvent(
        id=uuid7(),
        organization_id=row.organization_id,
        job=row,
        kind=kind,
        level=level,
        code=code,
        message=message,
        data=dict(data or {}),
    )


def event_add(
    row: FineTuningJob,
    message: str,
    *,
    kind: EventKind = EventKind.STATUS,
    code: str = "",
    level: str = "info",
    data: Mapping[str, Any] | None = None,
) -> None:
    """Add one event to a locked row; the caller saves the row."""
    event = event_new(row, kind=kind, message=message, code=code, level=level, data=data)
    events_add(row, [event])
