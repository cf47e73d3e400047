"""What is said of an organization's account as a whole: currency, parking, limits, notices."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from anneal.kernel.models import TenantModel
from billing.ledger.models.fields import amount_field


class CustomerAccount(TenantModel):
    """An organization with money, limits or a parked account. Most trials have no row.

    Its row is locked before any balance, so that what spans units is decided one at a time.
    """

    currency = models.CharField(max_length=3, blank=True)
    parked_at = models.DateTimeField(null=True, blank=True)
    parked_reason = models.CharField(max_length=500, blank=True)

    class Meta(TenantModel.Meta):
        """One account per organization; a parked one says why."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization_id"], name="ledger_customeraccount_one"),
            models.CheckConstraint(
                condition=models.Q(currency="") | models.Q(currency__regex=r"^[A-Z]{3}$"),
                name="ledger_customeraccount_money",
            ),
            models.CheckConstraint(
                condition=models.Q(parked_at__isnull=True, parked_reason="")
                | (models.Q(parked_at__isnull=False) & ~models.Q(parked_reason="")),
                name="ledger_customeraccount_parked",
            ),
        ]

    def __str__(self) -> str:
        return self.currency or "-"


class LimitScope(models.TextChoices):
    """Whose use a limit counts."""

    ORGANIZATION = "organization", "Organization"
    MEMBER = "member", "Member"
    KEY = "key", "API key"
    PLAN = "plan", "Plan"


class LimitWindow(models.TextChoices):
    """From when a limit counts: in UTC, whatever the plan's period is."""

    DAY = "day", "Day"
    MONTH = "month", "Month"
    TOTAL = "total", "Total"


class SpendingLimit(TenantModel):
    """So many units of a meter, or so much money, in a window. Soft ones only warn."""

    scope = models.CharField(max_length=20, choices=LimitScope.choices)
    subject_id = models.UUIDField(null=True, blank=True)
    """The API key or the member."""
    unit = models.CharField(max_length=50)
    window = models.CharField(max_length=10, choices=LimitWindow.choices)
    amount = models.DecimalField(max_digits=38, decimal_places=12)
    hard = models.BooleanField(default=True)
    alerts = ArrayField(models.PositiveSmallIntegerField(), default=list)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        """One limit per subject, unit and window; what was removed stays as history."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "scope", "subject_id", "unit", "window"],
                condition=models.Q(removed_at__isnull=True),
                nulls_distinct=False,
                name="ledger_spendinglimit_one",
            ),
            models.CheckConstraint(
                condition=models.Q(amount__gte=0, amount__lte=10**15),
                name="ledger_spendinglimit_amount",
            ),
            models.CheckConstraint(
                condition=models.Q(scope__in=["member", "key"], subject_id__isnull=False)
                | models.Q(scope__in=["organization", "plan"], subject_id__isnull=True),
                name="ledger_spendinglimit_scope",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.unit} per {self.window} ({self.scope})"


class LimitCount(TenantModel):
    """What counts against a limit in one window. Only the ledger's functions write."""

    limit_id = models.UUIDField()
    begins_at = models.DateTimeField()
    held = amount_field()
    used = amount_field()
    carried = amount_field()
    """What of ``used`` the window had used when the limit began; the rest is its holds'."""

    class Meta(TenantModel.Meta):
        """One count per window."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "limit_id", "begins_at"], name="ledger_limitcount_window"
            ),
            models.CheckConstraint(
                condition=models.Q(held__gte=0, used__gte=0), name="ledger_limitcount_parts"
            ),
            models.CheckConstraint(
                condition=models.Q(carried__gte=0), name="ledger_limitcount_carried"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.used} (+{self.held})"


class Notice(TenantModel):
    """A threshold reached, or what became of a plan; once per rule, period and threshold."""

    rule = models.CharField(max_length=100)
    """``balance:{unit}``, ``limit:{id}``, or ``plan:{reason}``, whose unit is the plan's code.

    One told for an amount that its limit has no more gets its own id behind it: the next is told.
    """
    period = models.DateTimeField()
    threshold = models.PositiveSmallIntegerField()
    unit = models.CharField(max_length=50)
    used = models.DecimalField(max_digits=38, decimal_places=12)
    amount = models.DecimalField(max_digits=38, decimal_places=12)
    reached_at = models.DateTimeField()
    announced_at = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)
    """When all who should know had their mail."""
    mailed_to = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    """Ids of those who had it so far."""
    claimed_until = models.DateTimeField(null=True, blank=True)
    """While somebody sends it, by the database's clock."""

    class Meta(TenantModel.Meta):
        """Once, whoever notices it first."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "rule", "period", "threshold"], name="ledger_notice_once"
            )
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["created_at"],
                condition=models.Q(mailed_at__isnull=True),
                name="ledger_notice_unsent",
            ),
            models.Index(fields=["organization_id", "-id"], name="ledger_notice_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.rule} {self.threshold} %"
