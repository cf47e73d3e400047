"""Who sells, who buys, which taxes rule, and the last numbers given."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from anneal.kernel.models import GlobalModel, SystemModel, TenantModel
from billing.invoices.contracts import FapiaoKind


class BillingProfile(TenantModel):
    """Whom an organization's invoices are made out to, from the next one on."""

    legal_name = models.CharField(max_length=200, blank=True)
    email = models.EmailField(max_length=254, blank=True)
    line1 = models.CharField(max_length=200, blank=True)
    line2 = models.CharField(max_length=200, blank=True)
    city = models.CharField(max_length=100, blank=True)
    region = models.CharField(max_length=100, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    country = models.CharField(max_length=2, blank=True)
    tax_id = models.CharField(max_length=50, blank=True)
    language = models.CharField(max_length=10, default="en")
    fapiao_kind = models.CharField(
        max_length=10, choices=[(one.value, one.value) for one in FapiaoKind], blank=True
    )
    fapiao_title = models.CharField(max_length=200, blank=True)
    fapiao_taxpayer_id = models.CharField(max_length=30, blank=True)
    fapiao_address = models.CharField(max_length=200, blank=True)
    fapiao_phone = models.CharField(max_length=30, blank=True)
    fapiao_bank = models.CharField(max_length=200, blank=True)
    fapiao_account = models.CharField(max_length=50, blank=True)

    class Meta(TenantModel.Meta):
        """One per organization."""

        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization_id"], name="invoices_billingprofile_one")
        ]

    def __str__(self) -> str:
        return self.legal_name


class TaxRate(GlobalModel):
    """A tax that customers of a country pay. It is ended, never changed.

    ``reverse_charge``: a customer of another country with a tax id owes it itself.
    """

    name_en = models.CharField(max_length=100)
    name_zh = models.CharField(max_length=100)
    country = models.CharField(max_length=2)
    percent = models.DecimalField(max_digits=9, decimal_places=6)
    reverse_charge = models.BooleanField(default=False)
    ended_at = models.DateTimeField(null=True)

    class Meta(GlobalModel.Meta):
        """A share of the price."""

        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(percent__gt=0, percent__lte=100), name="invoices_taxrate_percent"
            )
        ]

    def __str__(self) -> str:
        return f"{self.country} {self.percent} %"


class Seller(GlobalModel):
    """Who sells, as invoices print it. Rows are only added: the newest version rules."""

    version = models.PositiveIntegerField(unique=True)
    legal_name = models.CharField(max_length=200, blank=True)
    email = models.EmailField(max_length=254, blank=True)
    address = models.CharField(max_length=500, blank=True)
    country = models.CharField(max_length=2, blank=True)
    tax_id = models.CharField(max_length=50, blank=True)
    number_prefix = models.CharField(max_length=10, default="INV")
    footer_en = models.CharField(max_length=500, blank=True)
    footer_zh = models.CharField(max_length=500, blank=True)
    payment_days = models.PositiveSmallIntegerField(default=7)
    top_ups_taxed = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"v{self.version}: {self.legal_name}"


class NumberSeries(SystemModel):
    """The last number that a series gave. ``number_take`` is its only writer."""

    name = models.CharField(max_length=30, unique=True)
    last = models.PositiveIntegerField()

    class Meta(SystemModel.Meta):
        """Not one per organization: numbers have no gap over all invoices of a year."""

        verbose_name_plural = "number series"

    def __str__(self) -> str:
        return f"{self.name} {self.last}"
