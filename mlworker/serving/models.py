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
    revision = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField(auto_now=True)
    paused_at = models.DateTimeField(null=True, blank=True)
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
        ]

    def __str__(self) -> str:
        return self.name


class RevisionAction(models.TextChoices):
    """What made a revision."""

    CREATED = "created", "Created"
    CANARY = "canary", "Canary"
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
