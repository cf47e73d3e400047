"""Tables of the fine-tuning jobs.

The job's row is the lock of all that belongs to it: every writer updates it first (a worker with
its fence), so events get their numbers in commit order and a stream by number misses none.
"""

from typing import ClassVar

from django.db import models

from anneal.kernel.models import TenantModel
from mlworker.jobs.states import (
    OPEN,
    TERMINAL,
    Control,
    EventKind,
    JobState,
    Phase,
    StoredKind,
    StoredState,
)


class FineTuningJob(TenantModel):
    """One job. ``fence`` and ``lease_until`` say who may write as its worker, and how long."""

    organization_slug = models.CharField(max_length=32)
    """Immutable, kept here so that a worker can name the organization without its table."""
    state = models.CharField(max_length=20, choices=[(s.value, s.value) for s in JobState])
    phase = models.CharField(max_length=24, choices=[(p.value, p.value) for p in Phase])
    control = models.CharField(
        max_length=8,
        blank=True,
        default=Control.NONE,
        choices=[(c.value, c.value) for c in Control],
    )
    created_by = models.CharField(max_length=254)
    api_key_id = models.UUIDField(null=True)
    member_id = models.UUIDField(null=True)
    """Who asked for it: their budgets count it."""

    base = models.CharField(max_length=64)
    task = models.CharField(max_length=64, blank=True, default="")
    tier = models.CharField(max_length=16)
    preset = models.CharField(max_length=16, blank=True, default="")
    suffix = models.CharField(max_length=64, blank=True, default="")
    seed = models.PositiveBigIntegerField()
    method = models.CharField(max_length=32, default="supervised")
    hyperparameters = models.JSONField(default=dict)
    config = models.JSONField(default=dict)
    metadata = models.JSONField(default=dict)
    cross_validation = models.JSONField(null=True)
    """What was asked for: ``{"folds": 5}``."""
    search = models.JSONField(null=True)
    """What was asked for, ``{"trials": 20, "max_charge": "1.5"}``, and the ``full_runs`` held."""
    study = models.JSONField(default=dict)
    """What cross-validation and search have found so far."""
    training_file = models.CharField(max_length=64)
    validation_file = models.CharField(max_length=64, blank=True, default="")
    dataset_id = models.UUIDField(null=True)
    dataset_version_id = models.UUIDField(null=True)
    validation_version_id = models.UUIDField(null=True)

    hold_id = models.UUIDField(null=True)
    earlier_holds = models.JSONField(default=list)
    """Holds that ran out before it: what segments charged to them is charged."""
    quoted_tokens = models.PositiveBigIntegerField(null=True)
    max_charge = models.DecimalField(max_digits=20, decimal_places=6, null=True)
    """Largest price accepted, in the currency of the estimate."""
    token_limit = models.PositiveBigIntegerField(null=True)
    """Where ``max_charge`` ends the training, if that is before its end."""
    trained_tokens = models.PositiveBigIntegerField(null=True)
    continue_from = models.CharField(max_length=200, blank=True, default="")
    """The own model version or checkpoint whose weights it begins with."""
    outcome_contract = models.CharField(max_length=40, blank=True, default="")
    """The contract whose sealed rows judge the model, and whose fee it may come to owe."""

    attempt = models.PositiveIntegerField(default=0)
    stalled_attempts = models.PositiveIntegerField(default=0)
    fence = models.BigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=200, blank=True, default="")
    event_count = models.PositiveBigIntegerField(default=0)

    progress = models.JSONField(default=dict)
    metrics = models.JSONField(default=dict)
    seconds = models.FloatField(null=True)
    """Training time of all attempts."""
    device = models.CharField(max_length=64, blank=True, default="")
    """What it trains on: ``cpu`` or an accelerator's name."""
    tokens_per_second = models.FloatField(null=True)
    """Speed up to its last checkpoint or end: the speed of this installation."""
    overhead_seconds = models.FloatField(null=True)
    """What a whole attempt took beside its training: start, evaluation, storing."""
    expected_seconds = models.FloatField(null=True)
    """How long it was expected to take when it was admitted."""
    warnings = models.JSONField(default=list)
    error = models.JSONField(null=True)
    fine_tuned_model = models.CharField(max_length=200, blank=True, default="")
    rung_at = models.DateTimeField(null=True)
    """When the validation was last asked for."""
    queued_at = models.DateTimeField(null=True)
    claimed_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        """Indexes of the claim, the reaper and the lists; a finished job is a terminal one."""

        indexes: ClassVar = [
            models.Index(
                fields=["organization_id", "queued_at", "id"],
                condition=models.Q(state=JobState.QUEUED.value),
                name="jobs_job_queued",
            ),
            models.Index(
                fields=["lease_until"],
                condition=models.Q(state__in=[JobState.RUNNING.value, JobState.VALIDATING.value]),
                name="jobs_job_leased",
            ),
            models.Index(fields=["organization_id", "-claimed_at"], name="jobs_job_service"),
            models.Index(fields=["organization_id", "-id"], name="jobs_job_newest"),
            models.Index(
                fields=["base", "tier", "-claimed_at"],
                condition=models.Q(tokens_per_second__gt=0),
                name="jobs_job_speed",
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(state__in=sorted(TERMINAL), finished_at__isnull=False)
                | models.Q(state__in=sorted(OPEN), finished_at__isnull=True),
                name="jobs_job_finished_is_terminal",
            ),
            models.CheckConstraint(
                condition=~models.Q(state=JobState.RUNNING.value)
                | models.Q(lease_until__isnull=False),
                name="jobs_job_running_is_leased",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=[s.value for s in JobState]), name="jobs_job_state"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.id}"


