"""Questions to the price list."""

from anneal.kernel import clock
from billing.prices.contracts import PriceInfo
from billing.prices.errors import MeterUnknown
from billing.prices.models import Meter, Price


def prices_current() -> tuple[PriceInfo, ...]:
    """Return the price that rules now for each meter, by meter code."""
    rows = (
        Price.objects.filter(effective_at__lte=clock.now())
        .select_related("meter")
        .order_by("meter__code", "-effective_at", "-version")
        .distinct("meter__code")
    )
    return tuple(
        PriceInfo(
            meter=row.meter.code,
            name_en=row.meter.name_en,
            name_zh=row.meter.name_zh,
            unit_en=row.meter.unit_en,
            unit_zh=row.meter.unit_zh,
            currency=row.currency,
            unit_amount=row.unit_amount,
            version=row.version,
            effective_at=row.effective_at,
        )
        for row in rows
    )


def price_get(*, meter: str) -> PriceInfo:
    """Return the price that rules now. Raises MeterUnknown."""
    for price in prices_current():
        if price.meter == meter:
            return price
    raise MeterUnknown(param="meter")


def meter_exists(*, code: str) -> bool:
    """Say whether something is counted under this code."""
    return Meter.objects.filter(code=code).exists()
