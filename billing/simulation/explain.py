"""What every invoice of the year should say, from what happened, by arithmetic of its own.

It calls nothing of invoices: it reads what stands in their tables, and plans' periods and the
ledger's entries as the events they are of.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final
from uuid import UUID

from django.db import connection

from anneal.kernel.scopes import system_scope
from billing.simulation.customers import DECIMALS, coins
from billing.simulation.explain_payments import payments_differences, received_by_card
from billing.simulation.explain_periods import fees_expected, tiles_differences
from billing.simulation.offers import SELLER
from billing.simulation.world import World

_UNPARKED: Final = timedelta(days=18)
"""An unpaid invoice's ladder has 14 days, its last try one more, and who looks comes daily."""
_LADDER: Final = timedelta(days=14)
_FIRST: Final = re.compile("(payment|credit_note|overpaid:(payment|outside)):[^:]+")
"""The source of credit that money became; of what was given anew of it, the source is longer."""
_LEAST: Final = {"USD": 50, "EUR": 50, "JPY": 50, "KWD": 500}
"""The fewest coins of each currency that are invoiced."""


def explained(world: World, now: datetime) -> list[str]:
    """Return whatever the invoices of the simulated organizations say and nothing explains."""
    with system_scope("simulation"):
        owners = list(world.by_id)
        return [
            *tiles_differences(owners),
            *_items(world, owners),
            *_waiting(world, owners, now),
            *_usage(world, owners),
            *_lines(owners),
            *_taxes(world, owners),
            *_numbers(),
            *_notes(world, owners),
            *_money(world, owners),
            *payments_differences(world, owners),
            *_excess(world, owners),
            *_ladders(world, owners, now),
            *_parked(world, owners),
            *(f"{unit}: entries sum to {left}" for unit, left in _rows(_SUMS, [])),
        ]


_SUMS: Final = (
    "SELECT unit, sum(amount) FROM ledger_ledgerentry GROUP BY unit HAVING sum(amount) <> 0"
)


def _items(world: World, owners: list[UUID]) -> Iterator[str]:
    """What is asked for beside usage: fees by periods, outcomes and top-ups by what was done."""
    expected: dict[tuple[UUID, str], Decimal] = {
        **fees_expected(owners),
        **world.booked.items,
    }
    cards = received_by_card(world, owners)
    bought = {key: each.amount_minor for key, each in cards.items() if each.bought}
    found = {}
    for owner, source, amount, dropped, kind, currency in _rows(
        "SELECT organization_id, source, amount, dropped_at IS NOT NULL, kind, currency"
        " FROM invoices_invoiceitem WHERE organization_id = ANY(%s) AND kind <> 'usage'",
        [owners],
    ):
        if dropped != ((owner, source) in world.booked.dropped):
            yield f"{source}: dropped is {dropped}"
        if kind == "top_up":
            paid = bought.get((owner, source), 0)
            net = paid - sum(_within(paid, _rates(world, owner)))
            expected[owner, source] = coins(net, currency)
        found[owner, source] = amount
    for key in sorted(expected.keys() | found.keys(), key=str):
        if expected.get(key) != found.get(key):
            yield f"{key[1]}: {found.get(key)} was asked for, not {expected.get(key)}"
    missing = bought.keys() - found.keys()
    yield from (f"{source}: bought and not invoiced" for _, source in missing)


def _waiting(world: World, owners: list[UUID], now: datetime) -> Iterator[str]:
    """What is due is on an invoice, but where it is not worth one after all that is given back.

    What the operator has yet to decide is on none.
    """
    bargains = (each for customer in world.customers for each in customer.bargains)
    disputed = [f"outcome:{outcome.id}" for each in bargains for outcome in each.disputed]
    for owner, currency, amounts in _rows(
        "SELECT i.organization_id, i.currency, array_agg(i.amount)"
        " FROM invoices_invoiceitem i LEFT JOIN invoices_invoice v ON v.id = i.invoice_id"
        " WHERE i.organization_id = ANY(%s) AND i.dropped_at IS NULL"
        " AND v.status IS DISTINCT FROM 'final' AND (i.due_at <= %s OR i.amount < 0)"
        " AND i.source <> ALL(%s::text[]) GROUP BY 1, 2",
        [owners, now, disputed],
    ):
        scale = 10 ** DECIMALS.get(currency, 2)
        waiting = sum(_rounded(Fraction(amount) * scale) for amount in amounts)
        if waiting >= _LEAST[currency]:
            yield f"{owner}: {waiting} {currency} are due and on no invoice"


