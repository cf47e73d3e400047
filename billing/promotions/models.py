"""Codes are the installation's; what an organization redeemed and may still take off is its own.

Postgres functions are the only writers of all but the codes' own terms.
"""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from anneal.kernel.models import SystemModel, TenantModel
from billing.promotions.contracts import PromotionKind

_KINDS = [(one.value, one.value) for one in PromotionKind]


class Promotion(SystemModel):
    """A code and what it gives. Its terms never change; it can be ended."""

    code = models.CharField(max_length=40, unique=True)
    kind = models.CharField(max_length=10, choices=_KINDS)
    percent = models.DecimalField(max_digits=38, decimal_places=12, null=True)
    invoices = models.PositiveSmallIntegerField(null=True)
    amount = models.DecimalField(max_digits=38, decimal_places=12, null=True)
    currency = models.CharField(max_length=3, blank=True)
    unit = models.CharField(max_length=50, blank=True)
    units = models.DecimalField(max_digits=38, decimal_places=12, null=True)
    days = models.PositiveSmallIntegerField(null=True)
    max_redemptions = models.PositiveIntegerField(null=True)
    redeemed = models.PositiveIntegerField(default=0)
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta(SystemModel.Meta):
        """Each kind has what it needs, and no code is redeemed more often than it may be."""

        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(kind="percent", percent__gt=0, percent__lte=100, invoices__gte=1)
                | Q(kind="amount", amount__gt=0, amount__lte=10**15, currency__regex="^[A-Z]{3}$")
                | (Q(kind="units", units__gt=0, units__lte=10**15) & ~Q(unit=""))
                | Q(kind="trial", days__gte=1),
                name="promotions_promotion_terms",
            ),
            models.CheckConstraint(
                condition=Q(max_redemptions__isnull=True) | Q(redeemed__lte=F("max_redemptions")),
                name="promotions_promotion_limit",
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Redemption(TenantModel):
    """A code redeemed by an organization, once."""

    promotion_id = models.UUIDField()
    code = models.CharField(max_length=40)
    terms = models.JSONField()
    redeemed_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        """Once, whoever asks at the same moment."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "promotion_id"], name="promotions_redemption_once"
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["organization_id", "-id"], name="promotions_redemption_newest")
        ]

    def __str__(self) -> str:
        return self.code


class Discount(TenantModel):
    """What invoices take off: a per cent of so many of them, or money until none is left."""

    redemption = models.ForeignKey(
        Redemption,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="discounts",
    )
    percent = models.DecimalField(max_digits=38, decimal_places=12, null=True)
    invoices_left = models.PositiveSmallIntegerField(null=True)
    amount = models.DecimalField(max_digits=38, decimal_places=12, null=True)
    remaining = models.DecimalField(max_digits=38, decimal_places=12, null=True)
    currency = models.CharField(max_length=3, blank=True)

    class Meta(TenantModel.Meta):
        """Never below zero, never above what was given."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "redemption"], name="promotions_discount_once"
            ),
            models.CheckConstraint(
                condition=Q(
                    percent__isnull=True,
                    amount__isnull=False,
                    remaining__gte=0,
                    remaining__lte=F("amount"),
                )
                | Q(percent__isnull=False, amount__isnull=True, invoices_left__gte=0),
                name="promotions_discount_left",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.percent} %" if self.percent else f"{self.remaining} {self.currency}"


class DiscountDraw(TenantModel):
    """What was taken off under one key, which names the invoice: once, never changed."""

    discount_id = models.UUIDField()
    key = models.CharField(max_length=200)
    amount = models.DecimalField(max_digits=38, decimal_places=12)
    asked = models.DecimalField(max_digits=38, decimal_places=12, null=True)
    """What it was taken off; the same key with another is refused. The first draws did not say."""
    currency = models.CharField(max_length=3, blank=True)
    drawn_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        """An invoice takes a discount once."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "discount_id", "key"],
                name="promotions_discountdraw_once",
            ),
            models.CheckConstraint(
                condition=Q(amount__gte=0), name="promotions_discountdraw_amount"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.amount}"
