"""Items, the invoices that take them, and what was paid."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from anneal.kernel.models import TenantModel
from billing.invoices.contracts import InvoiceKind, InvoiceStatus, ItemKind, PaymentStatus


class Invoice(TenantModel):
    """A draft holds items. Made final it has lines, a number and taxes, and never changes.

    Amounts are in the currency's smallest coins. ``paid_minor`` is what payments brought and did
    not take back, ``credited_minor`` what credit notes took off, of which ``returned_minor`` had
    been paid and goes back.
    """

    source = models.CharField(max_length=200)
    kind = models.CharField(max_length=20, choices=[(one.value, one.value) for one in InvoiceKind])
    status = models.CharField(
        max_length=10,
        choices=[(one.value, one.value) for one in InvoiceStatus],
        default=InvoiceStatus.DRAFT.value,
    )
    payment_status = models.CharField(
        max_length=20,
        choices=[(one.value, one.value) for one in PaymentStatus],
        default=PaymentStatus.OPEN.value,
    )
    currency = models.CharField(max_length=3)
    number = models.CharField(max_length=40, blank=True)
    series = models.CharField(max_length=30, blank=True)
    sequence = models.PositiveIntegerField(null=True)
    subtotal_minor = models.BigIntegerField(default=0)
    tax_minor = models.BigIntegerField(default=0)
    total_minor = models.BigIntegerField(default=0)
    paid_minor = models.BigIntegerField(default=0)
    credited_minor = models.BigIntegerField(default=0)
    returned_minor = models.BigIntegerField(default=0)
    reverse_charge = models.BooleanField(default=False)
    seller = models.JSONField(default=dict)
    customer = models.JSONField(default=dict)
    issued_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    paid_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        """Made once, numbered once; nobody pays or gets back more than was asked for."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "source"], name="invoices_invoice_source"
            ),
            models.UniqueConstraint(
                fields=["organization_id", "number"],
                condition=~Q(number=""),
                name="invoices_invoice_number",
            ),
            models.CheckConstraint(
                condition=Q(status="final", sequence__isnull=False, issued_at__isnull=False)
                | (~Q(status="final") & Q(sequence__isnull=True, number="")),
                name="invoices_invoice_numbered",
            ),
            models.CheckConstraint(
                condition=Q(total_minor=F("subtotal_minor") + F("tax_minor"), total_minor__gte=0),
                name="invoices_invoice_total",
            ),
            models.CheckConstraint(
                condition=Q(
                    paid_minor__gte=0,
                    returned_minor__gte=0,
                    returned_minor__lte=F("credited_minor"),
                    credited_minor__lte=F("total_minor"),
                    paid_minor__lte=F("total_minor") - F("credited_minor") + F("returned_minor"),
                ),
                name="invoices_invoice_settled",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["organization_id", "-id"], name="invoices_invoice_newest"),
            models.Index(
                fields=["due_at"],
                condition=Q(status="final", payment_status="open"),
                name="invoices_invoice_overdue",
            ),
            models.Index(
                fields=["issued_at"],
                condition=Q(status="final"),
                name="invoices_invoice_issued",
            ),
        ]

    def __str__(self) -> str:
        return self.number or self.status

    @property
    def due_minor(self) -> int:
        """What is still to be paid."""
        if self.status != InvoiceStatus.FINAL:
            return 0
        return self.total_minor - self.credited_minor - self.paid_minor + self.returned_minor


