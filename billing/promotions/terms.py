"""Reading what a code gives: a promotion that gives nothing, or what cannot be, is refused."""

import re
from dataclasses import replace
from datetime import datetime
from typing import Final

from billing.prices.selectors import meter_exists
from billing.prices.terms import amount_read, coins_read
from billing.promotions.contracts import PromotionKind, PromotionTerms
from billing.promotions.errors import PromotionInvalid

_CODE: Final = re.compile(r"[A-Z0-9][A-Z0-9_-]{5,39}")
_MOST_DAYS: Final = 3650
_MOST_INVOICES: Final = 120
_MOST_REDEMPTIONS: Final = 2**31 - 1
_USED: Final = {
    PromotionKind.PERCENT: {"percent", "invoices"},
    PromotionKind.AMOUNT: {"amount", "currency"},
    PromotionKind.UNITS: {"unit", "units", "days"},
    PromotionKind.TRIAL: {"days"},
}
_EFFECTS: Final = frozenset().union(*_USED.values())


def code_read(text: str) -> str:
    """Return a code as it is kept: in capitals, without spaces around."""
    return text.strip().upper()


def code_check(code: str) -> None:
    """Raise PromotionInvalid for a code that is too easy to guess or to mistype."""
    if not _CODE.fullmatch(code):
        raise PromotionInvalid(
            "code: 6 to 40 letters, digits, '-' and '_', a letter or digit first.", param="code"
        )


def promotion_terms_read(terms: PromotionTerms, now: datetime) -> PromotionTerms:
    """Return the terms as they are kept.

    Raises PromotionInvalid, PriceInvalid, CurrencyUnknown, CurrencyDecimals.
    """
    if terms.kind not in set(PromotionKind):
        raise PromotionInvalid(f"kind is one of {', '.join(PromotionKind)}.", param="kind")
    for name in sorted(_EFFECTS - _USED[terms.kind]):
        if getattr(terms, name) not in (None, ""):
            raise PromotionInvalid(f"{name} is not used by kind '{terms.kind}'.", param=name)
    begins_at = terms.valid_from or now
    if terms.valid_until is not None and terms.valid_until <= max(begins_at, now):
        raise PromotionInvalid(
            "valid_until must come after valid_from and now.", param="valid_until"
        )
    _whole(terms.max_redemptions, "max_redemptions", _MOST_REDEMPTIONS, needed=False)
    _effect_check(terms)
    return replace(terms, valid_from=begins_at)


def _effect_check(terms: PromotionTerms) -> None:
    if terms.kind == PromotionKind.PERCENT:
        if amount_read(terms.percent, param="percent") > 100:
            raise PromotionInvalid("percent: give a number above 0, at most 100.", param="percent")
        _whole(terms.invoices, "invoices", _MOST_INVOICES)
    elif terms.kind == PromotionKind.AMOUNT:
        coins_read(terms.amount, terms.currency, param="amount")
    elif terms.kind == PromotionKind.UNITS:
        if not meter_exists(code=terms.unit):
            raise PromotionInvalid(f"No meter counts '{terms.unit[:50]}'.", param="unit")
        amount_read(terms.units, param="units")
        _whole(terms.days, "days", _MOST_DAYS, needed=False)
    else:
        _whole(terms.days, "days", _MOST_DAYS)


def _whole(value: int | None, name: str, most: int, *, needed: bool = True) -> None:
    if value is None and not needed:
        return
    if value is None or not 1 <= value <= most:
        raise PromotionInvalid(f"{name}: give a whole number from 1 to {most:,}.", param=name)