def _usage(world: World, owners: list[UUID]) -> Iterator[str]:
    """Usage on credit: what items ask for is what was booked, which is what the model consumed."""
    asked = {
        (owner, currency): amount
        for owner, currency, amount in _rows(
            "SELECT organization_id, currency, sum(amount) FROM invoices_invoiceitem"
            " WHERE organization_id = ANY(%s) AND kind = 'usage' GROUP BY 1, 2",
            [owners],
        )
    }
    booked = {
        (owner, currency): (closed or Decimal(0), every)
        for owner, currency, closed, every in _rows(
            "SELECT e.organization_id, e.unit, sum(e.amount) FILTER (WHERE e.booked_at <"
            " s.closed_until), sum(e.amount) FROM ledger_ledgerentry e LEFT JOIN"
            " invoices_invoiceschedule s USING (organization_id)"
            " WHERE e.organization_id = ANY(%s) AND e.account = 'receivable'"
            " AND length(e.unit) = 3 GROUP BY 1, 2",
            [owners],
        )
    }
    consumed: dict[tuple[UUID, str], Decimal] = defaultdict(Decimal)
    for customer in world.customers:
        for lot in customer.account.lots.values():
            if lot.kind == "credit_line":
                consumed[customer.ref.id, lot.unit] += lot.consumed
    for key in sorted(asked.keys() | booked.keys() | consumed.keys(), key=str):
        closed, every = booked.get(key, (Decimal(0), Decimal(0)))
        if asked.get(key, Decimal(0)) != closed:
            yield f"usage of {key}: {asked.get(key)} was asked for, not {closed}"
        if consumed.get(key, Decimal(0)) != every:
            yield f"usage of {key}: {every} is receivable, not {consumed.get(key)}"


def _lines(owners: list[UUID]) -> Iterator[str]:
    """Each item of a final invoice stands on one line of it, rounded once; lines add up."""
    for number, currency, amount, minor, item_amount, same, kind in _rows(
        "SELECT v.number, v.currency, l.amount, l.amount_minor, i.amount,"
        " i.invoice_id = v.id AND i.currency = v.currency, l.kind"
        " FROM invoices_invoiceline l JOIN invoices_invoice v ON v.id = l.invoice_id"
        " LEFT JOIN invoices_invoiceitem i ON i.id = l.item_id WHERE v.organization_id = ANY(%s)",
        [owners],
    ):
        scaled = Fraction(amount) * 10 ** DECIMALS.get(currency, 2)
        if _rounded(scaled) != minor and kind != "discount":
            yield f"{number}: {amount} {currency} is on a line as {minor}"
        if kind != "discount" and (item_amount != amount or not same):
            yield f"{number}: a line of {amount} is of an item of {item_amount}"
    for number, said, lined, items, lines in _rows(
        "SELECT v.number, v.subtotal_minor, coalesce(sum(l.amount_minor), 0), (SELECT count(*) FROM"
        " invoices_invoiceitem i WHERE i.invoice_id = v.id), count(l.item_id)"
        " FROM invoices_invoice v LEFT JOIN invoices_invoiceline l ON l.invoice_id = v.id"
        " WHERE v.organization_id = ANY(%s) AND v.status = 'final' GROUP BY v.id",
        [owners],
    ):
        if said != lined or items != lines:
            yield f"{number}: {said} of {items} items, its {lines} lines add up to {lined}"


