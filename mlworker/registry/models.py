"""Tables of the registry."""

from typing import ClassVar

from django.db import models

from anneal.kernel.models import TenantModel
from mlworker.registry.contracts import ExportFormat, ExportState, Origin

NAME_LENGTH = 200


class ModelVersion(TenantModel):
    """What a fine-tuning job or an import leaves. Immutable: a new training makes a new one."""

    name = models.CharField(max_length=NAME_LENGTH)
    base = models.CharField(max_length=64)
    tier = models.CharField(max_length=16)
    task = models.CharField(max_length=64)
    labels = models.JSONField()
    suffix = models.CharField(max_length=64, blank=True, default="")
    origin = models.CharField(
        max_length=8, default=Origin.JOB, choices=[(o.value, o.value) for o in Origin]
    )
    job_id = models.UUIDField(null=True)
    """None for an import."""
    parent_id = models.UUIDField(null=True)
    """The version that training went on from; it stays as long as this one does."""
    dataset_version_id = models.UUIDField(null=True)
    max_length = models.PositiveIntegerField()
    metrics = models.JSONField(default=dict)
    lineage = models.JSONField(default=dict)
    card = models.TextField(blank=True, default="")
    artifact_key = models.CharField(max_length=400)
    artifact_sha256 = models.CharField(max_length=64)
    artifact_bytes = models.PositiveBigIntegerField()
    report_key = models.CharField(max_length=400, blank=True, default="")
    predictions_key = models.CharField(max_length=400, blank=True, default="")
    evaluation_bytes = models.PositiveBigIntegerField(default=0)
    evaluation_version_id = models.UUIDField(null=True)

    class Meta(TenantModel.Meta):
        """One name, and one version per job: a job that finished twice would fail here."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "name"], name="registry_modelversion_name"
            ),
            models.UniqueConstraint(
                fields=["organization_id", "job_id"], name="registry_modelversion_job"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ModelStage(TenantModel):
    """A word such as ``production`` that stands for one version among those of one suffix."""

    suffix = models.CharField(max_length=64, blank=True, default="")
    name = models.CharField(max_length=32)
    version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, db_constraint=False, related_name="stages"
    )
    moved_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        """One version per stage: moving is one statement, so no reader ever sees two or none."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "suffix", "name"], name="registry_modelstage_once"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["organization_id", "version"], name="registry_stage_version"),
        ]

    def __str__(self) -> str:
        return self.name


class ModelExport(TenantModel):
    """A version in a form to take away: asked for, made by a worker, kept until deleted.

    ``attempt`` is its fence: only the attempt that claimed the row writes to it.
    """

    version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, db_constraint=False, related_name="exports"
    )
    format = models.CharField(max_length=16, choices=[(f.value, f.value) for f in ExportFormat])
    state = models.CharField(max_length=10, choices=[(s.value, s.value) for s in ExportState])
    organization_slug = models.CharField(max_length=32)
    """Kept here so that a worker can name the organization without its table."""
    created_by = models.CharField(max_length=254)
    progress = models.FloatField(default=0.0)
    phase = models.CharField(max_length=24, blank=True, default="")
    attempt = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    rung_at = models.DateTimeField(null=True)
    error = models.JSONField(null=True)
    key = models.CharField(max_length=400, blank=True, default="")
    size = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True, default="")
    manifest = models.JSONField(default=dict)
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        """One of a form per version: asking again finds it."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "version", "format"], name="registry_modelexport_once"
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["created_at"],
                condition=models.Q(state__in=[ExportState.QUEUED.value, ExportState.RUNNING.value]),
                name="registry_export_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.format} {self.state}"
