"""In which currency an organization pays, and how much at once."""

from decimal import Decimal
from typing import Final

from anneal.kernel.scopes import OrganizationRef
from billing.invoices.money import money_text
from billing.invoices.selectors import currency_invoiced
from billing.ledger.selectors import account_get
from billing.payments.errors import AmountInvalid
from billing.payments.provider.amounts import most_chargeable, require_chargeable
from billing.prices.currency import (
    DEFAULT,
    exponent,
    magnitude,
    minor_units,
    require_decimals,
)

_LEAST: Final = 5
_MOST: Final = 10_000
"""In the power of ten of the currency that is worth a dollar, or a few."""


def currency_of(organization: OrganizationRef, wanted: str = "") -> str:
    """Return the currency to pay in: the account's, else what is asked for, else the default.

    An account that holds no money yet is kept in what it is invoiced in: what is paid beyond an
    invoice becomes credit, and credit has one currency.
    """
    own = account_get(organization=organization).currency or currency_invoiced(
        organization=organization
    )
    if own and wanted and wanted != own:
        raise AmountInvalid(f"This account is kept in {own}.", param="currency")
    currency = own or wanted or DEFAULT
    exponent(currency)
    return currency


def least_most(currency: str) -> tuple[int, int]:
    """Return how little and how much is paid at once, in the smallest coins."""
    scale = magnitude(currency) * 10 ** exponent(currency)
    return _LEAST * scale, min(_MOST * scale, most_chargeable(currency))


def amount_read(amount: Decimal, currency: str, *, param: str = "amount") -> int:
    """Return an amount in coins. Raises AmountInvalid, CurrencyDecimals."""
    require_decimals(amount, currency, param=param)
    coins = minor_units(amount, currency)
    least, most = least_most(currency)
    if not least <= coins <= most:
        raise AmountInvalid(
            f"Pay from {money_text(least, currency)} to {money_text(most, currency)} {currency}"
            " at once.",
            param=param,
        )
    require_chargeable(coins, currency, param=param)
    return coins
