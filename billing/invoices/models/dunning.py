"""When invoices are made, and what follows when one is not paid."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from anneal.kernel.models import TenantModel
from billing.invoices.models.invoices import Invoice


class InvoiceSchedule(TenantModel):
    """When an organization's next invoice is made; there once something may have to be paid.

    Usage booked before ``closed_until`` has been asked for. What was booked before ``begins_at``,
    when nothing made invoices of it, never is. ``usage_rest`` is what of the usage
    booked before ``usage_from`` is still to be asked for, by price; below zero where more was asked
    for, of what was booked since. ``[[price id, meter, currency, amount, units], ...]``.
    """

    closes_at = models.DateTimeField()
    closed_until = models.DateTimeField()
    begins_at = models.DateTimeField()
    usage_from = models.DateTimeField()
    usage_rest = models.JSONField(default=list)

    class Meta(TenantModel.Meta):
        """One per organization, looked for by when it is due."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization_id"], name="invoices_invoiceschedule_one")
        ]
        indexes: ClassVar = [
            models.Index(fields=["closes_at"], name="invoices_invoiceschedule_due")
        ]

    def __str__(self) -> str:
        return f"{self.closes_at}"


class Dunning(TenantModel):
    """The ladder of one unpaid invoice, from the first failure to its payment or suspension."""

    invoice = models.ForeignKey(
        Invoice,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="dunning",
    )
    started_at = models.DateTimeField()
    suspended_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        """An invoice climbs one ladder at a time."""

        verbose_name_plural = "dunning"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "invoice"],
                condition=Q(ended_at__isnull=True),
                name="invoices_dunning_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.started_at}"


class DunningStep(TenantModel):
    """One try to be paid: told when it is due, failed when the payment was refused."""

    dunning = models.ForeignKey(
        Dunning,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="steps",
    )
    step = models.PositiveSmallIntegerField()
    due_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    """When it needed no more doing: the next came, or the ladder ended."""

    class Meta(TenantModel.Meta):
        """Each step once."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "dunning", "step"], name="invoices_dunningstep_once"
            )
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["due_at"],
                condition=Q(closed_at__isnull=True),
                name="invoices_dunningstep_due",
            )
        ]

    def __str__(self) -> str:
        return f"{self.step}"
