"""What things would cost."""

from decimal import Decimal

from billing.prices.contracts import Quote
from billing.prices.errors import UnitsInvalid
from billing.prices.selectors import price_get


def price_quote(*, meter: str, units: Decimal | int) -> Quote:
    """Return what ``units`` cost at the price that rules now.

    The amount keeps every decimal: an invoice rounds once, at its line. Raises MeterUnknown,
    UnitsInvalid.
    """
    count = Decimal(units)
    if not count.is_finite() or count < 0:
        raise UnitsInvalid(param="units")
    price = price_get(meter=meter)
    return Quote(
        meter=meter, units=count, amount=count * price.unit_amount, currency=price.currency
    )
