"""What things would cost, and how a price comes to be."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import Max

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.errors import InvalidRequest
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef
from billing.prices import rating
from billing.prices.contracts import MONEY_METER, PriceInfo, PriceModel, PriceTerms, Quote
from billing.prices.currency import DEFAULT
from billing.prices.errors import (
    MeterInvalid,
    MeterTaken,
    MeterUnknown,
    PriceInvalid,
    PriceOverlaps,
    UnitsInvalid,
)
from billing.prices.models import Meter, Price
from billing.prices.selectors import price_for, price_get, price_info
from billing.prices.terms import LARGEST, match_read, terms_read, tiers_json
from tenants.accounts.contracts import HOUSE_ORGANIZATION

HELD_METERS: Final = frozenset({"prediction", "trained_token", "storage_gb_hour"})
"""What is set aside, or charged at once, at the price: see the ledger's holds."""
_METER: Final = re.compile(r"[a-z][a-z0-9_]{2,49}")
_PLAN: Final = re.compile(r"([a-z][a-z0-9_-]{1,49})?")


def price_quote(
    *,
    meter: str,
    units: Decimal | int,
    organization: OrganizationRef | None = None,
    dims: dict[str, str] | None = None,
    currency: str = DEFAULT,
) -> Quote:
    """Return what ``units`` cost at the price that rules now: the list's, or the organization's.

    Counted from the start of a period, before any credit: what an account would pay at its place in
    the tiers is ``billing.ledger.services.hold_quote``. The amount keeps every decimal: an invoice
    rounds once, at its line. Raises MeterUnknown, UnitsInvalid.
    """
    count = Decimal(units)
    if not count.is_finite() or not 0 <= count <= LARGEST:
        raise UnitsInvalid(param="units")
    if organization is None:
        price = price_get(meter=meter, currency=currency)
    else:
        price = price_for(organization=organization, meter=meter, dims=dims, currency=currency)
    return Quote(
        meter=meter, units=count, amount=rating.rate(price.terms, count), currency=price.currency
    )


def meter_add(
    *, actor: Actor, code: str, name_en: str, name_zh: str, unit_en: str, unit_zh: str
) -> str:
    """Begin to count something; return its code. It costs nothing until it has a price.

    Raises MeterInvalid, MeterTaken.
    """
    if not _METER.fullmatch(code):
        raise MeterInvalid(param="code")
    names = {"name_en": name_en, "name_zh": name_zh, "unit_en": unit_en, "unit_zh": unit_zh}
    for field, text in names.items():
        if not text.strip():
            raise InvalidRequest(f"{field}: give a text.", param=field)
    try:
        with transaction.atomic():
            meter = Meter.objects.create(code=code, **names)
    except IntegrityError as error:
        raise MeterTaken(param="code") from error
    _audit(actor, "meter.add", public_id("meter_", meter.id), {"code": code})
    return code


def price_add(
    *,
    actor: Actor,
    meter: str,
    terms: PriceTerms,
    currency: str = DEFAULT,
    match: dict[str, str] | None = None,
    plan: str = "",
    effective_at: datetime | None = None,
) -> PriceInfo:
    """Add a price that rules from ``effective_at`` (now) on, and can never be changed.

    Raises MeterUnknown, CurrencyUnknown, CurrencyDecimals, PriceInvalid, TiersInvalid,
    MatchInvalid, PriceOverlaps.
    """
    begins_at = _begins_at(effective_at)
    if not _PLAN.fullmatch(plan):
        raise PriceInvalid("plan: give the code of a plan, or nothing.", param="plan")
    read, asked = terms_read(terms, currency), match_read(match or {})
    _held_in_advance(meter, read)
    _money_itself(meter, read, asked, plan)
    # Its lock makes two operators' prices of one meter follow each other.
    counted = Meter.objects.select_for_update().filter(code=meter).first()
    if counted is None:
        raise MeterUnknown(param="meter")
    place: dict[str, Any] = {"currency": currency, "match": asked, "plan": plan}
    same = Price.objects.filter(meter=counted, **place)
    if same.filter(effective_at=begins_at).exists():
        raise PriceOverlaps(param="effective_at")
    row = Price.objects.create(
        meter=counted,
        version=(same.aggregate(last=Max("version"))["last"] or 0) + 1,
        **place,
        effective_at=begins_at,
        model=read.model.value,
        unit_amount=read.unit_amount,
        tiers=tiers_json(read.tiers),
        package_units=read.package_units,
        package_amount=read.package_amount,
        percent=read.percent,
        minimum=read.minimum,
    )
    detail = place | {
        "meter": meter,
        "model": read.model.value,
        "unit_amount": f"{read.unit_amount:f}",
        "effective_at": begins_at.isoformat(),
    }
    _audit(actor, "price.add", public_id("price_", row.id), detail)
    return price_info(row)


def _begins_at(asked: datetime | None) -> datetime:
    now = clock.now()
    if asked is not None and asked < now:
        raise PriceInvalid(
            "A price begins now or later: what was used before has been charged.",
            param="effective_at",
        )
    return asked or now


def _money_itself(meter: str, terms: PriceTerms, match: dict[str, str] | None, plan: str) -> None:
    if meter != MONEY_METER:
        return
    plain = terms.model == PriceModel.PER_UNIT and terms.unit_amount == 1 and not terms.minimum
    if not plain or match or plan:
        raise PriceInvalid(
            f"'{meter}' is money that is owed by contract: one unit costs 1, for everybody.",
            param="unit_amount",
        )


def _held_in_advance(meter: str, terms: PriceTerms) -> None:
    if meter in HELD_METERS and terms.model not in rating.IN_ADVANCE:
        raise PriceInvalid(
            f"'{meter}' is paid before it is used, and what a {terms.model} price comes to is "
            "known only afterwards: price it per_unit, graduated or package.",
            param="model",
        )


def _audit(actor: Actor, action: str, target: str, detail: dict[str, Any]) -> None:
    """Prices belong to no customer: their changes stand in the house's own trail."""
    audit_record(
        actor=actor, action=action, target=target, detail=detail, organization=HOUSE_ORGANIZATION
    )
