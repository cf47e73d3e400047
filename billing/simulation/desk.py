"""What is owed in the year and what is paid: outcomes, invoices, payments, notes, dunning."""

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.ids import uuid7
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.rounds import BEGINNING
from anneal.kernel.scopes import system_scope, tenant_scope
from billing.invoices.contracts import InvoiceInfo, ItemKind, ReturnBy
from billing.invoices.models import CreditNote, Dunning, Invoice, InvoiceLine, InvoiceSchedule
from billing.invoices.services import (
    account_restore,
    account_suspend,
    credit_note_issue,
    dunning_advance,
    dunning_failed,
    invoice_payment_apply,
    invoice_payment_unapply,
    invoice_top_up,
    invoices_close,
    item_add,
    item_reverse,
)
from billing.invoices.services.dunning import organizations_to_dun
from billing.simulation.customers import DECIMALS, Customer, Disagreement, coins
from billing.simulation.world import World


def collect(world: World, now: datetime) -> None:
    """Do a day's work of the cashier: invoices that are due, payments, ladders, parking."""
    with system_scope("simulation"):
        due = set(
            InvoiceSchedule.objects.filter(closes_at__lte=now).values_list(
                "organization_id", flat=True
            )
        )
    for customer in world.customers:
        if customer.ref.id in due:
            _close(world, customer, now)
    _pay(world, now)
    _dun(world, now)


def trade(world: World, customer: Customer, now: datetime) -> None:
    """Let one thing happen, or none: an outcome, bought credit, a credit note, money taken back."""
    does = world.office.random()
    if does < 0.006:
        _top_up(world, customer, now)
    elif does < 0.016:
        _outcome(world, customer, now)
    elif does < 0.024 and customer.outcomes:
        _outcome_reverse(world, customer, now)
    elif does < 0.036:
        _credit(world, customer, now)
    elif does < 0.048:
        _take_back(world, customer, now)
    elif does < 0.072:
        world.leave(customer, now, at_once=world.office.random() < 0.5)


def _close(world: World, customer: Customer, now: datetime) -> None:
    with clock.frozen(now), tenant_scope(customer.ref):
        made = invoices_close(organization=customer.ref)
        for invoice in made:
            _discounts_compare(customer, invoice)
        # Run again it makes nothing more.
        if invoices_close(organization=customer.ref):
            raise Disagreement(f"{now}: {customer.ref.slug} was invoiced twice")
    world.count("invoices", len(made))


def _discounts_compare(customer: Customer, invoice: InvoiceInfo) -> None:
    """Hold the discounts of an invoice against what the model would take off."""
    lines = list(
        InvoiceLine.objects.filter(invoice_id=invoice.id)
        .order_by("position")
        .values_list("kind", "amount_minor")
    )
    found = [-minor for kind, minor in lines if kind == "discount"]
    left = sum(minor for kind, minor in lines if kind != "discount")
    expected = []
    for rebate in customer.account.rebates.values():
        if left <= 0:
            break
        amount = coins(left, invoice.currency)
        off = rebate.draw(f"invoice:{invoice.id}", amount, invoice.currency)
        exact = off.scaleb(DECIMALS.get(invoice.currency, 2))
        minor = min(int(exact.quantize(Decimal(1), ROUND_HALF_UP)), left)
        left -= minor
        if minor:
            expected.append(minor)
    if found != expected:
        raise Disagreement(f"{invoice.number}: {found} came off, not {expected}")


def _pay(world: World, now: datetime) -> None:
    with system_scope("simulation"):
        rows = list(
            Invoice.objects.filter(status="final", payment_status="open").order_by(
                "issued_at", "id"
            )
        )
    for row in rows:
        customer = world.by_id.get(row.organization_id)
        if customer is None or world.office.random() >= customer.prompt:
            continue
        how = world.office.random()
        if how < 0.25:
            with clock.frozen(now), tenant_scope(customer.ref):
                dunning_failed(organization=customer.ref, invoice_id=row.id, at=now)
            world.count("payments refused")
            continue
        amount = row.due_minor
        if how < 0.35:
            amount = world.office.randint(1, amount)
        elif how < 0.5:
            amount += world.office.randint(1, 1000)
            world.count("payments too large")
        _payment(world, customer, row.id, amount, now, twice=how > 0.8)


def _payment(
    world: World, customer: Customer, invoice: UUID, amount: int, now: datetime, *, twice: bool
) -> None:
    name = f"sim-{len(world.booked.payments)}"
    for _ in range(2 if twice else 1):
        with clock.frozen(now), tenant_scope(customer.ref):
            invoice_payment_apply(
                organization=customer.ref,
                invoice_id=invoice,
                payment_id=None,
                amount_minor=amount,
                key=name,
            )
    world.booked.payments[customer.ref.id, f"outside:{name}"] = (invoice, amount)
    world.learn()
    world.count("payments")
    world.count("payments twice", twice)


