"""Whom the provider knows, which cards it keeps, and when credit is bought by itself."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from anneal.kernel.models import TenantModel


class PaymentCustomer(TenantModel):
    """An organization as the provider knows it.

    One that somebody deleted there stays as a row: what is told of its payments finds its owner.
    """

    ref = models.CharField(max_length=255, db_index=True)
    cards_read_at = models.DateTimeField(null=True)
    """When the reading of the cards that are shown began."""
    deleted_at = models.DateTimeField(null=True)
    """When it was found to be deleted at the provider."""

    class Meta(TenantModel.Meta):
        """One per organization that is there still."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id"],
                condition=Q(deleted_at__isnull=True),
                name="payments_paymentcustomer_one",
            )
        ]

    def __str__(self) -> str:
        return self.ref


class PaymentMethod(TenantModel):
    """A card that the provider keeps, mirrored as it was when it was last read."""

    ref = models.CharField(max_length=255)
    brand = models.CharField(max_length=30)
    last4 = models.CharField(max_length=4)
    exp_month = models.PositiveSmallIntegerField()
    exp_year = models.PositiveSmallIntegerField()
    is_default = models.BooleanField(default=False)
    removed_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        """Each card once, one of them the default."""

        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization_id", "ref"], name="payments_paymentmethod_ref"
            ),
            models.UniqueConstraint(
                fields=["organization_id"],
                condition=Q(is_default=True),
                name="payments_paymentmethod_default",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.brand} {self.last4}"


class AutoTopUp(TenantModel):
    """When credit is bought by itself. ``round`` counts its charges: each has its own key."""

    enabled = models.BooleanField(default=False)
    currency = models.CharField(max_length=3)
    threshold = models.DecimalField(max_digits=38, decimal_places=12)
    amount = models.DecimalField(max_digits=38, decimal_places=12)
    daily_cap = models.DecimalField(max_digits=38, decimal_places=12)
    round = models.PositiveIntegerField(default=0)
    retry_at = models.DateTimeField(null=True)
    paused_reason = models.CharField(max_length=200, blank=True)

    class Meta(TenantModel.Meta):
        """One per organization."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization_id"], name="payments_autotopup_one")
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["organization_id"],
                condition=Q(enabled=True),
                name="payments_autotopup_enabled",
            )
        ]

    def __str__(self) -> str:
        return f"{self.amount.normalize():f} {self.currency}"
