"""Meters and prices: global tables that every organization may read."""

from django.db import models

from anneal.kernel.models import GlobalModel


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
    """One version of what a unit costs. Rows are only added: the newest effective one rules."""

    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, related_name="+")
    version = models.PositiveIntegerField()
    currency = models.CharField(max_length=3)
    unit_amount = models.DecimalField(max_digits=38, decimal_places=12)
    effective_at = models.DateTimeField()

    class Meta:
        """A version is numbered per meter and currency; a price is never negative."""

        constraints = (
            models.UniqueConstraint(
                fields=["meter", "currency", "version"], name="prices_price_version"
            ),
            models.CheckConstraint(
                condition=models.Q(unit_amount__gte=0), name="prices_price_not_negative"
            ),
            models.CheckConstraint(
                condition=models.Q(currency__regex=r"^[A-Z]{3}$"), name="prices_price_currency"
            ),
        )

    def __str__(self) -> str:
        return f"{self.currency} {self.unit_amount} v{self.version}"
