"""What the seller's office does in the year: invoices, transfers, credit notes, refunds."""

from datetime import datetime

from django.db.models import F, Sum

from anneal.kernel import clock
from anneal.kernel.errors import DomainError
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import system_scope, tenant_scope
from billing.invoices.contracts import CreditNoteInfo, ReturnBy
from billing.invoices.models import CreditNote, Invoice, InvoiceSchedule
from billing.invoices.services import credit_note_issue, invoice_payment_apply, invoices_close
from billing.payments.models import Payment
from billing.simulation.customers import Customer, Disagreement, Sent, coins
from billing.simulation.relay import invoices_learn, patrol
from billing.simulation.world import World


def collect(world: World, now: datetime) -> None:
    """Do a day's work of the cashier: invoices that are due, transfers, ladders, parking."""
    with system_scope("simulation"):
        due = set(
            InvoiceSchedule.objects.filter(closes_at__lte=now).values_list(
                "organization_id", flat=True
            )
        )
    for customer in world.customers:
        if customer.ref.id in due:
            _close(world, customer, now)
    _transfers(world, now)
    patrol(world, now)


def trade(world: World, customer: Customer, now: datetime) -> None:
    """Let one thing happen, or none: a credit note, or a plan that is left."""
    if world.happens(0.012):
        _credit(world, customer, now)
    elif world.happens(0.006):
        world.leave(customer, now, at_once=world.office.random() < 0.5)


def _close(world: World, customer: Customer, now: datetime) -> None:
    with clock.frozen(now), tenant_scope(customer.ref):
        invoices_close(organization=customer.ref)
        # Run again it makes nothing more.
        if invoices_close(organization=customer.ref):
            raise Disagreement(f"{now}: {customer.ref.slug} was invoiced twice")
    invoices_learn(world)


def _transfers(world: World, now: datetime) -> None:
    """Book what customers without a card have sent: what is due, less, more, and told twice."""
    senders = [customer.ref.id for customer in world.customers if not customer.card]
    with system_scope("simulation"):
        rows = list(
            Invoice.objects.filter(
                organization_id__in=senders, status="final", payment_status="open"
            ).order_by("id")
        )
    for row in rows:
        customer = world.by_id[row.organization_id]
        if world.office.random() >= customer.prompt:
            continue
        how = world.office.random()
        amount = row.due_minor
        if how < 0.15:
            amount = world.office.randint(1, amount)
        elif how < 0.3:
            amount += world.office.randint(1, 1000)
            world.count("transfers too large")
        _transfer(world, customer, Sent(row.id, amount, row.currency), now, twice=how > 0.8)


def _transfer(world: World, customer: Customer, sent: Sent, now: datetime, *, twice: bool) -> None:
    name = f"sim-{world.number('transfer')}"
    for _ in range(2 if twice else 1):
        with clock.frozen(now), tenant_scope(customer.ref):
            invoice_payment_apply(
                organization=customer.ref,
                invoice_id=sent.invoice,
                payment_id=None,
                amount_minor=sent.amount_minor,
                key=name,
            )
    world.booked.sent[customer.ref.id, f"outside:{name}"] = sent
    world.learn()
    world.count("transfers")
    world.count("transfers twice", twice)


def _credit(world: World, customer: Customer, now: datetime) -> None:
    """Take a part of an invoice off, or all that is left."""
    row = _invoice(world, customer)
    left = row.total_minor - row.credited_minor if row else 0
    if row is None or left < 1:
        return
    wanted = world.office.choice([left, world.office.randint(1, left)])
    back = _return_by(world, customer, row, wanted)
    try:
        with clock.frozen(now), tenant_scope(customer.ref):
            note = credit_note_issue(
                organization=customer.ref,
                actor=SYSTEM_ACTOR,
                invoice_id=row.id,
                key=f"sim:{world.number('note')}",
                reason="simulation",
                amount_minor=None if wanted == left else wanted,
                return_by=back,
            )
            net = CreditNote.objects.get(id=note.id).subtotal_minor
    except DomainError as error:
        world.count(f"credit notes refused, {error.code}")
        return
    world.booked.notes[note.id] = (row.id, wanted)
    if row.kind == "top_up":
        _bought_compare(world, customer, row, note, net)
    world.learn()
    world.count("credit notes refunded" if back == ReturnBy.REFUND else "credit notes")


def _return_by(world: World, customer: Customer, row: Invoice, wanted: int) -> ReturnBy:
    """Choose how money goes back; to the card only what came from it."""
    with tenant_scope(customer.ref):
        came = Payment.objects.filter(organization_id=customer.ref.id, invoice_id=row.id).aggregate(
            left=Sum(F("amount_minor") - F("refunded_minor"))
        )["left"]
    ways = [ReturnBy.OUTSIDE] if row.kind == "top_up" else [ReturnBy.CREDIT, ReturnBy.OUTSIDE]
    if (came or 0) >= wanted - row.due_minor:
        ways += [ReturnBy.REFUND, ReturnBy.REFUND]
    return world.office.choice(ways)


def _bought_compare(
    world: World, customer: Customer, row: Invoice, note: CreditNoteInfo, net: int
) -> None:
    """Hold what is left of bought credit after a note against what the model leaves."""
    anew = customer.account.bought_void(row.source, coins(net, row.currency))
    before = set(customer.account.lots)
    world.learn()
    found = sum(lot.amount for key, lot in customer.account.lots.items() if key not in before)
    if found != anew:
        raise Disagreement(f"{note.number} left {found} of bought credit, not {anew}")


def _invoice(world: World, customer: Customer) -> Invoice | None:
    with tenant_scope(customer.ref):
        rows = list(
            Invoice.objects.filter(organization_id=customer.ref.id, status="final").order_by("id")
        )
    return world.office.choice(rows) if rows else None
