"""Which numbers may be amounts."""

from decimal import Decimal
from typing import Any

import pytest

from billing.ledger.amounts import amount_read
from billing.ledger.errors import AmountInvalid


@pytest.mark.parametrize(
    "amount",
    [
        "NaN", "Infinity", "-1", "0", "1e16", "x", "0.1234567890123", 0.5, True,
        # More digits than the default context keeps: rounding first would hide them.
        "1.0000000000000000000000000000000001",
    ],
)  # fmt: skip
def test_what_is_no_amount_is_refused(amount: Any) -> None:
    with pytest.raises(AmountInvalid):
        amount_read(amount)


def test_the_largest_and_the_finest_amount_are_kept() -> None:
    assert amount_read(10**15) == 10**15
    assert amount_read("999999999999999.123456789012") == Decimal("999999999999999.123456789012")
