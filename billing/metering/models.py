"""Usage events: append-only, unique for ever. And what is summed of them, which is a cache."""

from datetime import UTC, datetime
from typing import ClassVar, Final

from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from anneal.kernel.models import GlobalModel, SystemModel, TenantModel

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class UsageEvent(TenantModel):
    """One count of one meter. A prediction's id is its event's id.

    ``usage_record`` alone inserts here. Partitioned by month on ``id``, a UUIDv7, which begins with
    the moment of recording. ``counts_at`` is the moment in whose billing period it counts: an event
    that came after its period was closed counts when it came.
    """

    created_at = None  # type: ignore[assignment] # recorded_at says it; a wide table holds no more
    source = models.CharField(max_length=50)
    event_id = models.CharField(max_length=200)
    meter = models.CharField(max_length=50)
    units = models.DecimalField(max_digits=38, decimal_places=12)
    model = models.CharField(max_length=200, blank=True)
    deployment_id = models.UUIDField(null=True)
    api_key_id = models.UUIDField(null=True)
    occurred_at = models.DateTimeField()
    counts_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    hold_id = models.UUIDField(null=True)
    dims = models.JSONField(default=dict)

    class Meta(TenantModel.Meta):
        """An event of nothing is a mistake. What makes it unique is its key, a table of its own."""

        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(units__gt=0), name="metering_usageevent_units"
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["organization_id", "occurred_at"], name="metering_usageevent_when"
            ),
            BrinIndex(fields=["occurred_at"], name="metering_usageevent_hours", pages_per_range=32),
        ]

    def __str__(self) -> str:
        return f"{self.units} {self.meter}"


class UsageEventKey(TenantModel):
    """That an event has been counted: kept for ever, whatever becomes of its month.

    Partitioned by hash of the three columns that are its primary key in Postgres; ``id`` is the
    event's. The hash of the payload tells a retry from another event under the same name.
    """

    created_at = None  # type: ignore[assignment] # as long as the event's, and wider rows cost
    source = models.CharField(max_length=50)
    event_id = models.CharField(max_length=200)
    payload_hash = models.BinaryField(max_length=32)

    def __str__(self) -> str:
        return f"{self.source} {self.event_id}"


class UsageRollup(TenantModel):
    """The sum of one hour's events that agree in all but their moment. A cache: made anew at will.

    ``price_dims`` are the dims a price may depend on; ``counts_hour`` is the hour of ``counts_at``.
    """

    created_at = None  # type: ignore[assignment] # when it was summed means nothing
    hour = models.DateTimeField()
    counts_hour = models.DateTimeField()
    meter = models.CharField(max_length=50)
    model = models.CharField(max_length=200, blank=True)
    api_key_id = models.UUIDField(null=True)
    deployment_id = models.UUIDField(null=True)
    price_dims = models.JSONField(default=dict)
    units = models.DecimalField(max_digits=38, decimal_places=12)
    events = models.BigIntegerField()

    class Meta(TenantModel.Meta):
        """Nothing is summed twice."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=[
                    "organization_id",
                    "hour",
                    "counts_hour",
                    "meter",
                    "model",
                    "api_key_id",
                    "deployment_id",
                    "price_dims",
                ],
                nulls_distinct=False,
                # An organization's sums lie side by side here, and all over the table.
                include=["units", "events"],
                name="metering_usagerollup_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.hour} {self.units} {self.meter}"


class UsageLateHour(TenantModel):
    """That something came into an hour which was summed already: its events rule till it is anew.

    Not unique: two who come late into the same hour must not wait for each other.
    """

    created_at = None  # type: ignore[assignment] # it lives for minutes
    hour = models.DateTimeField()

    class Meta(TenantModel.Meta):
        """Looked up by hour, and by organization through the tenant key."""

        indexes: ClassVar = [
            models.Index(fields=["organization_id", "hour"], name="metering_usagelatehour_hour")
        ]

    def __str__(self) -> str:
        return str(self.hour)


class RollupMark(GlobalModel):
    """One row: the hours before ``sealed_until`` are summed."""

    sealed_until = models.DateTimeField(default=EPOCH)

    def __str__(self) -> str:
        return str(self.sealed_until)


class ReconcileRun(SystemModel):
    """One comparison of everything that should tell the same number."""

    finished_at = models.DateTimeField()
    organization_id = models.UUIDField(null=True, blank=True, editable=False)
    read_at = models.DateTimeField(null=True, blank=True)
    """By the database's clock; a run of one organization has none."""
    organizations = models.PositiveIntegerField(null=True, blank=True)
    """How many were compared, those in whose books something had happened; null for all."""
    drifts = models.PositiveIntegerField()
    parked = models.PositiveIntegerField()
    details = models.JSONField(default=list)
    digest = models.CharField(max_length=64, default="", editable=False)
    """Of all that differed, not only of what ``details`` keeps; empty when nothing did."""
    alerted_at = models.DateTimeField(null=True, blank=True)
    """When the operators had a mail of it."""

    class Meta(SystemModel.Meta):
        """Newest first."""

        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.drifts}"
