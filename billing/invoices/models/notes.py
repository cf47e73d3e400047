"""Credit notes: the only way to correct what is final."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from anneal.kernel.models import TenantModel
from billing.invoices.contracts import ReturnBy
from billing.invoices.models.invoices import Invoice, InvoiceLine


class CreditNote(TenantModel):
    """What was taken off a final invoice, once per ``key``; amounts in smallest coins."""

    invoice = models.ForeignKey(
        Invoice,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="credit_notes",
    )
    key = models.CharField(max_length=200)
    number = models.CharField(max_length=40)
    series = models.CharField(max_length=30)
    sequence = models.PositiveIntegerField()
    reason = models.CharField(max_length=500)
    currency = models.CharField(max_length=3)
    subtotal_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    total_minor = models.BigIntegerField()
    due_minor = models.BigIntegerField()
    returned_minor = models.BigIntegerField()
    return_by = models.CharField(
        max_length=10, choices=[(one.value, one.value) for one in ReturnBy]
    )
    payment_id = models.UUIDField(null=True)
    """Which payment the refund is of, where one is meant."""
    issued_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        """It takes something off, and what is due or paid accounts for all of it."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "key"], name="invoices_creditnote_key"
            ),
            models.UniqueConstraint(
                fields=["organization_id", "number"], name="invoices_creditnote_number"
            ),
            models.CheckConstraint(
                condition=Q(
                    total_minor__gt=0,
                    due_minor__gte=0,
                    returned_minor__gte=0,
                    total_minor=F("due_minor") + F("returned_minor"),
                )
                & Q(total_minor=F("subtotal_minor") + F("tax_minor")),
                name="invoices_creditnote_total",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["organization_id", "-id"], name="invoices_creditnote_newest"),
            models.Index(fields=["organization_id", "invoice"], name="invoices_creditnote_of"),
            models.Index(fields=["issued_at"], name="invoices_creditnote_issued"),
        ]

    def __str__(self) -> str:
        return self.number


class CreditNoteLine(TenantModel):
    """What a credit note takes off one line; ``taxes`` as on the line itself."""

    credit_note = models.ForeignKey(
        CreditNote,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="lines",
    )
    line = models.ForeignKey(
        InvoiceLine,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="credits",
    )
    amount_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField(default=0)
    taxes = models.JSONField(default=list)

    class Meta(TenantModel.Meta):
        """A note names a line once."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "credit_note", "line"],
                name="invoices_creditnoteline_once",
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["organization_id", "line"], name="invoices_creditnoteline_of")
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor}"
