"""Usage events: append-only, unique for ever."""

from typing import ClassVar

from django.db import models

from anneal.kernel.models import TenantModel


class UsageEvent(TenantModel):
    """One count of one meter. A prediction's id is its event's id.

    Only ``hold_settle`` inserts here. The key is a UUIDv7, which begins with the moment of
    recording: the table can be split by month on ``id`` and keep this primary key.
    """

    created_at = None  # type: ignore[assignment] # recorded_at says it; a wide table holds no more
    source = models.CharField(max_length=50)
    event_id = models.CharField(max_length=200)
    payload_hash = models.BinaryField(max_length=32)
    meter = models.CharField(max_length=50)
    units = models.DecimalField(max_digits=38, decimal_places=12)
    model = models.CharField(max_length=200, blank=True)
    deployment_id = models.UUIDField(null=True)
    api_key_id = models.UUIDField(null=True)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    hold_id = models.UUIDField(null=True)
    dims = models.JSONField(default=dict)

    class Meta(TenantModel.Meta):
        """The same event of the same source counts once, whenever it comes."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "source", "event_id"], name="metering_usageevent_once"
            ),
            models.CheckConstraint(
                condition=models.Q(units__gt=0), name="metering_usageevent_positive"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["organization_id", "occurred_at"], name="metering_usageevent_time")
        ]

    def __str__(self) -> str:
        return f"{self.units} {self.meter}"
