"""Usage that is paid afterwards: what a credit line paid, by price, less what was asked for.

Asked for is always the difference between what is owed of a price and what items have asked for.
So nothing is asked for twice or never, whenever and however often it is looked at, and what comes
late or is refunded later stands on the next invoice. What was booked below a mark is settled: the
schedule keeps its difference (`usage_rest`), so that a close reads what was booked since, and not
what a customer ever used.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final
from uuid import UUID

from django.db import connection

from anneal.kernel.scopes import OrganizationRef
from billing.invoices.contracts import ItemKind
from billing.invoices.models import InvoiceItem, InvoiceSchedule
from billing.invoices.services.items import item_add
from billing.ledger.models import RatedUsage
from billing.prices.models import Meter, Price
from billing.prices.rating import rate
from billing.prices.selectors import price_terms

LATE: Final = timedelta(days=1)
"""Nothing is booked so long after its moment: transactions take seconds."""
_STEP: Final = Decimal("1e-12")
_BOOKED: Final = """
SELECT h.price_id, h.unit, e.unit, e.settled, sum(e.amount),
       coalesce(sum(e.amount * CASE WHEN e.kind = 'refund'
                THEN h.rated_refunded / nullif(h.charge_refunded, 0)
                ELSE h.rated_captured / nullif(h.charged, 0) END), 0)
FROM (SELECT hold_id, unit, kind, booked_at < %(mark)s AS settled, sum(amount) AS amount
      FROM ledger_ledgerentry
      WHERE organization_id = %(organization)s AND account = 'receivable'
        AND unit ~ '^[A-Z]{3}$' AND unit = ANY(ARRAY(
          SELECT unit FROM ledger_balance WHERE organization_id = %(organization)s))
        AND booked_at >= %(since)s AND booked_at < %(until)s
      GROUP BY 1, 2, 3, 4) e
JOIN ledger_hold h ON h.organization_id = %(organization)s AND h.id = e.hold_id
GROUP BY 1, 2, 3, 4 ORDER BY 2, 1
"""
"""Of holds that other money paid for in part, as many units as the credit line's share paid for."""


@dataclass(frozen=True, slots=True)
class Owed:
    """What is owed at a price and not asked for yet; below zero, what was refunded since."""

    price_id: UUID | None
    meter: str
    currency: str
    amount: Decimal
    units: Decimal


_Key = tuple[UUID | None, str, str]
_Sums = dict[_Key, tuple[Decimal, Decimal]]


def usage_owed(organization: OrganizationRef, until: datetime) -> Iterator[Owed]:
    """Yield what was booked before ``until`` and no item has asked for."""
    schedule = InvoiceSchedule.objects.filter(organization_id=organization.id).first()
    if schedule is not None:
        yield from _owed(_unasked(schedule, until, mark=until)[0])


def _unasked(schedule: InvoiceSchedule, until: datetime, *, mark: datetime) -> tuple[_Sums, _Sums]:
    """Return what is not asked for yet, and which part of it was booked before ``mark``."""
    with connection.cursor() as cursor:
        cursor.execute(
            _BOOKED,
            {
                "organization": schedule.organization_id,
                "since": max(schedule.begins_at, schedule.usage_from),
                "until": until,
                "mark": mark,
            },
        )
        booked = cursor.fetchall()
    settled = _rest_read(schedule.usage_rest)
    owed = dict(settled)
    for price_id, meter, currency, below, amount, units in booked:
        for sums in (owed, settled) if below else (owed,):
            before = sums.get((price_id, meter, currency), (Decimal(0), Decimal(0)))
            more = (Decimal(amount), Decimal(units).quantize(_STEP, ROUND_HALF_UP))
            sums[price_id, meter, currency] = (before[0] + more[0], before[1] + more[1])
    return owed, settled


def _owed(sums: _Sums) -> Iterator[Owed]:
    for (price_id, meter, currency), (amount, units) in sums.items():
        if amount:
            yield Owed(price_id, meter, currency, amount, units)