class InvoiceItem(TenantModel):
    """One thing to be paid, or given back below zero; pending until an invoice takes it.

    ``amount`` is exact; a line rounds it once. ``due_at`` is when an invoice is made for it at the
    latest. Of usage, ``price_id`` and ``meter`` say what it was rated by.
    """

    source = models.CharField(max_length=200)
    kind = models.CharField(max_length=20, choices=[(one.value, one.value) for one in ItemKind])
    currency = models.CharField(max_length=3)
    amount = models.DecimalField(max_digits=38, decimal_places=12)
    quantity = models.DecimalField(max_digits=38, decimal_places=12, null=True)
    unit_price = models.DecimalField(max_digits=38, decimal_places=12, null=True)
    meter = models.CharField(max_length=50, blank=True)
    price_id = models.UUIDField(null=True)
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    description = models.CharField(max_length=60)
    params = models.JSONField(default=dict)
    evidence = models.JSONField(default=dict)
    due_at = models.DateTimeField(null=True)
    invoice = models.ForeignKey(
        Invoice,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        null=True,
        related_name="items",
    )
    dropped_at = models.DateTimeField(null=True)
    disputed_at = models.DateTimeField(null=True)
    """Since when no invoice takes it, until its dispute is decided."""

    class Meta(TenantModel.Meta):
        """A source asks once."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "source"], name="invoices_invoiceitem_source"
            ),
            models.CheckConstraint(
                condition=Q(invoice__isnull=True) | Q(dropped_at__isnull=True),
                name="invoices_invoiceitem_one_end",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["organization_id", "id"],
                condition=Q(invoice__isnull=True, dropped_at__isnull=True),
                name="invoices_invoiceitem_pending",
            ),
            models.Index(fields=["organization_id", "invoice"], name="invoices_invoiceitem_of"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount} {self.currency}"


class InvoiceLine(TenantModel):
    """A line of a final invoice: an item, rounded, or a discount.

    ``taxes`` are the line's shares of the invoice's taxes: ``[[rate id, minor], ...]``.
    """

    invoice = models.ForeignKey(
        Invoice,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="lines",
    )
    item_id = models.UUIDField(null=True)
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=20, choices=[(one.value, one.value) for one in ItemKind])
    description = models.CharField(max_length=60)
    params = models.JSONField(default=dict)
    quantity = models.DecimalField(max_digits=38, decimal_places=12, null=True)
    unit_price = models.DecimalField(max_digits=38, decimal_places=12, null=True)
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    amount = models.DecimalField(max_digits=38, decimal_places=12)
    amount_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField(default=0)
    taxes = models.JSONField(default=list)

    class Meta(TenantModel.Meta):
        """An item stands on one line of one invoice."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "invoice", "position"],
                name="invoices_invoiceline_position",
            ),
            models.UniqueConstraint(
                fields=["organization_id", "item_id"], name="invoices_invoiceline_item"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount_minor}"


class InvoiceTax(TenantModel):
    """A tax of a final invoice, calculated once on its sum."""

    invoice = models.ForeignKey(
        Invoice,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="taxes",
    )
    rate_id = models.UUIDField()
    name_en = models.CharField(max_length=100)
    name_zh = models.CharField(max_length=100)
    percent = models.DecimalField(max_digits=9, decimal_places=6)
    base_minor = models.BigIntegerField()
    amount_minor = models.BigIntegerField()

    class Meta(TenantModel.Meta):
        """A rate is asked for once."""

        verbose_name_plural = "invoice taxes"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "invoice", "rate_id"], name="invoices_invoicetax_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.percent} %"


class InvoicePayment(TenantModel):
    """Money that came for an invoice, or below zero went back without a credit note.

    ``payment_id`` is the payment's; none where the operator booked what came by other ways.
    """

    invoice = models.ForeignKey(
        Invoice,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="payments",
    )
    payment_id = models.UUIDField(null=True)
    key = models.CharField(max_length=200)
    amount_minor = models.BigIntegerField()
    excess_minor = models.BigIntegerField(default=0)
    """What came beyond what was due: it became credit."""
    note = models.CharField(max_length=500, blank=True)
    booked_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        """A key moves money once."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "key"], name="invoices_invoicepayment_key"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["organization_id", "invoice"], name="invoices_invoicepayment_of"),
            models.Index(fields=["booked_at"], name="invoices_invoicepayment_booked"),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor}"
