"""Deployments and their history."""

from typing import ClassVar, Final

from django.db import models

from anneal.kernel.models import TenantModel

NAME_PATTERN: Final = r"^[a-z0-9-]{1,64}$"
MODEL_LENGTH: Final = 200


class Deployment(TenantModel):
    """A stable name that points at one model, or at two while a canary runs."""

    name = models.CharField(max_length=64)
    model = models.CharField(max_length=MODEL_LENGTH)
    canary_model = models.CharField(max_length=MODEL_LENGTH, blank=True, default="")
    canary_percent = models.PositiveSmallIntegerField(default=0)
    shadow_model = models.CharField(max_length=MODEL_LENGTH, blank=True, default="")
    shadow_percent = models.PositiveSmallIntegerField(default=0)
    revision = models.PositiveIntegerField(default=1)
    compared_since = models.PositiveIntegerField(default=1)
    """The revision from which on the same models are compared: pauses do not begin anew."""
    output = models.JSONField(default=dict, blank=True)
    """What is made of the answers; empty for nothing."""
    rules = models.JSONField(default=list, blank=True)
    log = models.JSONField(default=dict, blank=True)
    """What is kept of the answered calls; empty for nothing."""
    log_from = models.UUIDField(null=True, blank=True)
    """Kept predictions with a lesser id were forgotten: shown no more, deleted step by step."""
    updated_at = models.DateTimeField(auto_now=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    outcome_contract_id = models.UUIDField(null=True, blank=True)
    """The contract by which its predictions are paid for what comes of them, not by the call."""
    deleted_at = models.DateTimeField(null=True, blank=True)
    """A deleted deployment keeps its row: usage and history name it."""

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "name"],
                condition=models.Q(deleted_at=None),
                name="serving_deployment_name",
            ),
            models.CheckConstraint(
                condition=models.Q(name__regex=NAME_PATTERN), name="serving_deployment_name_shape"
            ),
            models.CheckConstraint(
                condition=models.Q(canary_percent__gte=0, canary_percent__lte=99),
                name="serving_deployment_percent",
            ),
            models.CheckConstraint(
                condition=models.Q(canary_percent=0, canary_model="")
                | (models.Q(canary_percent__gt=0) & ~models.Q(canary_model="")),
                name="serving_deployment_canary_whole",
            ),
            models.CheckConstraint(
                condition=models.Q(shadow_percent=0, shadow_model="")
                | (models.Q(shadow_percent__range=(1, 100)) & ~models.Q(shadow_model="")),
                name="serving_deployment_shadow_whole",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class RevisionAction(models.TextChoices):
    """What made a revision."""

    CREATED = "created", "Created"
    CANARY = "canary", "Canary"
    SHADOW = "shadow", "Shadow"
    PROMOTED = "promoted", "Promoted"
    ROLLED_BACK = "rolled_back", "Rolled back"
    PAUSED = "paused", "Paused"
    RESUMED = "resumed", "Resumed"


class DeploymentRevision(TenantModel):
    """One entry of a deployment's history. Append-only."""

    deployment = models.ForeignKey(
        Deployment, on_delete=models.PROTECT, db_constraint=False, related_name="+"
    )
    number = models.PositiveIntegerField()
    model = models.CharField(max_length=MODEL_LENGTH)
    canary_model = models.CharField(max_length=MODEL_LENGTH, blank=True, default="")
    canary_percent = models.PositiveSmallIntegerField(default=0)
    shadow_model = models.CharField(max_length=MODEL_LENGTH, blank=True, default="")
    shadow_percent = models.PositiveSmallIntegerField(default=0)
    action = models.CharField(max_length=20, choices=RevisionAction.choices)
    reason = models.CharField(max_length=500, blank=True, default="")
    actor = models.CharField(max_length=254)

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "deployment", "number"], name="serving_revision_number"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.deployment_id} {self.number}"


class Side(models.TextChoices):
    """Whose figures a tally holds."""

    MAIN = "main", "Main"
    CANARY = "canary", "Canary"
    SHADOW = "shadow", "Shadow"


class DeploymentTally(TenantModel):
    """What one side of a comparison has done: sums that gateways add to. No text, no answer."""

    deployment = models.ForeignKey(
        Deployment, on_delete=models.PROTECT, db_constraint=False, related_name="+"
    )
    since = models.PositiveIntegerField()
    """The revision with which the comparison began."""
    side = models.CharField(max_length=10, choices=Side.choices)
    model = models.CharField(max_length=MODEL_LENGTH)
    calls = models.BigIntegerField(default=0)
    items = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    """Calls that the model did not answer, or not in time."""
    skipped = models.BigIntegerField(default=0)
    """Calls that a busy installation did not give to the shadow."""
    inference_ms = models.FloatField(default=0.0)
    latency = models.JSONField(default=dict)
    """Calls by step of their time in the model."""
    compared = models.BigIntegerField(default=0)
    judged = models.BigIntegerField(default=0)
    """Those of the compared that have an answer to agree on; numbers have none."""
    agreed = models.BigIntegerField(default=0)
    difference = models.FloatField(default=0.0)
    difference_absolute = models.FloatField(default=0.0)
    changes = models.JSONField(default=list)
    """Which answer became which, how often: `[before, after, count]`, null for none."""
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "deployment", "since", "side"],
                name="serving_tally_side",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.deployment_id} {self.since} {self.side}"


class StreamPin(TenantModel):
    """What answers a streamed call that came with an Idempotency-Key, while its parts are kept."""

    digest = models.CharField(max_length=64)
    """Of the call's path, key and body."""
    model = models.CharField(max_length=MODEL_LENGTH)
    output = models.JSONField(default=dict)
    rules = models.JSONField(default=list)
    """Of the deployment, as it was when the stream began."""
    expires_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "digest"], name="serving_streampin_digest"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["expires_at"], name="serving_streampin_end")]

    def __str__(self) -> str:
        return self.model
