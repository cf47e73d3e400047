"""Periods of the year: how they tile, where they end in the customer's zone, what they cost."""

from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from billing.simulation.customers import coins

_TICK: Final = timedelta(microseconds=1)
_KEPT: Final = 10**12
"""Amounts are kept with 12 decimals."""
_SPELLS: Final = """
SELECT id, organization_id, starts_at, ends_at, renews_at, anchor_date, time_zone, period_months
FROM plans_subscription WHERE organization_id = ANY(%s) ORDER BY organization_id, starts_at
"""
_PERIODS: Final = """
SELECT subscription_id, starts_at, ends_at, whole_starts_at, whole_ends_at
FROM plans_subscriptionperiod WHERE organization_id = ANY(%s) ORDER BY starts_at
"""
_FEES: Final = """
SELECT p.organization_id, p.id, p.starts_at, p.ends_at, p.whole_starts_at, p.whole_ends_at, v.fee,
       s.returned AND s.ends_at = p.ends_at,
       (SELECT n.created_at FROM plans_subscriptionperiod n
        WHERE n.organization_id = p.organization_id AND n.starts_at = p.ends_at)
FROM plans_subscriptionperiod p JOIN plans_subscription s ON s.id = p.subscription_id
JOIN plans_planversion v ON v.id = p.plan_version_id
WHERE p.organization_id = ANY(%s) AND v.fee > 0
"""
"""With what made the next period: the change of plan that cut this one."""
_LINES: Final = """
SELECT l.item_id = f.id, l.kind, l.amount_minor, l.amount_minor - coalesce((
  SELECT sum(c.amount_minor) FROM invoices_creditnoteline c
  WHERE c.organization_id = l.organization_id AND c.line_id = l.id AND c.created_at < %(cut)s), 0)
FROM invoices_invoiceitem f
JOIN invoices_invoice v
  ON v.organization_id = f.organization_id AND v.id = f.invoice_id AND v.created_at < %(cut)s
JOIN invoices_invoiceline l ON l.organization_id = v.organization_id AND l.invoice_id = v.id
WHERE f.organization_id = %(owner)s AND f.source = %(source)s ORDER BY l.position
"""
"""Of the invoice that a fee was on when its period was cut: each line, and what was left of it."""


_GIVEN_UP: Final = """
SELECT v.currency, v.subtotal_minor, v.total_minor, v.total_minor
  - coalesce((SELECT sum(p.amount_minor) FROM invoices_invoicepayment p
              WHERE p.invoice_id = v.id AND p.created_at < %(cut)s), 0)
  - coalesce((SELECT sum(n.due_minor) FROM invoices_creditnote n
              WHERE n.invoice_id = v.id AND n.created_at < %(cut)s), 0)
FROM invoices_invoiceitem f
JOIN invoices_invoice v ON v.organization_id = f.organization_id AND v.id = f.invoice_id
WHERE f.organization_id = %(owner)s AND f.source = %(source)s AND EXISTS (
  SELECT FROM kernel_auditevent a WHERE a.organization_id = v.organization_id
  AND a.action = 'invoice.give_up' AND a.detail ->> 'number' = v.number
  AND a.created_at < %(cut)s)
"""
"""Of the invoice that a fee was on, if it was given up before the cut: what was due then."""


def fees_expected(owners: list[UUID]) -> dict[tuple[UUID, str], Decimal]:
    """Return what each stretch costs, and what is given back of one that a change of plan cut."""
    expected = {}
    for owner, period, begins, ends, whole_begins, whole_ends, fee, left, cut in _rows(
        _FEES, owners
    ):
        asked = f"fee:{period}"
        expected[owner, asked] = _share(fee, begins, whole_begins, whole_ends)
        rest = _share(fee, ends, whole_begins, whole_ends)
        if rest and not left:
            worth = _worth(owner, asked, cut)
            back = _kept(Fraction(rest) * worth) - _given_up(owner, asked, cut)
            if back > 0:
                expected[owner, f"fee_cut:{period}"] = -back
    return expected


def _worth(owner: UUID, source: str, cut: datetime) -> Fraction:
    """Return which part of a fee is left after codes and credit notes, as each coin was shared."""
    with connection.cursor() as cursor:
        cursor.execute(_LINES, {"owner": owner, "source": source, "cut": cut})
        lines = cursor.fetchall()
    if not lines:
        return Fraction(1)
    off = -sum(int(rest) for _, kind, _, rest in lines if kind == "discount")
    sold = [
        (own, asked, int(rest))
        for own, kind, asked, rest in lines
        if kind != "discount" and rest > 0
    ]
    whole, reached = sum(rest for _, _, rest in sold), 0
    for own, asked, rest in sold:
        border = _half_up(Fraction(off * reached, whole))
        reached += rest
        if own:
            kept = rest - (_half_up(Fraction(off * reached, whole)) - border)
            return Fraction(max(kept, 0), asked)
    return Fraction(0)


def _given_up(owner: UUID, source: str, cut: datetime) -> Decimal:
    """Return what was due, before taxes, of a fee's invoice that had been given up."""
    with connection.cursor() as cursor:
        cursor.execute(_GIVEN_UP, {"owner": owner, "source": source, "cut": cut})
        found = cursor.fetchone()
    if found is None:
        return Decimal(0)
    currency, subtotal, total, due = found
    return _kept(Fraction(coins(int(due), currency)) * Fraction(subtotal, total))


def tiles_differences(owners: list[UUID]) -> Iterator[str]:
    """Spells follow each other; the periods of each fill it without a gap or an overlap."""
    stretches = defaultdict(list)
    for spell, *stretch in _rows(_PERIODS, owners):
        stretches[spell].append(stretch)
    before: tuple[UUID, datetime] | None = None
    for spell, owner, begins, ends, renews, anchor, zone, months in _rows(_SPELLS, owners):
        if before is not None and before[0] == owner and before[1] > begins:
            yield f"spell {spell} begins before the one before it ends"
        before = (owner, ends or renews)
        at = begins
        for starts, stops, whole_starts, whole_stops in stretches.pop(spell, []):
            if starts != at or not whole_starts <= starts < stops <= whole_stops:
                yield f"spell {spell}: a period begins {starts}, the one before ended {at}"
            at = stops
            if not _anniversary(whole_stops, whole_starts, anchor, ZoneInfo(zone), months):
                yield f"spell {spell}: {whole_stops} is no anniversary of {anchor} in {zone}"
        if at != (ends or renews):
            yield f"spell {spell}: its last period ends {at}, not {ends or renews}"
    yield from (f"periods of no spell: {spell}" for spell in stretches)


def _anniversary(
    ends: datetime, begins: datetime, anchor: date, zone: ZoneInfo, months: int
) -> bool:
    """Say whether a period ends where the anchor's day begins, or the last day of a short month."""
    last, first = ends.astimezone(zone), begins.astimezone(zone)
    day = min(anchor.day, monthrange(last.year, last.month)[1])
    passed = (last.year - first.year) * 12 + last.month - first.month
    eve = (ends - _TICK).astimezone(zone).date()
    return last.day == day and passed == months and eve < last.date()


def _share(fee: Decimal, since: datetime, begins: datetime, ends: datetime) -> Decimal:
    return _kept(Fraction(fee) * Fraction((ends - since) // _TICK, (ends - begins) // _TICK))


def _kept(exact: Fraction) -> Decimal:
    return Decimal(_half_up(exact * _KEPT)).scaleb(-12)


def _half_up(exact: Fraction) -> int:
    return int((exact * 2 + 1) // 2)


def _rows(statement: str, owners: list[UUID]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, [owners])
        return list(cursor.fetchall())
