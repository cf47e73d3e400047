"""Which numbers may be amounts."""

from decimal import Decimal, InvalidOperation
from typing import Final

from billing.ledger.errors import AmountInvalid

LARGEST: Final = Decimal(10) ** 15
DECIMALS: Final = 12


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
