"""Tables of the registry."""

from typing import ClassVar

from django.db import models

from anneal.kernel.models import TenantModel

NAME_LENGTH = 200


class ModelVersion(TenantModel):
    """What a fine-tuning job leaves. Immutable: a new training makes a new version."""

    name = models.CharField(max_length=NAME_LENGTH)
    base = models.CharField(max_length=64)
    tier = models.CharField(max_length=16)
    task = models.CharField(max_length=64)
    labels = models.JSONField()
    suffix = models.CharField(max_length=64, blank=True, default="")
    job_id = models.UUIDField()
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
