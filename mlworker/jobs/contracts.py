"""What crosses the border of the jobs: requests in, jobs, events and checkpoints out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from anneal.kernel.events import Event
from anneal.kernel.ids import public_id
from anneal.kernel.scopes import OrganizationRef
from mlworker.jobs.states import JobState, Phase

JOB_PREFIX: Final = "ftjob-"
EVENT_PREFIX: Final = "ftevent-"
CHECKPOINT_PREFIX: Final = "ftckpt-"

METER: Final = "trained_token"
SOURCE: Final = "fine_tuning"
"""Source of the usage events of jobs."""


@dataclass(frozen=True, slots=True)
class JobWarning:
    """What went otherwise than one would expect; the job goes on or ends well all the same."""

    code: str
    message: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StudyRequest:
    """Cross-validation and search, as asked for; 0 = none."""

    folds: int = 0
    trials: int = 0
    max_charge: Decimal | None = None
    """Largest price of the search alone."""


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """Cross-validation and search, as they will be done."""

    folds: int = 0
    trials: int = 0
    full_runs: int = 0
    trained_tokens: int = 0
    """Beside those of the model."""


@dataclass(frozen=True, slots=True)
class JobRequest:
    """The body of a create or estimate call, checked."""

    model: str
    training_file: str
    """A ``file-``, ``ds_`` or ``dsv_`` id."""
    validation_file: str = ""
    suffix: str = ""
    seed: int | None = None
    tier: str = "auto"
    preset: str = ""
    method: str = "supervised"
    hyperparameters: Mapping[str, object] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    max_charge: Decimal | None = None
    study: StudyRequest = field(default_factory=StudyRequest)
    continue_from: str = ""
    """Own model version or checkpoint whose weights it begins with."""
    outcome_contract: str = ""
    """The ``oc_`` id of a success fee's contract."""


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """Where a queued job stands among those of all organizations."""

    place: int
    """1 = next."""
    seconds: float
    """How long until it starts, about."""


@dataclass(frozen=True, slots=True)
class SuccessFee:
    """What a job's outcome contract asks for if the model wins.

    ``held``: it is set aside when the job is submitted. Else it comes with the next invoice.
    """

    contract: str
    amount: Decimal
    currency: str
    held: bool


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a job would cost and how long it would take."""

    trained_tokens: int
    price: Decimal
    currency: str
    seconds_p50: float
    seconds_p90: float
    allowed: bool
    reason: str | None
    exact: bool
    """False when the rows were too many to count at once and a sample was counted."""
    measured_jobs: int
    """Jobs of this installation whose speed the seconds go by; 0 = none yet, a built-in figure."""
    device: str
    """What those jobs ran on."""
    stops_at_tokens: int | None
    """Where ``max_charge`` would end the training; None when it is enough for all of it."""
    warnings: tuple[JobWarning, ...] = ()
    success_fee: SuccessFee | None = None
    """Beside the price, and only if the model wins."""


@dataclass(frozen=True, slots=True)
class JobInfo:
    """A job as the API and other apps see it."""

    id: UUID
    state: JobState
    phase: Phase
    pausing: bool
    base: str
    task: str
    tier: str
    preset: str
    suffix: str
    seed: int
    method: str
    hyperparameters: Mapping[str, Any]
    config: Mapping[str, Any]
    metadata: Mapping[str, str]
    training_file: str
    validation_file: str
    dataset_version_id: UUID | None
    quoted_tokens: int | None
    trained_tokens: int | None
    max_charge: Decimal | None
    attempt: int
    progress: Mapping[str, Any]
    metrics: Mapping[str, Any]
    warnings: tuple[JobWarning, ...]
    error: Mapping[str, Any] | None
    fine_tuned_model: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    continue_from: str
    token_limit: int | None
    expected_seconds: float | None
    outcome_contract: str = ""
    queue: QueuePlace | None = None
    cross_validation: Mapping[str, Any] | None = None
    search: Mapping[str, Any] | None = None
    study: Mapping[str, Any] = field(default_factory=dict)

    @property
    def public_id(self) -> str:
        """The id callers see."""
        return public_id(JOB_PREFIX, self.id)


@dataclass(frozen=True, slots=True)
class EventInfo:
    """One line of a job's story; ``seq`` is its number in the stream."""

    id: UUID
    seq: int
    kind: str
    level: str
    code: str
    message: str
    data: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class CheckpointInfo:
    """A verified checkpoint in storage."""

    id: UUID
    job_id: UUID
    step: int
    epoch: float
    metrics: Mapping[str, Any]
    size: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's right to a job: every write it makes carries the fence."""

    job_id: UUID
    organization: OrganizationRef
    fence: int
    attempt: int

    @property
    def public_id(self) -> str:
        """The job's public id, for logs."""
        return public_id(JOB_PREFIX, self.job_id)


@dataclass(frozen=True, slots=True)
class Fault:
    """How an attempt ended badly. ``param`` carries the signal's name of a crash."""

    code: str
    message: str
    param: str | None = None


@dataclass(frozen=True, slots=True)
class JobEnded(Event):
    """A job reached one of its last states."""

    organization: OrganizationRef
    job_id: UUID
    state: JobState
