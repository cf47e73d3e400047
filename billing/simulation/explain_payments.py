"""Whether all money of the year is told alike by the bank, by payments and by invoices.

The bank says what came and went by card; the simulation itself what was sent by transfer.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection

from billing.payments.contracts import IntentStatus
from billing.simulation.world import World

_PAYMENTS: Final = """
SELECT p.organization_id, p.id, p.invoice_id, p.intent_ref, p.amount_minor, p.currency,
       a.invoice_id IS NULL
FROM payments_payment p JOIN payments_paymentattempt a ON a.id = p.attempt_id
WHERE p.organization_id = ANY(%s)
"""
_DISPUTES: Final = """
SELECT d.ref, d.state, d.amount_minor, d.booked, coalesce(-u.amount_minor, 0)
FROM payments_dispute d LEFT JOIN invoices_invoicepayment u
     ON u.organization_id = d.organization_id AND u.key = 'unapply:dispute:' || d.ref
WHERE d.organization_id = ANY(%s)
"""
_REFUNDS: Final = """
SELECT r.ref, r.state, r.amount_minor, p.intent_ref
FROM payments_refund r JOIN payments_payment p ON p.id = r.payment_id
WHERE r.organization_id = ANY(%s)
"""
_RETURNED: Final = """
SELECT c.number, c.returned_minor, coalesce(sum(r.amount_minor), 0)
FROM invoices_creditnote c LEFT JOIN payments_refund r
     ON r.organization_id = c.organization_id AND r.key LIKE 'credit_note:' || c.id || ':%%'
WHERE c.organization_id = ANY(%s) AND c.return_by = 'refund'
GROUP BY c.id HAVING c.returned_minor <> coalesce(sum(r.amount_minor), 0)
"""
_KEPT: Final = """
SELECT v.currency, coalesce(sum(p.amount_minor) FILTER (WHERE p.amount_minor > 0), 0)::bigint,
       sum(p.excess_minor)::bigint
