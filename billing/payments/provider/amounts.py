"""Amounts as Stripe writes them: for some currencies its smallest coin is not ISO 4217's."""

from typing import Final

from billing.payments.errors import AmountInvalid
from billing.prices.currency import exponent

_STRIPE_EXPONENT: Final = {"MGA": 0, "ISK": 2, "UGX": 2}
"""docs.stripe.com/currencies, special cases."""


_MOST: Final = 99_999_999
"""An amount has eight digits at most."""


def to_stripe(amount_minor: int, currency: str) -> int:
    """Return coins as Stripe counts them. Raises AmountInvalid for what it cannot charge."""
    ours, theirs = _exponents(currency)
    if theirs > ours:
        return amount_minor * _power(theirs - ours)
    require_chargeable(amount_minor, currency)
    return amount_minor // _power(ours - theirs)


def require_chargeable(amount_minor: int, currency: str, *, param: str | None = None) -> None:
    """Raise AmountInvalid for coins that a card neither pays nor takes back."""
    if amount_minor % _step(currency):
        raise AmountInvalid(
            f"Cards pay amounts in {currency} without the last decimals: round it.", param=param
        )


def chargeable(amount_minor: int, currency: str) -> int:
    """Return the fewest coins that a card can pay and that are enough."""
    step = _step(currency)
    return -(-amount_minor // step) * step


def chargeable_within(amount_minor: int, currency: str) -> int:
    """Return the most coins within an amount that a card can pay, or take back."""
    return amount_minor - amount_minor % _step(currency)


def most_chargeable(currency: str) -> int:
    """Return the most coins that a card can pay at once."""
    return chargeable_within(from_stripe(_MOST, currency), currency)


def from_stripe(amount: int, currency: str) -> int:
    """Return what Stripe counts in the currency's own coins."""
    ours, theirs = _exponents(currency)
    return amount * _power(ours - theirs) if theirs <= ours else amount // _power(theirs - ours)


def _exponents(currency: str) -> tuple[int, int]:
    ours = exponent(currency)
    return ours, _STRIPE_EXPONENT.get(currency, ours)


def _step(currency: str) -> int:
    """Return in what steps a card pays: the last of three decimals is always 0."""
    ours, theirs = _exponents(currency)
    return _power(ours - theirs) if theirs < ours else 10 if ours == 3 else 1


def _power(places: int) -> int:
    return int(10**places)