def _dun(world: World, now: datetime) -> None:
    with clock.frozen(now):
        last = BEGINNING
        while True:
            with system_scope("simulation"):
                found = organizations_to_dun(after=last)
            if not found:
                break
            last = found[-1].id
            for customer in filter(None, (world.by_id.get(each.id) for each in found)):
                with tenant_scope(customer.ref):
                    dunning_advance(organization=customer.ref)
    with system_scope("simulation"):
        ladders = Dunning.objects.filter(suspended_at__isnull=False, ended_at__isnull=True)
        unpaid = set(ladders.values_list("organization_id", flat=True))
    for customer in world.customers:
        _park_look(world, customer, now, unpaid=customer.ref.id in unpaid)


def _park_look(world: World, customer: Customer, now: datetime, *, unpaid: bool) -> None:
    """Park whoever has not paid, and free whoever has; what the operator parked stays so."""
    account = customer.account
    if unpaid and not account.parked:
        change, what = account_suspend, "accounts suspended"
    elif account.unpaid and not unpaid:
        change, what = account_restore, "accounts restored"
    else:
        return
    with clock.frozen(now), system_scope("simulation"):
        changed = change(organization=customer.ref)
    if not changed:
        raise Disagreement(f"{now}: {customer.ref.slug} is not among {what}")
    account.parked = account.unpaid = unpaid
    world.count(what)


def _top_up(world: World, customer: Customer, now: datetime) -> None:
    payment, amount = uuid7(), world.office.randrange(500, 20_000)
    for _ in range(world.office.choice([1, 1, 1, 2])):
        with clock.frozen(now), tenant_scope(customer.ref):
            invoice_top_up(
                organization=customer.ref,
                payment_id=payment,
                amount_minor=amount,
                currency=customer.currency,
            )
    world.booked.top_ups[customer.ref.id, f"payment:{payment}"] = amount
    world.learn()
    world.count("credit bought")
    world.count("invoices")


def _outcome(world: World, customer: Customer, now: datetime) -> None:
    source = f"outcome:sim:{customer.ref.slug}:{len(customer.outcomes)}"
    amount = Decimal(world.office.randrange(1, 500_000)) / 1000
    for _ in range(world.office.choice([1, 1, 2])):
        with clock.frozen(now), tenant_scope(customer.ref):
            item_add(
                organization=customer.ref,
                source=source,
                kind=ItemKind.OUTCOME,
                currency=customer.currency,
                amount=amount,
                description_code="outcome_success_fee",
                params={"name": source},
            )
    customer.outcomes.append(source)
    world.booked.items[customer.ref.id, source] = amount
    world.count("outcomes")


def _outcome_reverse(world: World, customer: Customer, now: datetime) -> None:
    source = world.office.choice(customer.outcomes)
    with clock.frozen(now), tenant_scope(customer.ref):
        told = item_reverse(organization=customer.ref, source=source, reason="simulation")
    if told.dropped:
        world.booked.dropped.add((customer.ref.id, source))
    if told.credit_note is not None:
        note = told.credit_note
        world.booked.notes[note.id] = (note.invoice_id, note.total_minor)
    world.learn()
    world.count("outcomes reversed")


def _invoice(world: World, customer: Customer) -> Invoice | None:
    with tenant_scope(customer.ref):
        rows = list(
            Invoice.objects.filter(organization_id=customer.ref.id, status="final").order_by("id")
        )
    return world.office.choice(rows) if rows else None


def _credit(world: World, customer: Customer, now: datetime) -> None:
    """Take a part of an invoice off, or all that is left."""
    row = _invoice(world, customer)
    left = row.total_minor - row.credited_minor if row else 0
    if row is None or left < 1:
        return
    part = world.office.choice([None, world.office.randint(1, left), world.office.randint(1, left)])
    bought = row.kind == "top_up"
    with clock.frozen(now), tenant_scope(customer.ref):
        note = credit_note_issue(
            organization=customer.ref,
            actor=SYSTEM_ACTOR,
            invoice_id=row.id,
            key=f"sim:{len(world.booked.notes)}",
            reason="simulation",
            amount_minor=part,
            return_by=ReturnBy.OUTSIDE if bought else ReturnBy.CREDIT,
        )
        net = CreditNote.objects.get(id=note.id).subtotal_minor
    world.booked.notes[note.id] = (row.id, left if part is None else part)
    if bought:
        anew = customer.account.bought_void(row.source, coins(net, row.currency))
        before = set(customer.account.lots)
        world.learn()
        found = sum(lot.amount for key, lot in customer.account.lots.items() if key not in before)
        if found != anew:
            raise Disagreement(f"{note.number} left {found} of bought credit, not {anew}")
    world.learn()
    world.count("credit notes")


def _take_back(world: World, customer: Customer, now: datetime) -> None:
    """Let a bank take a payment back, or a part."""
    row = _invoice(world, customer)
    most = row.paid_minor - row.returned_minor if row else 0
    if row is None or most < 1 or row.kind == "top_up":
        return
    name, amount = f"sim-{len(world.booked.payments)}", world.office.randint(1, most)
    with clock.frozen(now), tenant_scope(customer.ref):
        invoice_payment_unapply(
            organization=customer.ref,
            invoice_id=row.id,
            payment_id=uuid7(),
            amount_minor=amount,
            key=name,
            reason="simulation",
        )
    world.booked.payments[customer.ref.id, f"unapply:{name}"] = (row.id, -amount)
    world.count("payments taken back")
