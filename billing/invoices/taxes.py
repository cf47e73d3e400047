"""Which taxes an invoice asks for: once per rate on the sum, and then shared out over lines."""

from collections.abc import Sequence
from decimal import Decimal

from billing.invoices.contracts import Profile, Rate, SellerTerms, TaxDraft
from billing.invoices.models import TaxRate
from billing.invoices.money import percent_of, spread
from billing.invoices.rows import rate_of


def rates_for(profile: Profile, seller: SellerTerms) -> tuple[tuple[Rate, ...], bool]:
    """Return the rates that a customer pays, and whether any is left for it to pay itself.

    Those of its country; the seller's where it has not said its own.
    """
    country = profile.country or seller.country
    rows = TaxRate.objects.filter(country=country, ended_at__isnull=True).order_by("id")
    rates = tuple(map(rate_of, rows))
    abroad = bool(profile.tax_id) and country != seller.country
    asked = tuple(rate for rate in rates if not (abroad and rate.reverse_charge))
    return asked, len(asked) < len(rates)


def taxes_on(lines: Sequence[int], rates: Sequence[Rate]) -> tuple[TaxDraft, ...]:
    """Return each rate's tax on the sum of the lines."""
    base = sum(lines)
    if base <= 0:
        return ()
    return tuple(_draft(rate, base, percent_of(base, rate.percent), lines) for rate in rates)


def taxes_within(total: int, rates: Sequence[Rate]) -> tuple[TaxDraft, ...]:
    """Return the taxes that an amount paid holds already."""
    included = sum((rate.percent for rate in rates), Decimal(0))
    amounts = [percent_of(total, rate.percent, included=included) for rate in rates]
    base = total - sum(amounts)
    return tuple(
        _draft(rate, base, amount, [base]) for rate, amount in zip(rates, amounts, strict=True)
    )


def _draft(rate: Rate, base: int, amount: int, lines: Sequence[int]) -> TaxDraft:
    return TaxDraft(
        rate=rate, base_minor=base, amount_minor=amount, shares=tuple(spread(amount, lines))
    )
