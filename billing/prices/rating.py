"""What units cost, in pure Decimal. The SQL functions of migrations/sql say the same to a digit.

A total is rounded once, to the 12 decimals that balances are kept in; a cost is a difference of two
totals, so the costs of a period's parts add up to the whole.
"""

from decimal import ROUND_HALF_UP, ROUND_UP, Decimal, localcontext
from typing import Final

from billing.prices.contracts import PriceModel, PriceTerms, Tier
from billing.prices.currency import PRECISION

_STEP: Final = Decimal("0.000000000001")
IN_ADVANCE: Final = (PriceModel.PER_UNIT, PriceModel.GRADUATED, PriceModel.PACKAGE)
"""What has a cost before the period is over."""


def rate(price: PriceTerms, units: Decimal) -> Decimal:
    """Return what the first ``units`` of a period cost, without the minimum."""
    with localcontext(prec=PRECISION):
        return _total(price, units).quantize(_STEP, rounding=ROUND_HALF_UP)


def cost(price: PriceTerms, used: Decimal, units: Decimal) -> Decimal | None:
    """Return what ``units`` cost after ``used`` ones of the period.

    None where a later unit could change an earlier one's price (volume), or where the price is a
    share of money (percentage): such usage is charged by invoice.
    """
    if price.model not in IN_ADVANCE:
        return None
    with localcontext(prec=PRECISION):
        return rate(price, used + units) - rate(price, used)


def ceiling(price: PriceTerms, used: Decimal, pending: Decimal, units: Decimal) -> Decimal | None:
    """Return the most ``units`` can cost when up to ``pending`` others may come before them."""
    if price.model not in IN_ADVANCE:
        return None
    with localcontext(prec=PRECISION):
        if price.model == PriceModel.PER_UNIT:
            most = units * price.unit_amount
        elif price.model == PriceModel.PACKAGE:
            most = _package_ceiling(price, used, used + pending, units)
        else:
            most = _graduated_ceiling(price, used, used + pending, units)
        return most.quantize(_STEP, rounding=ROUND_UP)


def due(price: PriceTerms, units: Decimal) -> Decimal:
    """Return what an invoice asks for a period's units: their price, or the minimum."""
    return max(rate(price, units), price.minimum or Decimal(0))


def _total(price: PriceTerms, units: Decimal) -> Decimal:
    if not units:
        return Decimal(0)
    if price.model == PriceModel.PER_UNIT:
        return units * price.unit_amount
    if price.model == PriceModel.PACKAGE:
        return _packages(price, units) * (price.package_amount or 0)
    if price.model == PriceModel.PERCENTAGE:
        return units * (price.percent or 0) / 100
    tiers = [(floor, tier) for floor, tier in _floors(price) if units > floor]
    if price.model == PriceModel.VOLUME:
        _, tier = tiers[-1]
        return units * tier.unit_amount + tier.flat_amount
    return sum(
        (
            ((units if tier.up_to is None else min(units, tier.up_to)) - floor) * tier.unit_amount
            + tier.flat_amount
            for floor, tier in tiers
        ),
        Decimal(0),
    )


def _floors(price: PriceTerms) -> list[tuple[Decimal, Tier]]:
    """Return each tier with the units it begins above."""
    floors = [Decimal(0), *(tier.up_to for tier in price.tiers if tier.up_to is not None)]
    return list(zip(floors, price.tiers, strict=True))


def _packages(price: PriceTerms, units: Decimal) -> Decimal:
    whole, rest = divmod(units, price.package_units or Decimal(1))
    return whole + (1 if rest else 0)


def _package_ceiling(price: PriceTerms, used: Decimal, last: Decimal, units: Decimal) -> Decimal:
    begun = _packages(price, used) * (price.package_units or Decimal(1))
    if begun <= last:
        # The pending units can end a package exactly, which leaves nothing of it to share.
        return _total(price, units)
    return _total(price, last + units) - _total(price, last)


def _graduated_ceiling(price: PriceTerms, used: Decimal, last: Decimal, units: Decimal) -> Decimal:
    """Look where either end crosses into another tier, and just above: between, it is linear."""
    flat = {floor: tier.flat_amount for floor, tier in _floors(price)}
    points = {used, last, *flat, *(floor - units for floor in flat)}
    most = Decimal(0)
    for point in points:
        if used <= point <= last:
            here = _total(price, point + units) - _total(price, point)
            most = max(most, here)
            if point < last:
                most = max(most, here + flat.get(point + units, 0) - flat.get(point, 0))
    return most
