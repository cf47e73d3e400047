"""Which numbers may be amounts."""

from decimal import Decimal, InvalidOperation
from typing import Final

from billing.ledger.errors import AmountInvalid

LARGEST: Final = Decimal(10) ** 15
DECIMALS: Final = 12


def amount_read(value: Decimal | int | str, *, zero: bool = False) -> Decimal:
    """Return ``value`` as the ledger keeps it; ``zero`` allows 0. Raises AmountInvalid.

    A float is refused by type: it would carry digits nobody wrote.
    """
    try:
        amount = Decimal(value)
    except (InvalidOperation, ValueError) as error:
        raise AmountInvalid(param="amount") from error
    if not amount.is_finite() or amount < 0 or amount > LARGEST or (amount == 0 and not zero):
        raise AmountInvalid(param="amount")
    exponent = amount.normalize().as_tuple().exponent
    if isinstance(exponent, int) and exponent < -DECIMALS:
        raise AmountInvalid(param="amount")
    return amount
