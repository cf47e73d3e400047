"""What tokens cost by the price list, before any grant."""

from decimal import Decimal

from anneal.kernel.scopes import OrganizationRef
from billing.ledger.selectors import account_get
from billing.prices.contracts import Quote
from billing.prices.currency import DEFAULT
from billing.prices.errors import MeterUnknown
from billing.prices.services import price_quote
from mlworker.jobs.contracts import METER


def list_price(
    *, organization: OrganizationRef, tokens: Decimal | int, dims: dict[str, str]
) -> Quote:
    """Return it in the account's currency, or where no price is in that, in the list's."""

    def quote(currency: str) -> Quote:
        return price_quote(
            meter=METER, units=tokens, organization=organization, dims=dims, currency=currency
        )

    try:
        return quote(account_get(organization=organization).currency or DEFAULT)
    except MeterUnknown:
        return quote(DEFAULT)
