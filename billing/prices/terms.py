"""Reading a price's terms: what cannot be charged is refused with the sentence that mends it."""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any, Final

from billing.prices.contracts import PriceModel, PriceTerms, Tier
from billing.prices.currency import PRECISION, exponent, require_decimals
from billing.prices.errors import MatchInvalid, PriceInvalid, TiersInvalid

LARGEST: Final = Decimal(10) ** 15
DECIMALS: Final = 12
CHANNELS: Final = ("online", "batch")
DIMENSIONS: Final = ("task", "tier", "channel")
_WORD: Final = re.compile(r"[a-z0-9_-]{1,50}")

Number = Decimal | int | str


def amount_read(value: Number | None, *, param: str, zero: bool = False) -> Decimal:
    """Return an amount as prices keep it; ``zero`` allows 0. Raises PriceInvalid.

    A float is refused: it would carry digits nobody wrote.
    """
    lowest = "of at least 0" if zero else "above 0"
    fault = PriceInvalid(
        f"{param}: give a number {lowest}, at most 10^15, with at most 12 decimals.", param=param
    )
    if value is None or isinstance(value, float | bool):
        raise fault
    try:
        amount = Decimal(value)
    except (InvalidOperation, ValueError) as error:
        raise fault from error
    if not amount.is_finite() or amount < 0 or amount > LARGEST or (amount == 0 and not zero):
        raise fault
    with localcontext(prec=PRECISION):
        if round(amount, DECIMALS) != amount:
            raise fault
    return amount


def coins_read(value: Number | None, currency: str, *, param: str, zero: bool = False) -> Decimal:
    """Return an amount that is paid as such, in whole coins of the currency.

    Raises PriceInvalid, CurrencyUnknown, CurrencyDecimals.
    """
    amount = amount_read(value, param=param, zero=zero)
    require_decimals(amount, currency, param=param)
    return amount


def terms_read(terms: PriceTerms, currency: str) -> PriceTerms:
    """Return the terms whole: `unit_amount` filled in, and nothing that another model would use.

    Raises PriceInvalid, TiersInvalid, CurrencyUnknown, CurrencyDecimals.
    """
    exponent(currency)
    if terms.model not in set(PriceModel):
        raise PriceInvalid(f"model is one of {', '.join(PriceModel)}.", param="model")
    minimum = terms.minimum
    if minimum is not None:
        minimum = coins_read(minimum, currency, param="minimum")
    read = {
        PriceModel.PER_UNIT: _per_unit,
        PriceModel.GRADUATED: _tiered,
        PriceModel.VOLUME: _tiered,
        PriceModel.PACKAGE: _package,
        PriceModel.PERCENTAGE: _percentage,
    }[PriceModel(terms.model)]
    return PriceTerms(model=PriceModel(terms.model), minimum=minimum, **read(terms, currency))


def match_read(match: Mapping[str, str]) -> dict[str, str]:
    """Return what a price asks of a usage event. Raises MatchInvalid."""
    for name, value in match.items():
        known = name in DIMENSIONS and _WORD.fullmatch(str(value))
        if not known or (name == "channel" and value not in CHANNELS):
            raise MatchInvalid(param="match")
    return {name: match[name] for name in DIMENSIONS if name in match}


def tiers_json(tiers: Iterable[Tier]) -> list[dict[str, str | None]]:
    """Return tiers as the table keeps them: numbers as texts, so that none becomes a float."""
    return [
        {
            "up_to": None if tier.up_to is None else f"{tier.up_to:f}",
            "unit_amount": f"{tier.unit_amount:f}",
            "flat_amount": f"{tier.flat_amount:f}",
        }
        for tier in tiers
    ]


def tiers_of(stored: Iterable[Mapping[str, Any]]) -> tuple[Tier, ...]:
    """Return tiers as ``tiers_json`` wrote them."""
    return tuple(
        Tier(
            up_to=None if tier["up_to"] is None else Decimal(tier["up_to"]),
            unit_amount=Decimal(tier["unit_amount"]),
            flat_amount=Decimal(tier["flat_amount"]),
        )
        for tier in stored
    )


def _per_unit(terms: PriceTerms, currency: str) -> dict[str, Any]:
    _refuse_others(terms, ())
    return {"unit_amount": amount_read(terms.unit_amount, param="unit_amount", zero=True)}


def _tiered(terms: PriceTerms, currency: str) -> dict[str, Any]:
    _refuse_others(terms, ("tiers",))
    if not terms.tiers:
        raise TiersInvalid("Give at least one tier.", param="tiers")
    tiers = []
    floor = Decimal(0)
    for number, tier in enumerate(terms.tiers, 1):
        name = f"tiers[{number - 1}]"
        last = number == len(terms.tiers)
        if last != (tier.up_to is None):
            raise TiersInvalid(
                "The last tier has no end (up_to null), and only the last one.", param="tiers"
            )
        up_to = None
        if tier.up_to is not None:
            up_to = amount_read(tier.up_to, param=f"{name}.up_to")
            if up_to <= floor:
                raise TiersInvalid(
                    f"Tier {number} ends at {up_to:f}, not above {floor:f} where it begins.",
                    param=f"{name}.up_to",
                )
            floor = up_to
        unit_amount = amount_read(tier.unit_amount, param=f"{name}.unit_amount", zero=True)
        flat = coins_read(tier.flat_amount, currency, param=f"{name}.flat_amount", zero=True)
        tiers.append(Tier(up_to=up_to, unit_amount=unit_amount, flat_amount=flat))
    return {"tiers": tuple(tiers), "unit_amount": tiers[0].unit_amount}


def _package(terms: PriceTerms, currency: str) -> dict[str, Any]:
    _refuse_others(terms, ("package_units", "package_amount"))
    units = amount_read(terms.package_units, param="package_units")
    amount = coins_read(terms.package_amount, currency, param="package_amount")
    with localcontext(prec=PRECISION):
        shown = round(amount / units, DECIMALS)
    if shown > LARGEST:
        raise PriceInvalid("A unit would cost more than 10^15.", param="package_units")
    return {"package_units": units, "package_amount": amount, "unit_amount": shown}


def _percentage(terms: PriceTerms, currency: str) -> dict[str, Any]:
    _refuse_others(terms, ("percent",))
    percent = amount_read(terms.percent, param="percent")
    if percent > 100 or round(percent, DECIMALS - 2) != percent:
        raise PriceInvalid(
            "percent: give a number above 0, at most 100, with at most 10 decimals.",
            param="percent",
        )
    return {"percent": percent, "unit_amount": percent.scaleb(-2)}


def _refuse_others(terms: PriceTerms, own: tuple[str, ...]) -> None:
    """Refuse a field that the model would not look at: its writer meant another model."""
    for name in ("tiers", "package_units", "package_amount", "percent"):
        if name not in own and getattr(terms, name) not in (None, ()):
            raise PriceInvalid(f"{name} is not used by the model '{terms.model}'.", param=name)
