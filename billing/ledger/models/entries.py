"""The journals."""

from typing import ClassVar

from django.db import models

from anneal.kernel.models import TenantModel


class Account(models.TextChoices):
    """The ledger's accounts. Credit accounts hold what the customer may still spend or has held."""

    ISSUED = "issued", "Issued"
    PROMOTIONAL_CREDIT = "promotional_credit", "Promotional credit"
    CUSTOMER_CREDIT = "customer_credit", "Customer credit"
    CREDIT_LINE = "credit_line", "Credit line"
    REVENUE = "revenue", "Revenue"
    RECEIVABLE = "receivable", "Receivable"
    BREAKAGE = "breakage", "Breakage"
    LAPSED = "lapsed", "Lapsed credit line"


class EntryKind(models.TextChoices):
    """What a journal books."""

    GRANT = "grant", "Grant"
    CAPTURE = "capture", "Capture"
    EXPIRY = "expiry", "Expiry"
    VOID = "void", "Void"
    REFUND = "refund", "Refund"


class LedgerEntry(TenantModel):
    """One line of a journal. A journal's lines sum to zero per unit: a trigger refuses others.

    ``booked_at`` is business time, ``created_at`` the database's. The grant on a capture's line is
    its allocation: a refund unwinds exactly these.
    """

    journal_id = models.UUIDField()
    kind = models.CharField(max_length=20, choices=EntryKind.choices)
    account = models.CharField(max_length=30, choices=Account.choices)
    unit = models.CharField(max_length=50)
    amount = models.DecimalField(max_digits=38, decimal_places=12)
    grant_id = models.UUIDField()
    hold_id = models.UUIDField(null=True, blank=True)
    booked_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        """A line of nothing is a mistake."""

        verbose_name_plural = "ledger entries"
        constraints: ClassVar = [
            models.CheckConstraint(condition=~models.Q(amount=0), name="ledger_entry_not_zero")
        ]
        indexes: ClassVar = [
            models.Index(fields=["organization_id", "journal_id"], name="ledger_entry_journal"),
            # What was charged in money since a moment: a limit of money begins with it.
            models.Index(
                fields=["organization_id", "unit", "booked_at"],
                include=["amount"],
                condition=models.Q(account__in=["revenue", "receivable"], unit__regex="^[A-Z]{3}$"),
                name="ledger_entry_charges",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.amount} {self.unit}"