class JobEvent(TenantModel):
    """One line of a job's story. ``seq`` counts from 1 in the order of the commits."""

    job = models.ForeignKey(
        FineTuningJob, on_delete=models.PROTECT, db_constraint=False, related_name="+"
    )
    seq = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=8, choices=[(k.value, k.value) for k in EventKind])
    level = models.CharField(max_length=8, default="info")
    code = models.CharField(max_length=64, blank=True, default="")
    message = models.TextField()
    data = models.JSONField(default=dict)

    class Meta(TenantModel.Meta):
        """A number is given once."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "job", "seq"], name="jobs_jobevent_seq"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.message}"


class StoredFiles(TenantModel):
    """One object in storage that a job wrote: a checkpoint, or its model for the registry.

    The row is written before the bytes, so that no byte can be forgotten, and only ``ready`` rows
    (bytes verified) are ever resumed from.
    """

    job = models.ForeignKey(
        FineTuningJob, on_delete=models.PROTECT, db_constraint=False, related_name="+"
    )
    kind = models.CharField(max_length=12, choices=[(k.value, k.value) for k in StoredKind])
    state = models.CharField(max_length=10, choices=[(s.value, s.value) for s in StoredState])
    fence = models.BigIntegerField()
    step = models.PositiveBigIntegerField(default=0)
    epoch = models.FloatField(default=0.0)
    metrics = models.JSONField(default=dict)
    key = models.CharField(max_length=400)
    sha256 = models.CharField(max_length=64, blank=True, default="")
    size = models.PositiveBigIntegerField(default=0)
    manifest_sha256 = models.CharField(max_length=64, blank=True, default="")

    class Meta(TenantModel.Meta):
        """Newest first within a job; the reaper reads the ones that are not ready."""

        indexes: ClassVar = [
            models.Index(fields=["organization_id", "job", "-id"], name="jobs_stored_newest"),
            models.Index(
                fields=["created_at"],
                condition=~models.Q(state=StoredState.READY.value),
                name="jobs_stored_pending",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.step}"


class TokenCount(TenantModel):
    """How long a version's training rows are, in a base's tokens: counted once, quoted often."""

    dataset_version_id = models.UUIDField()
    base = models.CharField(max_length=64)
    base_key = models.CharField(max_length=64, default="")
    """Which base of that name counted: another may be added under it."""
    lengths = models.JSONField()
    """Rows by token count: ``{"12": 340, ...}``; the longest bucket holds all that is longer."""

    class Meta(TenantModel.Meta):
        """Once per version and base."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "dataset_version_id", "base"],
                name="jobs_tokencount_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dataset_version_id} {self.base}"
