"""Which numbers may be amounts."""

from decimal import Decimal, InvalidOperation
from typing import Final

from anneal.kernel.errors import InvalidRequest
from billing.ledger.errors import AmountInvalid, UnitUnknown
from billing.prices.currency import exponent, require_decimals
from billing.prices.errors import CurrencyUnknown
from billing.prices.selectors import meter_exists

LARGEST: Final = Decimal(10) ** 15
DECIMALS: Final = 12
LONGEST_REASON: Final = 500


def amount_read(value: Decimal | int | str, *, zero: bool = False) -> Decimal:
    """Return ``value`` as the ledger keeps it; ``zero`` allows 0. Raises AmountInvalid.

    A float is refused: it would carry digits nobody wrote.
    """
    if isinstance(value, float | bool):
        raise AmountInvalid(param="amount")
    try:
        amount = Decimal(value)
    except (InvalidOperation, ValueError) as error:
        raise AmountInvalid(param="amount") from error
    if not amount.is_finite() or amount < 0 or amount > LARGEST or (amount == 0 and not zero):
        raise AmountInvalid(param="amount")
    # 10^15 with 12 decimals are 28 digits, so rounding here is exact or shows.
    if round(amount, DECIMALS) != amount:
        raise AmountInvalid(param="amount")
    return amount


def unit_read(unit: str) -> bool:
    """Say whether ``unit`` is money (True) or a meter's (False). Raises UnitUnknown."""
    if meter_exists(code=unit):
        return False
    try:
        exponent(unit)
    except CurrencyUnknown as error:
        raise UnitUnknown(param="unit") from error
    return True


def money_read(amount: Decimal, currency: str) -> None:
    """Refuse an amount that no coins of the currency can pay. Raises CurrencyDecimals."""
    require_decimals(amount, currency, param="amount")


def reason_read(text: str) -> str:
    """Return why the operator does something, as the audit trail keeps it. It must be said."""
    if not text.strip() or len(text) > LONGEST_REASON:
        raise InvalidRequest(
            f"Give a reason of at most {LONGEST_REASON} characters.", param="reason"
        )
    return text.strip()
