"""Judgements of predictions."""

from typing import ClassVar, Final

from django.db import models

from anneal.kernel.models import TenantModel

MAX_LABEL: Final = 200
MAX_COMMENT: Final = 2_000
RATINGS: Final = (1, 5)


class Feedback(TenantModel):
    """What was said of one prediction; saying it again replaces it. No text of the prediction."""

    prediction_id = models.UUIDField()
    model = models.CharField(max_length=200, blank=True, default="")
    label = models.CharField(max_length=MAX_LABEL, null=True, blank=True)  # noqa: DJ001 # none given differs from an empty label
    answer = models.JSONField(null=True, blank=True)
    """{"labels": [...]}, {"entities": [...]} or {"value": 1.5}, where no single label is right."""
    rating = models.SmallIntegerField(null=True, blank=True)
    comment = models.CharField(max_length=MAX_COMMENT, blank=True, default="")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "prediction_id"], name="feedback_one_per_prediction"
            ),
            models.CheckConstraint(
                condition=models.Q(rating=None) | models.Q(rating__range=RATINGS),
                name="feedback_rating_range",
            ),
        ]

    def __str__(self) -> str:
        return str(self.prediction_id)
