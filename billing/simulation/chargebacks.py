"""What goes back without us: lost disputes and the dashboard's refunds, and what credit they take.

The models take back as much of bought credit as they have left of it.
"""

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Final
from uuid import UUID

from django.db import connection

from anneal.kernel.scopes import system_scope
from billing.ledger.models import Grant
from billing.simulation.customers import DECIMALS, Customer, Disagreement, coins
from billing.simulation.world import World, lot_of

_GONE: Final = """
WITH gone AS (
  SELECT id, organization_id, payment_id, 'dispute:' || ref AS key, amount_minor, true AS disputed
  FROM payments_dispute WHERE booked
  UNION ALL
  SELECT id, organization_id, payment_id, 'refund:' || ref, amount_minor, false
  FROM payments_refund WHERE key LIKE 'provider:%%' AND state = 'succeeded'
)
SELECT g.organization_id, g.key, g.amount_minor, g.disputed, p.id, v.source, v.currency,
       coalesce(-u.amount_minor, 0), coalesce(k.excess_minor, 0),
       n.id, v.id, coalesce(n.total_minor, 0), coalesce(n.subtotal_minor, 0), v.kind = 'top_up',
       v.credited_minor = v.total_minor OR v.paid_minor = v.returned_minor
FROM gone g
JOIN payments_payment p ON p.organization_id = g.organization_id AND p.id = g.payment_id
JOIN invoices_invoice v ON v.organization_id = p.organization_id AND v.id = p.invoice_id
LEFT JOIN invoices_invoicepayment u
  ON u.organization_id = g.organization_id AND u.key = 'unapply:' || g.key
LEFT JOIN invoices_invoicepayment k
  ON k.organization_id = g.organization_id AND k.key = 'payment:' || p.id
LEFT JOIN invoices_creditnote n ON n.organization_id = g.organization_id AND n.key = g.key
WHERE g.key <> ALL(%s) AND g.organization_id = ANY(%s) ORDER BY g.id
"""


@dataclass(frozen=True, slots=True)
class _Gone:
    """What went back without us, and what was booked for it."""

    organization: UUID
    key: str
    amount_minor: int
    disputed: bool
    payment: UUID
    source: str
    currency: str
    unapplied_minor: int
    excess_minor: int
    note: UUID | None
    invoice: UUID
    total_minor: int
    net_minor: int
    bought: bool
    exhausted: bool
    """Nothing is left of the invoice, or of what was paid for it."""


def chargebacks_learn(world: World) -> None:
    """Tell the models what has gone back since, before they are told of what was left of credit."""
    with system_scope("simulation"), connection.cursor() as cursor:
        cursor.execute(_GONE, [list(world.booked.gone), list(world.by_id)])
        found = [_Gone(*row) for row in cursor.fetchall()]
    for gone in found:
        world.booked.gone.add(gone.key)
        customer = world.by_id[gone.organization]
        # A dispute opens the invoice first; a refund takes first what was paid beyond it.
        asked = gone.amount_minor - (gone.unapplied_minor if gone.disputed else 0)
        beyond = _taken(
            customer, gone, f"overpaid:payment:{gone.payment}", min(asked, gone.excess_minor)
        )
        if gone.note is not None:
            _note_learn(world, customer, gone)
        if not gone.disputed:
            _refund_compare(gone, beyond)
            world.count("refunds in the dashboard")


def _note_learn(world: World, customer: Customer, gone: _Gone) -> None:
    if gone.note is None:
        raise AssertionError("There is a note.")
    world.booked.notes[gone.note] = (gone.invoice, gone.total_minor)
    if gone.bought:
        if gone.disputed and gone.net_minor > _free(customer, gone.source, gone.currency):
            raise Disagreement(f"{gone.key}: more was taken back than was left")
        _taken(customer, gone, gone.source, gone.net_minor)
        world.count("credit taken back in disputes", gone.disputed)


def _refund_compare(gone: _Gone, beyond: int) -> None:
    """Hold a refund against its note: less only where nothing more is left to be credited."""
    short = gone.amount_minor - beyond - gone.total_minor
    if short < 0 or (short and not gone.exhausted):
        raise Disagreement(
            f"{gone.key}: {gone.amount_minor} went back, {short} is explained by none"
        )
    if gone.unapplied_minor not in (0, gone.total_minor):
        raise Disagreement(f"{gone.key}: {gone.unapplied_minor} is due again, and not credited")


def _free(customer: Customer, source: str, currency: str) -> int:
    """Return the whole coins that are left of a source's credit."""
    lots = customer.account.lots.values()
    left = sum((lot.free for lot in lots if lot.source.startswith(source)), Decimal(0))
    exact = left.scaleb(DECIMALS.get(currency, 2))
    return int(exact.quantize(Decimal(1), rounding=ROUND_DOWN))


def _taken(customer: Customer, gone: _Gone, source: str, wanted_minor: int) -> int:
    """Take credit back in the model, and hold what it leaves against what was given anew."""
    if wanted_minor <= 0:
        return 0
    taken = min(wanted_minor, _free(customer, source, gone.currency))
    anew = customer.account.bought_void(source, coins(wanted_minor, gone.currency))
    with system_scope("simulation"):
        given = list(
            Grant.objects.filter(
                organization_id=gone.organization,
                source__in=[f"{source}:{gone.key}", f"{source}:{gone.note}"],
            )
        )
    found = sum((row.amount for row in given), Decimal(0))
    if found != anew:
        raise Disagreement(f"{gone.key} left {found} of bought credit, not {anew}")
    for row in given:
        customer.account.grant(lot_of(row))
    return taken
