"""Amounts as Stripe writes them: for some currencies its smallest coin is not ISO 4217's."""

from typing import Final

from billing.payments.errors import AmountInvalid
from billing.prices.currency import exponent

_STRIPE_EXPONENT: Final = {"MGA": 0, "ISK": 2, "UGX": 2}
"""docs.stripe.com/currencies, special cases."""


def to_stripe(amount_minor: int, currency: str) -> int:
    """Return coins as Stripe counts them. Raises AmountInvalid for what it cannot charge."""
    ours = exponent(currency)
    theirs = _STRIPE_EXPONENT.get(currency, ours)
    if theirs > ours:
        return amount_minor * _power(theirs - ours)
    step = _power(ours - theirs) if theirs < ours else 10 if ours == 3 else 1
    if amount_minor % step:
        raise AmountInvalid(f"Cards pay amounts in {currency} without the last decimals: round it.")
    return amount_minor // _power(ours - theirs)


def from_stripe(amount: int, currency: str) -> int:
    """Return what Stripe counts in the currency's own coins."""
    ours = exponent(currency)
    theirs = _STRIPE_EXPONENT.get(currency, ours)
    return amount * _power(ours - theirs) if theirs <= ours else amount // _power(theirs - ours)


def _power(places: int) -> int:
    return int(10**places)
