"""What a worker writes about its job. Every function opens its own scope, locks the job's row by
the claim's fence and raises LeaseLost when the claim is no longer good: then nothing is written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from anneal.kernel.ids import public_id, uuid7
from anneal.kernel.scopes import tenant_scope
from anneal.kernel.storage import StoredObject, tenant_key
from mlworker.engine.contracts import EngineError, ErrorCode
from mlworker.jobs.admission import work_is_payable
from mlworker.jobs.bargains import bargain_judge, bargain_rows
from mlworker.jobs.charging import job_charge, segment_charge
from mlworker.jobs.continuing import Parent, parent_find
from mlworker.jobs.contracts import Claim, Fault, StudyPlan
from mlworker.jobs.errors import ContinueFromNotFound, LeaseLost
from mlworker.jobs.keeping import checkpoint_verified, checkpoints_of, checkpoints_retire
from mlworker.jobs.leaving import model_leave
from mlworker.jobs.limits import LEASE_SECONDS
from mlworker.jobs.models import FineTuningJob, StoredFiles
from mlworker.jobs.rows import (
    DatabaseClock,
    event_add,
    event_new,
    events_add,
    job_move,
    job_of_worker,
    job_warn,
    owner_of,
)
from mlworker.jobs.settling import attempt_ended, job_give_back
from mlworker.jobs.states import (
    Control,
    EventKind,
    JobState,
    Phase,
    StoredKind,
    StoredState,
)
from mlworker.jobs.studying import fixed_names, study_planned
from mlworker.jobs.warnings import TRAINER_WARNINGS
from mlworker.registry.contracts import Lineage, ModelVersionInfo
from tenants.datasets.contracts import DatasetVersionInfo
from tenants.datasets.selectors import dataset_version_get

_DEVICE: Final = 64


@dataclass(frozen=True, slots=True)
class Work:
    """What a claim asks for."""

    claim: Claim
    base: str
    task: str
    tier: str
    suffix: str
    seed: int
    config: Mapping[str, Any]
    study: StudyPlan
    fixed: tuple[str, ...]
    """Hyper-parameters that a search leaves alone."""
    quoted_tokens: int
    progress: Mapping[str, Any]
    """Where the last attempt's checkpoint left it."""
    version: DatasetVersionInfo
    validation_version: DatasetVersionInfo | None
    parent: Parent | None = None
    """What it begins with, if not with the bare base."""
    token_limit: int | None = None
    sealed: DatasetVersionInfo | None = None
    """Whose test rows judge the model, in place of the version's own."""


