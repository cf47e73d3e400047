"""Usage that is paid afterwards: what a credit line paid, by price, less what was asked for.

Asked for is always the difference between what is owed of a price in all and what items have asked
for. So nothing is asked for twice or never, whenever and however often it is looked at, and what
comes late or is refunded later stands on the next invoice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import Sum

from anneal.kernel.scopes import OrganizationRef
from billing.invoices.contracts import ItemKind
from billing.invoices.models import InvoiceItem, InvoiceSchedule
from billing.invoices.services.items import item_add
from billing.ledger.models import RatedUsage
from billing.prices.models import Meter, Price
from billing.prices.rating import rate
from billing.prices.selectors import price_terms

_STEP: Final = Decimal("1e-12")
_OWED: Final = """
SELECT h.price_id, h.unit, r.unit, sum(r.amount),
       sum(CASE WHEN h.charged > h.charge_refunded
                THEN (h.rated_captured - h.rated_refunded) * r.amount
                     / (h.charged - h.charge_refunded) ELSE 0 END)
FROM (SELECT hold_id, unit, sum(amount) AS amount FROM ledger_ledgerentry
      WHERE organization_id = %(organization)s AND account = 'receivable'
        AND booked_at >= %(since)s AND booked_at < %(until)s AND unit ~ '^[A-Z]{3}$'
      GROUP BY hold_id, unit) r
JOIN ledger_hold h ON h.organization_id = %(organization)s AND h.id = r.hold_id
GROUP BY 1, 2, 3 ORDER BY 2, 1
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


def usage_owed(organization: OrganizationRef, until: datetime) -> Iterator[Owed]:
    """Yield what was booked before ``until`` and no item has asked for."""
    asked = {
        (row["price_id"], row["meter"], row["currency"]): row
        for row in InvoiceItem.objects.filter(
            organization_id=organization.id, kind=ItemKind.USAGE, dropped_at__isnull=True
        )
        .values("price_id", "meter", "currency")
        .annotate(amount=Sum("amount"), units=Sum("quantity"))
    }
    schedule = InvoiceSchedule.objects.filter(organization_id=organization.id).first()
    since = schedule.begins_at if schedule else until
    with connection.cursor() as cursor:
        cursor.execute(_OWED, {"organization": organization.id, "since": since, "until": until})
        found = cursor.fetchall()
    for price_id, meter, currency, amount, units in found:
        before = asked.get((price_id, meter, currency))
        more = Decimal(amount) - (before["amount"] if before else 0)
        count = Decimal(units) - ((before["units"] or 0) if before else 0)
        if more:
            yield Owed(price_id, meter, currency, more, count.quantize(_STEP, ROUND_HALF_UP))


def meter_names() -> dict[str, dict[str, str]]:
    """Return what each meter is called, as lines keep it."""
    rows = Meter.objects.values_list("code", "name_en", "name_zh")
    return {code: {"meter_en": name_en, "meter_zh": name_zh} for code, name_en, name_zh in rows}


def usage_collect(organization: OrganizationRef, begins: datetime, ends: datetime) -> None:
    """Ask for what a period brought, and what prices ask at least. The account is locked."""
    names = meter_names()
    for owed in usage_owed(organization, ends):
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
    _minimums_collect(organization, begins, ends)


def _minimums_collect(organization: OrganizationRef, begins: datetime, ends: datetime) -> None:
    """Raise the period's usage at a price to what the price asks for at least."""
    items = InvoiceItem.objects.filter(
        organization_id=organization.id, kind=ItemKind.USAGE, ends_at=ends, amount__gt=0
    )
    prices = Price.objects.select_related("meter").filter(
        id__in=items.values("price_id"), minimum__isnull=False
    )
    for price in prices:
        used = RatedUsage.objects.filter(
            organization_id=organization.id, price_id=price.id, ends_at=ends
        ).first()
        terms = price_terms(price)
        rated = rate(terms, used.used) if used else Decimal(0)
        if used is None or terms.minimum is None or rated >= terms.minimum:
            continue
        item_add(
            organization=organization,
            source=f"minimum:{used.id}",
            kind=ItemKind.MINIMUM,
            currency=price.currency,
            amount=terms.minimum - rated,
            description_code="minimum",
            params={
                "meter_en": price.meter.name_en,
                "meter_zh": price.meter.name_zh,
                "minimum": f"{terms.minimum.normalize():f} {price.currency}",
            },
            period=(begins, ends),
            due_at=ends,
            evidence={"price": str(price.id), "rated": f"{rated.normalize():f}"},
        )
