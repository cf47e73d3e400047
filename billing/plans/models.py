"""Plans and trials are global; a subscription and its periods are the organization's."""

from typing import ClassVar

from django.db import models

from anneal.kernel.models import GlobalModel, TenantModel
from billing.plans.contracts import Overage, Period


class Plan(GlobalModel):
    """A name under which versions of terms are offered."""

    code = models.CharField(max_length=50, unique=True)
    name_en = models.CharField(max_length=100)
    name_zh = models.CharField(max_length=100)
    position = models.PositiveSmallIntegerField(default=0)
    public = models.BooleanField(default=True)
    """Whether customers may choose it; the operator may assign any."""

    def __str__(self) -> str:
        return self.code


class PlanVersion(GlobalModel):
    """Terms of a plan. A draft may change; a trigger keeps a published one as it is."""

    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="+")
    version = models.PositiveIntegerField()
    fee = models.DecimalField(max_digits=38, decimal_places=12)
    currency = models.CharField(max_length=3)
    period = models.CharField(max_length=10, choices=[(one.value, one.value) for one in Period])
    included = models.JSONField(default=dict)
    caps = models.JSONField(default=list)
    requests_per_minute = models.PositiveIntegerField(null=True)
    calls_in_flight = models.PositiveIntegerField(null=True)
    concurrency = models.PositiveIntegerField(null=True)
    priority = models.PositiveSmallIntegerField(default=50)
    storage_gb = models.PositiveIntegerField(null=True)
    seats = models.PositiveIntegerField(null=True)
    overage = models.CharField(max_length=10, choices=[(one.value, one.value) for one in Overage])
    credit_line = models.DecimalField(max_digits=38, decimal_places=12, null=True)
    published_at = models.DateTimeField(null=True)

    class Meta(GlobalModel.Meta):
        """One draft per plan; a credit line exactly where overage is invoiced."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["plan", "version"], name="plans_planversion_version"),
            models.UniqueConstraint(
                fields=["plan"],
                condition=models.Q(published_at__isnull=True),
                name="plans_planversion_draft",
            ),
            models.CheckConstraint(
                condition=models.Q(fee__gte=0, fee__lte=10**15), name="plans_planversion_fee"
            ),
            models.CheckConstraint(
                condition=models.Q(overage="block", credit_line__isnull=True)
                | models.Q(overage="invoice", credit_line__gt=0, credit_line__lte=10**15),
                name="plans_planversion_overage",
            ),
        ]

    def __str__(self) -> str:
        return f"v{self.version}"


class Subscription(TenantModel):
    """A spell of an organization on one version of a plan: ``[starts_at, ends_at)``.

    Spells that follow each other on one grid of periods share ``anchor_at``, when the grid began,
    and ``anchor_date``, that moment's day in ``time_zone``. ``renews_at`` is when the present
    period ends.
    """

    plan_version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="+")
    next_version = models.ForeignKey(
        PlanVersion, on_delete=models.PROTECT, related_name="+", null=True
    )
    next_assigned = models.BooleanField(default=False)
    """Whether the operator arranged the change that waits, and so how it is paid."""
    ends_with_period = models.BooleanField(default=False)
    """Cancelled, with no plan to follow."""
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    renews_at = models.DateTimeField()
    anchor_at = models.DateTimeField()
    anchor_date = models.DateField()
    time_zone = models.CharField(max_length=60)
    period_months = models.PositiveSmallIntegerField()
    returned = models.BooleanField(default=False)
    """Left at once: what plans had given until then was taken back."""

    class Meta(TenantModel.Meta):
        """An organization is on one plan at a time."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id"],
                condition=models.Q(ends_at__isnull=True),
                name="plans_subscription_open",
            ),
            models.UniqueConstraint(
                fields=["organization_id", "starts_at"], name="plans_subscription_starts"
            ),
            models.CheckConstraint(
                condition=models.Q(ends_at__isnull=True)
                | models.Q(ends_at__gt=models.F("starts_at")),
                name="plans_subscription_half_open",
            ),
            models.CheckConstraint(
                condition=models.Q(ends_with_period=False) | models.Q(next_version__isnull=True),
                name="plans_subscription_one_end",
            ),
            models.CheckConstraint(
                condition=models.Q(period_months__in=[1, 12]), name="plans_subscription_months"
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["renews_at"],
                condition=models.Q(ends_at__isnull=True),
                name="plans_subscription_due",
            ),
            models.Index(
                fields=["renews_at"],
                condition=models.Q(returned=True),
                name="plans_subscription_returned",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan_version_id} from {self.starts_at}"


class SubscriptionPeriod(TenantModel):
    """A stretch of a subscription that is paid as one: ``[starts_at, ends_at)``.

    A change of plan within a period cuts it. ``whole_starts_at`` and ``whole_ends_at`` are then the
    uncut period, of which the stretch's share of the fee is taken.
    """

    subscription_id = models.UUIDField()
    plan_version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    whole_starts_at = models.DateTimeField()
    whole_ends_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        """A window is opened once, whoever comes first, late or twice."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "starts_at"], name="plans_subscriptionperiod_once"
            ),
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")),
                name="plans_subscriptionperiod_half_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.starts_at} - {self.ends_at}"


class TrialTerms(GlobalModel):
    """What new organizations get. Rows are only added: the newest version rules."""

    version = models.PositiveIntegerField(unique=True)
    days = models.PositiveSmallIntegerField()
    units = models.JSONField(default=dict)

    class Meta(GlobalModel.Meta):
        """A trial ends."""

        verbose_name_plural = "trial terms"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(days__gte=1, days__lte=3650), name="plans_trialterms_days"
            )
        ]

    def __str__(self) -> str:
        return f"v{self.version}: {self.days} days"
