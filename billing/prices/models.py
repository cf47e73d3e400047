"""Meters and prices: global tables that every organization may read."""

from django.db import models

from anneal.kernel.models import GlobalModel
from billing.prices.contracts import PriceModel


class Meter(GlobalModel):
    """Something that is counted. Its code is also the unit balances and grants are kept in."""

    code = models.CharField(max_length=50, unique=True)
    name_en = models.CharField(max_length=100)
    name_zh = models.CharField(max_length=100)
    unit_en = models.CharField(max_length=50)
    unit_zh = models.CharField(max_length=50)

    def __str__(self) -> str:
        return self.code


class Price(GlobalModel):
    """One version of what a unit costs. Rows are only added: the newest effective one rules.

    Prices of one (meter, currency, plan, match) follow each other in time. Of those that fit a
    usage event, a plan's price beats the list's, then the one that asks for most beats the others:
    see ``price_for`` in migrations/sql. `unit_amount` is what the first unit costs.
    """

    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, related_name="+")
    version = models.PositiveIntegerField()
    currency = models.CharField(max_length=3)
    unit_amount = models.DecimalField(max_digits=38, decimal_places=12)
    effective_at = models.DateTimeField()
    model = models.CharField(
        max_length=20,
        choices=[(one.value, one.value) for one in PriceModel],
        default=PriceModel.PER_UNIT.value,
        db_default=PriceModel.PER_UNIT.value,
    )
    tiers = models.JSONField(default=list, db_default=models.Value([], models.JSONField()))
    package_units = models.DecimalField(max_digits=38, decimal_places=12, null=True)
    package_amount = models.DecimalField(max_digits=38, decimal_places=12, null=True)
    percent = models.DecimalField(max_digits=38, decimal_places=12, null=True)
    minimum = models.DecimalField(max_digits=38, decimal_places=12, null=True)
    match = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    plan = models.CharField(max_length=50, default="", db_default="")

    class Meta:
        """One price begins at a moment; none is negative. Terms are checked in a migration too."""

        constraints = (
            models.UniqueConstraint(
                fields=["meter", "currency", "plan", "match", "version"],
                name="prices_price_version",
            ),
            models.UniqueConstraint(
                fields=["meter", "currency", "plan", "match", "effective_at"],
                name="prices_price_begins",
            ),
            models.CheckConstraint(
                condition=models.Q(unit_amount__gte=0), name="prices_price_not_negative"
            ),
            models.CheckConstraint(
                condition=models.Q(currency__regex=r"^[A-Z]{3}$"), name="prices_price_currency"
            ),
            models.CheckConstraint(
                condition=models.Q(minimum__isnull=True) | models.Q(minimum__gt=0),
                name="prices_price_minimum",
            ),
        )

    def __str__(self) -> str:
        return f"{self.currency} {self.unit_amount} v{self.version}"
