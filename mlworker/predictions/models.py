"""Kept predictions, and what each day's calls left."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from anneal.kernel.models import TenantModel
from mlworker.serving.models import MODEL_LENGTH, Deployment


class Prediction(TenantModel):
    """One answered text that was kept. Its id is that of its usage event."""

    deployment = models.ForeignKey(
        Deployment, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    model = models.CharField(max_length=MODEL_LENGTH)
    """The version that answered."""
    text = models.TextField(null=True)  # noqa: DJ001 # not kept differs from empty
    text_cut = models.BooleanField(default=False)
    hidden = models.PositiveIntegerField(default=0)
    answer = models.JSONField(default=dict)
    labels = ArrayField(models.TextField(), default=list)
    """What the answer names, to be filtered by."""
    score = models.FloatField(null=True)
    """How sure the answer is; none where the task gives no score."""

    class Meta(TenantModel.Meta):
        indexes: ClassVar = [
            # Lists and the end of the retention go by this: an id's first bits are its time.
            models.Index(
                fields=["organization_id", "deployment", "-id"], name="predictions_newest"
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class LogDay(TenantModel):
    """What the calls of a day left in a deployment's log."""

    deployment = models.ForeignKey(
        Deployment, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    day = models.DateField()
    answered = models.BigIntegerField(default=0)
    kept = models.BigIntegerField(default=0)
    dropped = models.BigIntegerField(default=0)

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "deployment", "day"], name="predictions_log_day"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.deployment_id} {self.day}"
