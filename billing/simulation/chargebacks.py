"""What a lost dispute takes back of bought credit: as much as the models have left of it."""

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final
from uuid import UUID

from django.db import connection

from anneal.kernel.scopes import system_scope
from billing.simulation.customers import DECIMALS, Customer, Disagreement, coins
from billing.simulation.world import World

_LOST: Final = """
SELECT d.organization_id, d.ref, d.amount_minor, p.id, v.source, v.currency,
       coalesce(-u.amount_minor, 0), coalesce(k.excess_minor, 0),
       n.id, n.invoice_id, n.total_minor, n.subtotal_minor
FROM payments_dispute d
JOIN payments_payment p ON p.organization_id = d.organization_id AND p.id = d.payment_id
JOIN invoices_invoice v ON v.organization_id = p.organization_id AND v.id = p.invoice_id
LEFT JOIN invoices_invoicepayment u
  ON u.organization_id = d.organization_id AND u.key = 'unapply:dispute:' || d.ref
LEFT JOIN invoices_invoicepayment k
  ON k.organization_id = d.organization_id AND k.key = 'payment:' || p.id
LEFT JOIN invoices_creditnote n
  ON n.organization_id = d.organization_id AND n.key = 'dispute:' || d.ref
WHERE d.booked AND d.ref <> ALL(%s) AND d.organization_id = ANY(%s) ORDER BY d.id
"""


@dataclass(frozen=True, slots=True)
class _Lost:
    """A dispute that was lost, and what was booked for it."""

    organization: UUID
    ref: str
    amount_minor: int
    payment: UUID
    source: str
    currency: str
    applied_minor: int
    excess_minor: int
    note: UUID | None
    invoice: UUID
    total_minor: int
    net_minor: int


def chargebacks_learn(world: World) -> None:
    """Tell the models of disputes lost since, before they are told of what was left of credit."""
    with system_scope("simulation"), connection.cursor() as cursor:
        cursor.execute(_LOST, [list(world.booked.lost), list(world.by_id)])
        found = [_Lost(*row) for row in cursor.fetchall()]
    for lost in found:
        world.booked.lost.add(lost.ref)
        customer = world.by_id[lost.organization]
        beyond = min(lost.amount_minor - lost.applied_minor, lost.excess_minor)
        if beyond > 0:
            _taken(customer, lost, f"overpaid:payment:{lost.payment}", beyond)
        if lost.note is not None:
            world.booked.notes[lost.note] = (lost.invoice, lost.total_minor)
            if lost.net_minor > _free(customer, lost):
                raise Disagreement(f"{lost.ref}: more was taken back than was left")
            _taken(customer, lost, lost.source, lost.net_minor)
            world.count("credit taken back in disputes")


def _free(customer: Customer, lost: _Lost) -> int:
    """Return the whole coins that are left of what a payment bought."""
    lots = customer.account.lots.values()
    left = sum((lot.free for lot in lots if lot.source.startswith(lost.source)), Decimal(0))
    exact = left.scaleb(DECIMALS.get(lost.currency, 2))
    return int(exact.quantize(Decimal(1), rounding=ROUND_DOWN))


def _taken(customer: Customer, lost: _Lost, source: str, wanted_minor: int) -> None:
    """Take credit back in the model, and hold what it leaves against what was given anew."""
    anew = customer.account.bought_void(source, coins(wanted_minor, lost.currency))
    found = _anew(customer, f"{source}:dispute:{lost.ref}") + _anew(
        customer, f"{source}:{lost.note}"
    )
    if found != anew:
        raise Disagreement(f"{lost.ref} left {found} of bought credit, not {anew}")


def _anew(customer: Customer, source: str) -> Any:
    with system_scope("simulation"), connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(amount), 0) FROM ledger_grant"
            " WHERE organization_id = %s AND source = %s",
            [customer.ref.id, source],
        )
        return cursor.fetchone()[0]