def _taxes(world: World, owners: list[UUID]) -> Iterator[str]:
    for owner, number, kind, subtotal, tax, total in _rows(
        "SELECT organization_id, number, kind, subtotal_minor, tax_minor, total_minor"
        " FROM invoices_invoice WHERE organization_id = ANY(%s) AND status = 'final'",
        [owners],
    ):
        rates = _rates(world, owner)
        if kind == "top_up":
            expected = sum(_within(total, rates))
        else:
            expected = sum(_rounded(Fraction(subtotal) * rate / 100) for rate in rates)
        if tax != expected or total != subtotal + tax:
            yield f"{number}: {tax} of tax on {subtotal}, not {expected}; {total} in all"


def _rates(world: World, owner: UUID) -> list[Fraction]:
    """Return the rates a customer pays: none that it owes itself abroad."""
    customer = world.by_id[owner]
    abroad = bool(customer.tax_id) and customer.country not in ("", SELLER.country)
    return [
        Fraction(percent)
        for percent, reverse in _rows(
            "SELECT percent, reverse_charge FROM invoices_taxrate"
            " WHERE country = %s AND ended_at IS NULL",
            [customer.country or SELLER.country],
        )
        if not (abroad and reverse)
    ]


def _within(total: int, rates: Sequence[Fraction]) -> list[int]:
    return [_rounded(Fraction(total) * rate / (100 + sum(rates))) for rate in rates]


def _numbers() -> Iterator[str]:
    """Numbers run from 1 to the last in every series."""
    for series, least, last, count, kept in _rows(
        "SELECT n.series, min(n.sequence), max(n.sequence), count(DISTINCT n.sequence), max(s.last)"
        " FROM (SELECT series, sequence FROM invoices_invoice WHERE status = 'final' UNION ALL"
        " SELECT series, sequence FROM invoices_creditnote) n"
        " LEFT JOIN invoices_numberseries s ON s.name = n.series GROUP BY 1",
        [],
    ):
        if (least, last, kept) != (1, count, count):
            yield f"{series}: {count} numbers from {least} to {last}, the last given is {kept}"


def _notes(world: World, owners: list[UUID]) -> Iterator[str]:
    found = {}
    for note, invoice, total, returned, lined in _rows(
        "SELECT c.id, c.invoice_id, c.total_minor, c.returned_minor, (SELECT sum(l.amount_minor +"
        " l.tax_minor) FROM invoices_creditnoteline l WHERE l.credit_note_id = c.id)"
        " FROM invoices_creditnote c WHERE c.organization_id = ANY(%s)",
        [owners],
    ):
        found[note] = (invoice, total)
        if lined != total or not 0 <= returned <= total:
            yield f"note {note}: {total}, its lines add up to {lined}, {returned} goes back"
    if found != world.booked.notes:
        yield f"{len(found)} notes are kept, not the {len(world.booked.notes)} that were made"
    taken: dict[UUID, int] = defaultdict(int)
    for invoice, total in found.values():
        taken[invoice] += total
    for invoice, number, total, credited in _rows(
        "SELECT id, number, total_minor, credited_minor FROM invoices_invoice"
        " WHERE organization_id = ANY(%s)",
        [owners],
    ):
        if credited != taken[invoice] or credited > total:
            yield f"{number}: {credited} of {total} is credited, notes say {taken[invoice]}"


def _money(world: World, owners: list[UUID]) -> Iterator[str]:
    """Money that came is applied or credit; what was taken back is due again."""
    cards = received_by_card(world, owners)
    came = {
        key: (each.invoice, each.amount_minor) for key, each in (world.booked.sent | cards).items()
    }
    found: dict[tuple[UUID, str], tuple[UUID, int]] = {}
    applied: dict[UUID, int] = defaultdict(int)
    for owner, key, invoice, amount, excess in _rows(
        "SELECT organization_id, key, invoice_id, amount_minor, excess_minor"
        " FROM invoices_invoicepayment WHERE organization_id = ANY(%s)",
        [owners],
    ):
        applied[invoice] += amount
        if not key.startswith("unapply:"):
            found[owner, key] = (invoice, amount + excess)
    for key in sorted(found.keys() | came.keys(), key=str):
        if found.get(key) != came.get(key):
            yield f"{key[1]}: {found.get(key)} is booked, {came.get(key)} came"
    for invoice, number, status, total, credited, paid, returned in _rows(
        "SELECT id, number, payment_status, total_minor, credited_minor, paid_minor, returned_minor"
        " FROM invoices_invoice WHERE organization_id = ANY(%s) AND status = 'final'",
        [owners],
    ):
        due = total - credited - paid + returned
        if paid != applied[invoice] or due < 0 or (due == 0) != (status == "paid"):
            yield f"{number}: {status} with {due} due; {paid} paid, {applied[invoice]} applied"