FROM invoices_invoicepayment p JOIN invoices_invoice v ON v.id = p.invoice_id
WHERE p.organization_id = ANY(%s) GROUP BY 1
"""
_WRONG: Final = {
    "is an attempt without an end": "SELECT key FROM payments_paymentattempt"
    " WHERE organization_id = ANY(%s) AND state = 'open' AND session_ref = ''",
    "is refunded otherwise than its refunds say": "SELECT p.intent_ref FROM payments_payment p"
    " WHERE p.organization_id = ANY(%s) AND p.refunded_minor <> coalesce((SELECT"
    " sum(r.amount_minor) FROM payments_refund r WHERE r.booked AND r.payment_id = p.id), 0)",
    "has an amount below nothing": "SELECT number FROM invoices_invoice"
    " WHERE organization_id = ANY(%s) AND status = 'final' AND least(subtotal_minor, tax_minor,"
    " total_minor, paid_minor, credited_minor, returned_minor) < 0",
    "is a balance below nothing": "SELECT unit FROM ledger_balance"
    " WHERE organization_id = ANY(%s) AND least(held, granted - held - consumed - expired) < 0",
    "is an event without effect": "SELECT e.ref || ' ' || e.error FROM payments_providereventrow e"
    " JOIN payments_paymentcustomer c ON c.ref = e.customer_ref"
    " WHERE c.organization_id = ANY(%s) AND e.state <> 'done'",
}


@dataclass(frozen=True, slots=True)
class Received:
    """A payment by card as it was booked, its amount as the bank tells it."""

    invoice: UUID
    amount_minor: int
    bought: bool
    """It bought credit."""


@dataclass(frozen=True, slots=True)
class Money:
    """What moved in one currency, in its smallest coins."""

    came_by_card: int
    came_by_transfer: int
    paid_invoices: int
    """Of what came, what invoices took; bought credit is invoiced too."""
    became_credit: int
    """Of what came, what was beyond the due."""
    refunded: int
    taken_back: int
    """By banks, in disputes that were lost."""

    @property
    def balanced(self) -> bool:
        """Say whether all that came is on invoices or has become credit."""
        came = self.came_by_card + self.came_by_transfer
        return came == self.paid_invoices + self.became_credit


def received_by_card(world: World, owners: list[UUID]) -> dict[tuple[UUID, str], Received]:
    """Return the payments that were booked, by organization and the name invoices know them by."""
    intents = world.bank.intents
    return {
        (owner, f"payment:{payment}"): Received(
            invoice, intents[ref].amount_minor if ref in intents else 0, bought
        )
        for owner, payment, invoice, ref, _, _, bought in _rows(_PAYMENTS, owners)
    }


def money_of_year(world: World, owners: list[UUID]) -> dict[str, Money]:
    """Return what moved, per currency."""
    bank = world.bank
    succeeded = (each for each in bank.intents.values() if each.status == IntentStatus.SUCCEEDED)
    card = _sums((each.currency, each.amount_minor) for each in succeeded)
    sent = _sums((each.currency, each.amount_minor) for each in world.booked.sent.values())
    back = _sums((each.currency, each.amount_minor) for each in bank.refunds.values())
    lost = (each for each in bank.disputes.values() if each.state == "lost")
    taken = _sums((each.currency, each.amount_minor) for each in lost)
    kept = {currency: (paid, beyond) for currency, paid, beyond in _rows(_KEPT, owners)}
    return {
        currency: Money(
            card[currency],
            sent[currency],
            *kept.get(currency, (0, 0)),
            back[currency],
            taken[currency],
        )
        for currency in sorted({*card, *sent, *kept})
    }


def payments_differences(world: World, owners: list[UUID]) -> Iterator[str]:
    """Tell of money that bank and books know differently, and of what was left undone."""
    for currency, money in money_of_year(world, owners).items():
        if not money.balanced:
            yield f"{currency}: money that came is not what was paid and credited: {money}"
    yield from _collected(world, owners)
    yield from _refunds(world, owners)
    yield from _disputes(world, owners)
    for what, statement in _WRONG.items():
        yield from (f"{name} {what}" for (name,) in _rows(statement, owners))


def _collected(world: World, owners: list[UUID]) -> Iterator[str]:
    """Whatever the bank collected is one payment of the same amount."""
    bank = {
        ref: (each.amount_minor, each.currency)
        for ref, each in world.bank.intents.items()
        if each.status == IntentStatus.SUCCEEDED
    }
    rows = _rows(_PAYMENTS, owners)
    books = {ref: (amount, currency) for _, _, _, ref, amount, currency, _ in rows}
    yield from _compared("the bank collected", bank, books)
    if len(books) != len(rows):
        yield f"{len(rows)} payments are of {len(books)} collections"


def _refunds(world: World, owners: list[UUID]) -> Iterator[str]:
    """Each refund the bank sent is known; it refuses what is disputed or went back already."""
    refusing = world.bank.returned | {each.intent for each in world.bank.disputes.values()}
    sent = {ref: each.amount_minor for ref, each in world.bank.refunds.items()}
    rows = _rows(_REFUNDS, owners)
    asked = {ref: amount for ref, state, amount, _ in rows if state == "succeeded"}
    yield from _compared("the bank sent back", sent, asked)
    for ref, state, amount, intent in rows:
        if state != "succeeded" and (state != "failed" or intent not in refusing):
            yield f"a refund of {amount} of {intent} is {state}: {ref}"
    for number, returned, refunded in _rows(_RETURNED, owners):
        yield f"{number}: {returned} goes back to cards, refunds are of {refunded}"


def _disputes(world: World, owners: list[UUID]) -> Iterator[str]:
    """Each dispute is known; what was lost is due again as far as it had not been given back."""
    told = {ref: (each.state, each.amount_minor) for ref, each in world.bank.disputes.items()}
    rows = _rows(_DISPUTES, owners)
    known = {ref: (state, amount) for ref, state, amount, _, _ in rows}
    yield from _compared("the bank says of a dispute", told, known)
    for ref, state, amount, booked, due_again in rows:
        if booked != (state == "lost") or not 0 <= due_again <= amount * booked:
            yield f"{ref}: {state} of {amount}, {due_again} is due again"


def _compared(what: str, told: dict[str, Any], known: dict[str, Any]) -> Iterator[str]:
    for ref in sorted(told.keys() | known.keys()):
        if told.get(ref) != known.get(ref):
            yield f"{ref}: {what} {told.get(ref)}, the books say {known.get(ref)}"


def _sums(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = defaultdict(int)
    for currency, amount in pairs:
        sums[currency] += amount
    return sums


def _rows(statement: str, owners: list[UUID]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, [owners])
        return list(cursor.fetchall())
