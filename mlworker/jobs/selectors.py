"""Reading jobs."""

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from anneal.kernel.ids import parse_id
from anneal.kernel.scopes import OrganizationRef, require_scope
from mlworker.jobs.contracts import (
    CHECKPOINT_PREFIX,
    EVENT_PREFIX,
    JOB_PREFIX,
    CheckpointInfo,
    EventInfo,
    JobInfo,
    JobWarning,
    QueuePlace,
)
from mlworker.jobs.errors import CheckpointNotFound, JobNotFound
from mlworker.jobs.forecasts import queue_places
from mlworker.jobs.models import FineTuningJob, JobEvent, StoredFiles
from mlworker.jobs.states import OPEN, Control, JobState, Phase, StoredKind, StoredState
from tenants.datasets.selectors import dataset_names


def job_get(*, organization: OrganizationRef, reference: str) -> JobInfo:
    """Return a job by its public id, with its place in the queue. JobNotFound."""
    require_scope(organization)
    row = FineTuningJob.objects.filter(id=parse_id(JOB_PREFIX, reference)).first()
    if row is None:
        raise JobNotFound
    return job_info(row, queue_places() if row.state == JobState.QUEUED else {})


def job_rows(*, organization: OrganizationRef) -> QuerySet[FineTuningJob]:
    """Return the organization's jobs, for a list. Inside this app only."""
    require_scope(organization)
    return FineTuningJob.objects.all()


def job_info(row: FineTuningJob, places: dict[UUID, QueuePlace] | None = None) -> JobInfo:
    """Return a row as others see it."""
    return JobInfo(
        id=row.id,
        state=JobState(row.state),
        phase=Phase(row.phase),
        pausing=row.control == Control.PAUSE,
        base=row.base,
        task=row.task,
        tier=row.tier,
        preset=row.preset,
        suffix=row.suffix,
        seed=row.seed,
        method=row.method,
        hyperparameters=row.hyperparameters,
        config=row.config,
        metadata=row.metadata,
        training_file=row.training_file,
        validation_file=row.validation_file,
        dataset_version_id=row.dataset_version_id,
        quoted_tokens=row.quoted_tokens,
        trained_tokens=row.trained_tokens,
        max_charge=row.max_charge,
        attempt=row.attempt,
        progress=row.progress,
        metrics=row.metrics,
        warnings=tuple(JobWarning(**told) for told in row.warnings),
        error=row.error,
        fine_tuned_model=row.fine_tuned_model,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        cross_validation=row.cross_validation,
        search=row.search,
        study=row.study,
        continue_from=row.continue_from,
        outcome_contract=row.outcome_contract,
        token_limit=row.token_limit,
        expected_seconds=row.expected_seconds,
        queue=(places or {}).get(row.id),
    )


def job_events(
    *, organization: OrganizationRef, job_id: UUID, after: str | None, limit: int
) -> tuple[list[EventInfo], bool]:
    """Return a page of a job's events, newest first, and whether there are more."""
    require_scope(organization)
    rows = JobEvent.objects.filter(job_id=job_id).order_by("-seq")
    if after:
        seen = JobEvent.objects.filter(job_id=job_id, id=parse_id(EVENT_PREFIX, after)).first()
        if seen is None:
            raise JobNotFound(f"No event has the id '{after[:80]}'.")
        rows = rows.filter(seq__lt=seen.seq)
    found = [event_info(row) for row in rows[: limit + 1]]
    return found[:limit], len(found) > limit


def job_events_since(*, job_id: UUID, seq: int, limit: int) -> list[EventInfo]:
    """Return a job's events with higher numbers, oldest first."""
    rows = JobEvent.objects.filter(job_id=job_id, seq__gt=seq).order_by("seq")
    return [event_info(row) for row in rows[:limit]]


def job_checkpoints(*, organization: OrganizationRef, job_id: UUID) -> QuerySet[StoredFiles]:
    """Return a job's verified checkpoints, for a list. Inside this app only."""
    require_scope(organization)
    return StoredFiles.objects.filter(
        job_id=job_id, kind=StoredKind.CHECKPOINT, state=StoredState.READY
    )


def job_checkpoint_get(
    *, organization: OrganizationRef, job_id: UUID, reference: str
) -> CheckpointInfo:
    """Return one of them by its public id. CheckpointNotFound."""
    rows = job_checkpoints(organization=organization, job_id=job_id)
    row = rows.filter(id=parse_id(CHECKPOINT_PREFIX, reference)).first()
    if row is None:
        raise CheckpointNotFound
    return checkpoint_info(row)


def dataset_is_used(*, organization: OrganizationRef, dataset_id: UUID) -> bool:
    """Say whether an unfinished job learns from the dataset or is judged by it."""
    names = dataset_names(organization=organization, dataset_id=dataset_id)
    read = Q(dataset_version_id__in=names.versions) | Q(validation_version_id__in=names.versions)
    named = Q(training_file__in=names.references) | Q(validation_file__in=names.references)
    return FineTuningJob.objects.filter(
        read | Q(named, dataset_version_id=None),
        organization_id=organization.id,
        state__in=OPEN,
    ).exists()


def event_info(row: JobEvent) -> EventInfo:
    """Return an event row as others see it."""
    names = EventInfo.__dataclass_fields__
    values: dict[str, Any] = {name: getattr(row, name) for name in names}
    return EventInfo(**values)


def checkpoint_info(row: StoredFiles) -> CheckpointInfo:
    """Return a checkpoint's row as others see it."""
    names = CheckpointInfo.__dataclass_fields__
    values: dict[str, Any] = {name: getattr(row, name) for name in names}
    return CheckpointInfo(**values)
