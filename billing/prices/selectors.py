"""Questions to the price list."""

import json
from collections.abc import Collection
from datetime import datetime
from decimal import Decimal

from django.db import connection

from anneal.kernel import clock
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.prices.contracts import PriceInfo, PriceModel, PriceTerms
from billing.prices.currency import DEFAULT
from billing.prices.errors import MeterUnknown
from billing.prices.models import Meter, Price
from billing.prices.terms import DIMENSIONS, tiers_of


def prices_current(*, plans: Collection[str] = ("",)) -> tuple[PriceInfo, ...]:
    """Return the list prices that rule now, or plans' own ones.

    By meter and currency; among these the price of all usage comes before those that ask for a
    task, a tier or a channel.
    """
    rows = (
        Price.objects.filter(effective_at__lte=clock.now(), plan__in=plans)
        .select_related("meter")
        .order_by("meter__code", "currency", "plan", "match", "-effective_at")
        .distinct("meter__code", "currency", "plan", "match")
    )
    return tuple(
        sorted(
            map(price_info, rows),
            key=lambda one: (one.meter, one.currency != DEFAULT, one.currency, _asked(one)),
        )
    )


def price_get(*, meter: str, currency: str = DEFAULT) -> PriceInfo:
    """Return the list price of all usage that rules now. Raises MeterUnknown."""
    for price in prices_current():
        if (price.meter, price.currency) == (meter, currency) and not price.match:
            return price
    raise MeterUnknown(param="meter")


def price_for(
    *,
    organization: OrganizationRef,
    meter: str,
    dims: dict[str, str] | None = None,
    currency: str = DEFAULT,
    at: datetime | None = None,
) -> PriceInfo:
    """Return the price that rules an organization's usage, as the ledger asks. Raises MeterUnknown.

    ``dims`` are the usage's task, tier and channel.
    """
    require_scope(organization)
    dims_json = {name: value for name, value in (dims or {}).items() if name in DIMENSIONS}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (price_for(%s, %s, %s, jsonb_strip_nulls(%s::jsonb), %s)).id",
            [organization.id, meter, currency, json.dumps(dims_json), at or clock.now()],
        )
        (price_id,) = cursor.fetchone()
    row = Price.objects.select_related("meter").filter(id=price_id).first()
    if row is None:
        raise MeterUnknown(param="meter")
    return price_info(row)


def meter_exists(*, code: str) -> bool:
    """Say whether something is counted under this code."""
    return Meter.objects.filter(code=code).exists()


def price_terms(row: Price) -> PriceTerms:
    """Copy a row's terms."""
    return PriceTerms(
        model=PriceModel(row.model),
        unit_amount=Decimal(row.unit_amount),
        tiers=tiers_of(row.tiers),
        package_units=row.package_units,
        package_amount=row.package_amount,
        percent=row.percent,
        minimum=row.minimum,
    )


def price_info(row: Price) -> PriceInfo:
    """Copy a row, its meter fetched with it, into the shape other apps may hold."""
    return PriceInfo(
        id=row.id,
        meter=row.meter.code,
        name_en=row.meter.name_en,
        name_zh=row.meter.name_zh,
        unit_en=row.meter.unit_en,
        unit_zh=row.meter.unit_zh,
        currency=row.currency,
        version=row.version,
        effective_at=row.effective_at,
        terms=price_terms(row),
        plan=row.plan,
        match=row.match,
    )


def _asked(price: PriceInfo) -> tuple[int, list[str]]:
    return len(price.match), [price.match.get(name, "") for name in DIMENSIONS]