@dataclass(slots=True)
class News:
    """What happened since the last report: written together, in one transaction."""

    phase: Phase | None = None
    progress: dict[str, Any] | None = None
    study: dict[str, Any] | None = None
    events: list[tuple[EventKind, str, str, str, dict[str, Any]]] = field(default_factory=list)
    """Kind, level, code, message, data."""

    def add(
        self,
        kind: EventKind,
        message: str,
        *,
        code: str = "",
        level: str = "info",
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Remember an event."""
        self.events.append((kind, level, code, message, dict(data or {})))

    def merge(self, later: "News") -> None:
        """Take over what happened after this."""
        self.phase = later.phase or self.phase
        self.progress = later.progress or self.progress
        self.study = later.study or self.study
        self.events += later.events

    @property
    def empty(self) -> bool:
        """Whether there is nothing to tell."""
        told = (self.phase, self.progress, self.study)
        return all(part is None for part in told) and not self.events


def work_load(claim: Claim) -> Work:
    """Return what to do, and make sure that its price stays held.

    LeaseLost also where the job was paused because something forbids to hold its price again.
    """
    with tenant_scope(claim.organization):
        row = job_of_worker(claim)
        if work_is_payable(row):
            row.save()
            return _work(claim, row)
    # Said only now that the pause is written: it takes the job from this worker.
    raise LeaseLost(claim.public_id)


def _work(claim: Claim, row: FineTuningJob) -> Work:
    organization, extra = claim.organization, row.validation_version_id
    if row.dataset_version_id is None:
        raise AssertionError("A queued job has its dataset version.")
    version = dataset_version_get(organization=organization, version_id=row.dataset_version_id)
    return Work(
        claim=claim,
        base=row.base,
        task=row.task,
        tier=row.tier,
        suffix=row.suffix,
        seed=row.seed,
        config=row.config,
        study=study_planned(row),
        fixed=fixed_names(row.hyperparameters),
        quoted_tokens=row.quoted_tokens or 0,
        progress=row.progress,
        version=version,
        validation_version=(
            dataset_version_get(organization=organization, version_id=extra) if extra else None
        ),
        parent=_parent(row),
        token_limit=row.token_limit,
        sealed=bargain_rows(row),
    )


def _parent(row: FineTuningJob) -> Parent | None:
    if not row.continue_from:
        return None
    try:
        return parent_find(organization=owner_of(row), reference=row.continue_from)
    except ContinueFromNotFound as error:
        # A checkpoint whose bytes proved damaged: another attempt would find it no better.
        raise EngineError(ErrorCode.INVALID_CONFIG, error.text) from error


def lease_renew(claim: Claim) -> None:
    """Keep the job for another lease."""
    with tenant_scope(claim.organization):
        renewed = FineTuningJob.objects.filter(
            id=claim.job_id, fence=claim.fence, state=JobState.RUNNING
        ).update(lease_until=DatabaseClock() + timedelta(seconds=LEASE_SECONDS))
    if not renewed:
        raise LeaseLost(claim.public_id)


def _alive(row: FineTuningJob) -> None:
    """Save a worker's locked row, last of a unit, with a whole lease.

    A unit that waits for a table keeps the row from `lease_renew`: without this the row would come
    free with a lease that ran out, and its job would be taken from a worker that lives.
    """
    row.lease_until = DatabaseClock() + timedelta(seconds=LEASE_SECONDS)
    row.save()


def news_write(claim: Claim, news: News) -> Control:
    """Write what happened; return what a person has asked for meanwhile."""
    with tenant_scope(claim.organization):
        row = job_of_worker(claim)
        if news.empty:
            return Control(row.control)
        if news.phase is not None:
            row.phase = news.phase
        if news.progress is not None:
            row.progress = news.progress
        if news.study is not None:
            row.study = news.study
        events_add(
            row,
            [
                event_new(row, kind=kind, level=level, code=code, message=message, data=data)
                for kind, level, code, message, data in news.events
            ],
        )
        for _, _, code, _, _ in news.events:
            if code in TRAINER_WARNINGS:
                job_warn(row, TRAINER_WARNINGS[code])
        _alive(row)
        return Control(row.control)


def stored_begin(
    claim: Claim,
    kind: StoredKind,
    *,
    step: int = 0,
    epoch: float = 0.0,
    ending: str = "tar",
    state: JobState = JobState.RUNNING,
) -> tuple[UUID, str]:
    """Write down that bytes are coming; return the row's id and the key to store them under."""
    with tenant_scope(claim.organization):
        row = job_of_worker(claim, state)
        stored_id = uuid7()
        name = f"{kind}-{step:08d}-{public_id('', stored_id)}.{ending}"
        key = tenant_key(claim.organization, "jobs", claim.public_id, name)
        StoredFiles(
            id=stored_id,
            job=row,
            kind=kind,
            state=StoredState.WRITING,
            fence=claim.fence,
            step=step,
            epoch=epoch,
            key=key,
        ).save(force_insert=True)
        if state is JobState.RUNNING:
            _alive(row)
        return stored_id, key


def checkpoint_ready(
    claim: Claim,
    stored_id: UUID,
    stored: StoredObject,
    *,
    manifest_sha256: str,
    metrics: Mapping[str, Any],
) -> None:
    """Declare a checkpoint's bytes verified: from here on it is what a restart continues from.

    What it keeps is charged with it, or neither happens.
    """
    with tenant_scope(claim.organization):
        row = job_of_worker(claim)
        step, epoch = checkpoint_verified(row, stored_id, stored, manifest_sha256, metrics)
        row.stalled_attempts = 0
        tokens = int(metrics.get("trained_tokens") or 0)
        # The last report may be a few steps older: a cancel now must find what is charged.
        row.progress = {**row.progress, "step": step, "epoch": epoch, "trained_tokens": tokens}
        row.tokens_per_second = metrics.get("tokens_per_second") or row.tokens_per_second
        row.device = str(row.progress.get("device") or row.device)[:_DEVICE]
        segment_charge(row, step=step, tokens=tokens)
        checkpoints_retire(row)
        _alive(row)


def checkpoints_newest_first(claim: Claim) -> list[StoredFiles]:
    """Return the verified checkpoints of the claim's job. Rows: inside this app only."""
    with tenant_scope(claim.organization):
        job_of_worker(claim)
        return list(checkpoints_of(claim.job_id))


def stored_discard(claim: Claim, stored_id: UUID) -> None:
    """Give up an object: the reaper deletes its bytes, then its row."""
    with tenant_scope(claim.organization):
        job_of_worker(claim)
        StoredFiles.objects.filter(id=stored_id).update(state=StoredState.DELETING)


def work_give_back(claim: Claim, *, drained: bool) -> None:
    """End the attempt without fault: back to the queue, or to ``paused`` if that was asked."""
    with tenant_scope(claim.organization):
        row = job_of_worker(claim)
        if drained:
            row.stalled_attempts = 0
        job_give_back(row)


def work_failed(claim: Claim, fault: Fault) -> None:
    """End the attempt by fault; the rules of stalled attempts decide what becomes of the job."""
    with tenant_scope(claim.organization):
        attempt_ended(job_of_worker(claim), fault)


@dataclass(frozen=True, slots=True)
class StoredReport:
    """An evaluation report in storage, and the answers behind it."""

    stored_ids: tuple[UUID, UUID]
    report: StoredObject
    predictions: StoredObject
    version_id: UUID
    """The dataset version whose rows were answered."""
    verdict: Mapping[str, Any] = field(default_factory=dict)
    """What a success fee goes by; empty where the report does not say."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a finished training hands over."""

    stored_id: UUID
    stored: StoredObject
    labels: tuple[str, ...]
    max_length: int
    metrics: Mapping[str, Any]
    lineage: Lineage
    trained_tokens: int
    seconds: float
    early_stopped: bool
    progress: Mapping[str, Any]
    evaluation: StoredReport | None = None
    overhead_seconds: float | None = None
    """What the attempt took beside the training; None when it was not the whole of it."""


def work_succeeded(work: Work, outcome: Outcome) -> ModelVersionInfo:
    """End the job: state, model version, charge and story together or not at all."""
    claim = work.claim
    with tenant_scope(claim.organization):
        row = job_of_worker(claim)
        job_move(row, JobState.SUCCEEDED, Phase.DONE)
        job_charge(row, outcome.trained_tokens)
        version = model_leave(row, work, outcome)
        row.fine_tuned_model = version.name
        row.metrics = dict(outcome.metrics)
        row.config = dict(outcome.lineage.config)  # a search and the device had a say in it
        # Folds and trials on cached features take time and train no tokens: no measure of speed.
        studied = row.tier == "head" and (row.search or row.cross_validation)
        row.seconds = None if studied else outcome.seconds
        row.progress = dict(outcome.progress)
        row.device = str(row.progress.get("device") or row.device)[:_DEVICE]
        if outcome.trained_tokens and outcome.seconds > 0 and not studied:
            row.tokens_per_second = outcome.trained_tokens / outcome.seconds
        row.overhead_seconds = outcome.overhead_seconds
        event_add(row, f"New fine-tuned model created: {version.name}", code="model.created")
        bargain_judge(row, outcome.evaluation)
        event_add(row, "The job has successfully completed.", code="job.succeeded")
        row.save()
        checkpoints_retire(row)
        return version