def _asked(owed: _Sums, settled: _Sums) -> _Sums:
    """Return what is settled, less what is asked for now."""
    nothing = (Decimal(0), Decimal(0))
    rest = {}
    for key, (amount, units) in owed.items():
        before = settled.get(key, nothing)
        rest[key] = (before[0] - amount, before[1] - units) if amount else before
    return {key: sums for key, sums in rest.items() if any(sums)}


def _rest_read(rows: list[list[Any]]) -> _Sums:
    return {
        (UUID(price) if price else None, meter, currency): (Decimal(amount), Decimal(units))
        for price, meter, currency, amount, units in rows
    }


def _rest_json(sums: _Sums) -> list[list[str | None]]:
    return [
        [str(price) if price else None, meter, currency, f"{amount:f}", f"{units:f}"]
        for (price, meter, currency), (amount, units) in sums.items()
    ]


def meter_names() -> dict[str, dict[str, str]]:
    """Return what each meter is called, as lines keep it."""
    rows = Meter.objects.values_list("code", "name_en", "name_zh")
    return {code: {"meter_en": name_en, "meter_zh": name_zh} for code, name_en, name_zh in rows}


def usage_collect(organization: OrganizationRef, begins: datetime, ends: datetime) -> None:
    """Ask for what a period brought, and what prices ask at least. The account is locked."""
    schedule = InvoiceSchedule.objects.get(organization_id=organization.id)
    mark = max(schedule.usage_from, ends - LATE)
    unasked, settled = _unasked(schedule, ends, mark=mark)
    names = meter_names()
    for owed in _owed(unasked):
        item_add(
            organization=organization,
            source=f"usage:{ends.isoformat()}:{owed.price_id or owed.meter}:{owed.currency}",
            kind=ItemKind.USAGE,
            currency=owed.currency,
            amount=owed.amount,
            description_code="usage" if owed.price_id else "usage_money",
            params=names.get(owed.meter, {}),
            quantity=owed.units or None,
            period=(begins, ends),
            due_at=ends,
            meter=owed.meter,
            price_id=owed.price_id,
            evidence={"price": str(owed.price_id or ""), "booked_before": ends.isoformat()},
        )
    schedule.usage_from, schedule.usage_rest = mark, _rest_json(_asked(unasked, settled))
    schedule.save(update_fields=["usage_from", "usage_rest"])
    _minimums_collect(organization, begins, ends)


def _minimums_collect(organization: OrganizationRef, begins: datetime, ends: datetime) -> None:
    """Raise the period's usage at a price to what the price asks for at least.

    The versions of a price are one: its last that was used says how much, and all of them count.
    """
    items = InvoiceItem.objects.filter(
        organization_id=organization.id, kind=ItemKind.USAGE, ends_at=ends, amount__gt=0
    )
    prices = Price.objects.filter(id__in=items.values("price_id")).select_related("meter")
    counted = {
        row.price_id: row
        for row in RatedUsage.objects.filter(
            organization_id=organization.id, price_id__in=items.values("price_id"), ends_at=ends
        )
    }
    versions: dict[tuple[object, ...], list[Price]] = defaultdict(list)
    for price in prices.order_by("effective_at"):
        if price.id in counted:
            place = (price.meter_id, price.currency, price.plan, tuple(sorted(price.match.items())))
            versions[place].append(price)
    for used in versions.values():
        last = used[-1]
        rated = sum((rate(price_terms(one), counted[one.id].used) for one in used), Decimal(0))
        if last.minimum is not None and rated < last.minimum:
            source = f"minimum:{counted[last.id].id}"
            _minimum_add(organization, source, last, (begins, ends), rated)


def _minimum_add(
    organization: OrganizationRef,
    source: str,
    price: Price,
    period: tuple[datetime, datetime],
    rated: Decimal,
) -> None:
    minimum = price.minimum or Decimal(0)
    item_add(
        organization=organization,
        source=source,
        kind=ItemKind.MINIMUM,
        currency=price.currency,
        amount=minimum - rated,
        description_code="minimum",
        params={
            "meter_en": price.meter.name_en,
            "meter_zh": price.meter.name_zh,
            "minimum": f"{minimum.normalize():f} {price.currency}",
        },
        period=period,
        due_at=period[1],
        evidence={"price": str(price.id), "rated": f"{rated.normalize():f}"},
    )
