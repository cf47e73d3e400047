"""What an organization was given, and what became of it."""

from typing import ClassVar

from django.db import models

from anneal.kernel.models import TenantModel
from billing.ledger.models.fields import amount_field


class GrantKind(models.TextChoices):
    """Where credit came from."""

    PROMOTIONAL = "promotional", "Promotional"
    OPERATOR = "operator", "Operator"
    PURCHASED = "purchased", "Purchased"
    CREDIT_LINE = "credit_line", "Credit line"
    """What may be used first and paid later: its captures are receivable."""


class Grant(TenantModel):
    """So many units, given once.

    What was given never changes: not even the system's role may update those columns. The columns
    below ``active`` project what became of it, and move only under the balance's row lock.
    """

    unit = models.CharField(max_length=50)
    kind = models.CharField(max_length=20, choices=GrantKind.choices)
    amount = models.DecimalField(max_digits=38, decimal_places=12)
    priority = models.PositiveSmallIntegerField(default=50)
    effective_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    source = models.CharField(max_length=200)
    active = models.BooleanField(default=True)
    held = amount_field()
    consumed = amount_field()
    expired = amount_field()
    voided = amount_field()

    class Meta(TenantModel.Meta):
        """A source gives once; what became of a grant never exceeds it."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "unit", "source"], name="ledger_grant_source"
            ),
            models.CheckConstraint(
                condition=models.Q(amount__gt=0, amount__lte=10**15), name="ledger_grant_amount"
            ),
            models.CheckConstraint(
                condition=models.Q(held__gte=0, consumed__gte=0, expired__gte=0, voided__gte=0),
                name="ledger_grant_parts",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    amount__gte=models.F("held")
                    + models.F("consumed")
                    + models.F("expired")
                    + models.F("voided")
                ),
                name="ledger_grant_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.unit} ({self.kind})"


class Balance(TenantModel):
    """What an organization has of one unit: a projection of the ledger and of open holds.

    Its row is the lock under which everything of that unit happens. ``next_change_at`` is when a
    grant next begins or ends. A cycle begins with every new grant: ``cycle_base`` was available
    then, ``cycle_from`` consumed; ``alert_at`` is the consumption that reaches the next threshold.
    """

    unit = models.CharField(max_length=50)
    granted = amount_field()
    held = amount_field()
    consumed = amount_field()
    expired = amount_field()
    next_change_at = models.DateTimeField(null=True, blank=True)
    cycle_started_at = models.DateTimeField(null=True, blank=True)
    cycle_base = amount_field()
    cycle_from = amount_field()
    alert_at = models.DecimalField(max_digits=38, decimal_places=12, null=True, blank=True)

    class Meta(TenantModel.Meta):
        """Nothing is negative and nothing is spent twice, whatever a function may believe."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization_id", "unit"], name="ledger_balance_unit"),
            models.CheckConstraint(
                condition=models.Q(granted__gte=0, held__gte=0, consumed__gte=0, expired__gte=0),
                name="ledger_balance_parts",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    granted__gte=models.F("held") + models.F("consumed") + models.F("expired")
                ),
                name="ledger_balance_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.unit} {self.granted}"
