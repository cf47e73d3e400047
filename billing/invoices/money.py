"""Coins: sharing them out without losing one, and writing them."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal, localcontext

from billing.prices.currency import PRECISION, exponent


def spread(total: int, weights: Sequence[int]) -> list[int]:
    """Share ``total`` out in proportion to ``weights``; the shares add up to it.

    Each border between two shares is rounded, half a coin up, not each share: so no share is off by
    a coin or more, none exceeds its weight while the total does not exceed theirs, and all of the
    total gives each its whole weight. Weights below zero get shares below zero.
    """
    whole = sum(weights)
    if not whole:
        if total:
            raise ValueError("There is nothing to share it out over.")
        return [0 for _ in weights]
    shares, reached, border = [], 0, 0
    for weight in weights:
        reached += weight
        after = _rounded(total * reached, whole)
        shares.append(after - border)
        border = after
    return shares


def share_of(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """Return ``amount * part / whole`` to the 12 decimals that amounts are kept in."""
    with localcontext(prec=PRECISION):
        return (amount * part / whole).quantize(Decimal("1e-12"), rounding=ROUND_HALF_UP)


def percent_of(amount: int, percent: Decimal, *, included: Decimal = Decimal(0)) -> int:
    """Return a per cent of an amount; ``included`` are the per cents that it holds already."""
    with localcontext(prec=PRECISION):
        exact = amount * percent / (100 + included)
        return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def major(minor: int, currency: str) -> Decimal:
    """Return coins as an amount of the currency."""
    return Decimal(minor).scaleb(-exponent(currency))


def money_text(minor: int, currency: str) -> str:
    """Return coins as an exact number with all of the currency's decimals: 1250 USD is '12.50'."""
    return f"{major(minor, currency):f}"


def _rounded(numerator: int, denominator: int) -> int:
    with localcontext(prec=PRECISION):
        exact = Decimal(numerator) / Decimal(denominator)
        return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))