def _excess(world: World, owners: list[UUID]) -> Iterator[str]:
    """What was bought, was paid too much, or goes back as credit, is a grant of that amount."""
    expected: dict[tuple[UUID, str], Decimal] = {}
    for owner, source, paid, currency in _rows(
        "SELECT organization_id, source, total_minor, currency FROM invoices_invoice"
        " WHERE organization_id = ANY(%s) AND kind = 'top_up'",
        [owners],
    ):
        expected[owner, source] = coins(paid - sum(_within(paid, _rates(world, owner))), currency)
    for owner, source, minor, currency in _rows(
        "SELECT p.organization_id, 'overpaid:' || p.key, p.excess_minor, v.currency"
        " FROM invoices_invoicepayment p JOIN invoices_invoice v ON v.id = p.invoice_id"
        " WHERE p.organization_id = ANY(%s) AND p.excess_minor > 0 UNION ALL"
        " SELECT organization_id, 'credit_note:' || id, returned_minor, currency"
        " FROM invoices_creditnote WHERE organization_id = ANY(%s) AND return_by = 'credit'",
        [owners, owners],
    ):
        expected[owner, source] = coins(minor, currency)
    found = {
        (customer.ref.id, lot.source): lot.amount
        for customer in world.customers
        for lot in customer.account.lots.values()
        if _FIRST.fullmatch(lot.source)
    }
    if found != expected:
        yield f"{len(found)} grants of money that came too much or went back, not {len(expected)}"


def _ladders(world: World, owners: list[UUID], now: datetime) -> Iterator[str]:
    """Nobody is parked before the ladder's end but for credit whose bank took the money back.

    Whoever does not pay is.
    """
    for owner, number, began, suspended, ended, taken_back in _rows(
        "SELECT d.organization_id, v.number, d.started_at, d.suspended_at, d.ended_at,"
        " v.kind = 'top_up' AND EXISTS (SELECT FROM payments_dispute x JOIN payments_payment p"
        " ON p.id = x.payment_id WHERE p.invoice_id = v.id AND x.state = 'lost')"
        " FROM invoices_dunning d JOIN invoices_invoice v ON v.id = d.invoice_id"
        " WHERE d.organization_id = ANY(%s)",
        [owners],
    ):
        early = suspended is not None and suspended - began < _LADDER and not taken_back
        late = suspended is None and ended is None and now - began > _UNPARKED
        free = suspended is not None and ended is None and not world.by_id[owner].account.parked
        if early or late:
            yield f"{number}: the ladder began {began}, it was parked {suspended}"
        if free:
            yield f"{number}: unpaid since {began}, and the account is free"


def _parked(world: World, owners: list[UUID]) -> Iterator[str]:
    """Who is parked was so by the operator or by a ladder's end, and has not been freed since."""
    for owner, parked in _rows(
        "SELECT organization_id, parked_at IS NOT NULL FROM ledger_customeraccount"
        " WHERE organization_id = ANY(%s)",
        [owners],
    ):
        if parked != world.by_id[owner].account.parked:
            yield f"{world.by_id[owner].ref.slug}: parked is {parked}"


def _rounded(exact: Fraction) -> int:
    """Return the nearest whole number, a half away from zero."""
    whole = (abs(exact) * 2 + 1) // 2
    return int(whole if exact >= 0 else -whole)


def _rows(statement: str, values: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
