"""What of the usage is told to Stripe's meters, and since when."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from anneal.kernel.models import GlobalModel, TenantModel
from billing.payments.contracts import ExportState


class MeterExportSpan(GlobalModel):
    """The hours of a meter that are told; one is open while the setting names the meter.

    Hours before ``frozen_until`` are rows of `MeterExport`, with all that was counted in them until
    ``looked_at``.
    """

    meter = models.CharField(max_length=50)
    starts_at = models.DateTimeField()
    frozen_until = models.DateTimeField()
    looked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        """One open per meter."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["meter"],
                condition=Q(ended_at__isnull=True),
                name="payments_meterexportspan_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.meter} {self.starts_at}"


class MeterExport(TenantModel):
    """Units of one hour that Stripe is told once, under an identifier of their own.

    Postgres lets nobody change what is told: usage that comes late into the hour is another
    revision, with the difference.
    """

    meter = models.CharField(max_length=50)
    event_name = models.CharField(max_length=100)
    hour = models.DateTimeField()
    revision = models.PositiveIntegerField()
    units = models.DecimalField(max_digits=38, decimal_places=12)
    identifier = models.CharField(max_length=100)
    state = models.CharField(
        max_length=10,
        choices=[(one.value, one.value) for one in ExportState],
        default=ExportState.WAITING.value,
    )
    tries = models.PositiveIntegerField(default=0)
    asked_at = models.DateTimeField(null=True)
    """When Stripe was first told: a day later it no longer knows the identifier."""
    next_try_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=500, blank=True)

    class Meta(TenantModel.Meta):
        """Each revision once; the waiting ones of a meter in their order."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "meter", "hour", "revision"],
                name="payments_meterexport_revision",
            ),
            models.UniqueConstraint(
                fields=["organization_id", "identifier"], name="payments_meterexport_identifier"
            ),
            models.CheckConstraint(condition=Q(units__gt=0), name="payments_meterexport_units"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["organization_id", "meter", "id"],
                condition=Q(state="waiting"),
                name="payments_meterexport_waiting",
            )
        ]

    def __str__(self) -> str:
        return f"{self.units} {self.event_name} {self.hour}"
