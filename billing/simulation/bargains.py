"""What is paid in the year when it comes true: contracts, fees of success, days of predictions."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID, uuid5

from anneal.kernel import clock
from anneal.kernel.errors import DomainError
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.invoices.models import CreditNote, InvoiceItem
from billing.outcomes.contracts import OutcomeInfo, OutcomeKind, OutcomeState, Payment
from billing.outcomes.services import (
    outcome_assume,
    outcome_confirm,
    outcome_contract_accept,
    outcome_contract_quote,
    outcome_count,
    outcome_dispute,
    outcome_dispute_decide,
    outcome_offer,
    outcome_reverse,
)
from billing.outcomes.subjects import SubjectPort, subject_port, subject_port_register
from billing.plans.contracts import Overage
from billing.plans.selectors import subscription_get
from billing.prices.contracts import MONEY_METER
from billing.simulation.customers import Bargain, Customer, Disagreement
from billing.simulation.model import NOTHING
from billing.simulation.offers import POLICIES, WORTH, policy_code
from billing.simulation.world import World

_DAY: Final = timedelta(days=1)


@contextmanager
def subjects_invented() -> Iterator[None]:
    """Let contracts be about deployments and data that nobody has, inside the block."""
    before = {kind: subject_port(kind) for kind in OutcomeKind}
    port = SubjectPort(_facts, _nothing, _nothing)
    for kind in before:
        subject_port_register(kind, port)
    try:
        yield
    finally:
        for kind, known in before.items():
            subject_port_register(kind, known)


def bargains_live(world: World, now: datetime) -> None:
    """Let a day pass for every contract: something begins, comes true or not, is disputed."""
    for customer in world.customers:
        if len(customer.bargains) < len(OutcomeKind) and world.happens(0.004):
            _accept(world, customer, now)
    for customer in world.customers:
        for bargain in customer.bargains:
            if bargain.kind == OutcomeKind.SUCCESS_FEE:
                _jobs(world, bargain, now)
            else:
                _days(world, bargain, now)
            _decide(world, bargain, now)


def _accept(world: World, customer: Customer, now: datetime) -> None:
    kind = list(OutcomeKind)[len(customer.bargains)]
    policy, subject = policy_code(kind, customer.currency), f"sim_{kind.value}"
    with clock.frozen(now), tenant_scope(customer.ref):
        quote = outcome_contract_quote(organization=customer.ref, policy=policy, subject=subject)
        contract = outcome_contract_accept(
            organization=customer.ref,
            actor=SYSTEM_ACTOR,
            policy=policy,
            subject=subject,
            terms_hash=quote.terms_hash,
        )
    customer.bargains.append(Bargain(customer, kind, contract.id))
    world.count("outcome contracts")


def _jobs(world: World, bargain: Bargain, now: datetime) -> None:
    """Begin a job whose success costs a fee, and end those that run."""
    customer = bargain.customer
    for outcome in list(bargain.waiting):
        ends = world.office.random()
        if ends < 0.3:
            bargain.waiting.remove(outcome)
            _job_end(world, bargain, outcome, now, well=ends < 0.18)
    if not world.happens(0.05):
        return
    subject = f"ftjob-sim-{customer.jobs}"
    customer.jobs += 1
    invoiced = _by_invoice(customer)
    try:
        with clock.frozen(now), tenant_scope(customer.ref):
            outcome = outcome_offer(
                organization=customer.ref,
                contract_id=bargain.contract,
                subject=subject,
                evidence={},
            )
    except DomainError as error:
        fee = POLICIES[OutcomeKind.SUCCESS_FEE].price * WORTH[customer.currency]
        refused = _take(world, customer, uuid5(customer.ref.id, subject), fee, now)
        if invoiced or error.code != refused:
            raise Disagreement(
                f"{now}: {subject} was refused: {error.code}, not {refused}"
            ) from error
        world.count("outcomes refused")
        return
    if (
        not invoiced
        and _take(world, customer, _hold(customer, outcome), outcome.amount, now) != "accepted"
    ):
        raise Disagreement(f"{now}: {subject} is held without money")
    bargain.waiting.append(outcome)
    world.count("outcomes")


def _job_end(
    world: World, bargain: Bargain, outcome: OutcomeInfo, now: datetime, *, well: bool
) -> None:
    customer = bargain.customer
    invoiced = _by_invoice(customer)
    end = outcome_confirm if well else outcome_reverse
    for _ in range(world.office.choice([1, 1, 2])):
        with clock.frozen(now), tenant_scope(customer.ref):
            told = end(
                organization=customer.ref,
                kind=outcome.kind,
                subject=outcome.subject,
                evidence={"reason": "simulation"},
            )
    if well:
        _charge_compare(world, bargain, told, now, invoiced=invoiced)
    else:
        if _hold(customer, told) in customer.account.holds:
            customer.account.capture(_hold(customer, told), NOTHING)
        world.count("outcomes reversed")


def _days(world: World, bargain: Bargain, now: datetime) -> None:
    """Count yesterday's predictions, and settle the days whose feedback is complete."""
    customer = bargain.customer
    for outcome in list(bargain.waiting):
        if outcome.settle_at is not None and outcome.settle_at <= now:
            bargain.waiting.remove(outcome)
            _day_settle(world, bargain, outcome, now)
    if not world.happens(0.15):
        return
    quantity = world.office.randint(1, 5_000)
    for _ in range(world.office.choice([1, 1, 2])):
        with clock.frozen(now), tenant_scope(customer.ref):
            outcome = outcome_count(
                organization=customer.ref,
                contract_id=bargain.contract,
                period=(now - _DAY, now),
                quantity=quantity,
                evidence={},
            )
    bargain.waiting.append(outcome)
    world.count("outcomes")


def _day_settle(world: World, bargain: Bargain, outcome: OutcomeInfo, now: datetime) -> None:
    counted = int(outcome.quantity)
    wrong = world.office.choice([0, world.office.randint(0, counted), counted])
    owed = counted - wrong
    confirmed = world.office.choice([owed, world.office.randint(0, owed)])
    invoiced = _by_invoice(bargain.customer)
    with clock.frozen(now), tenant_scope(bargain.customer.ref):
        told = outcome_assume(
            organization=bargain.customer.ref,
            outcome_id=outcome.id,
            quantity=owed,
            confirmed=confirmed,
            evidence={"wrong": wrong},
        )
    if told.amount != owed * outcome.unit_price:
        raise Disagreement(f"{now}: {owed} predictions cost {told.amount}")
    if owed:
        _charge_compare(world, bargain, told, now, invoiced=invoiced)
    else:
        world.count("outcomes reversed")


def _charge_compare(
    world: World, bargain: Bargain, told: OutcomeInfo, now: datetime, *, invoiced: bool
) -> None:
    """Charge the model as it should have been: from the balance if that lasts, else by an item."""
    customer = bargain.customer
    hold = _hold(customer, told)
    account = customer.account
    if hold not in account.holds and not invoiced:
        _take(world, customer, hold, told.amount, now)
    expected = Payment.INVOICE
    if hold in account.holds:
        account.capture(hold, told.amount)
        expected = Payment.BALANCE
    else:
        world.booked.items[customer.ref.id, f"outcome:{told.id}"] = told.amount
    if told.payment != expected:
        raise Disagreement(f"{now}: {told.id} is paid by {told.payment}, not {expected}")
    world.count("outcomes paid from the balance", expected == Payment.BALANCE)
    world.count(f"outcomes {told.state.value}")
    if world.office.random() < 0.25:
        with clock.frozen(now), tenant_scope(customer.ref):
            disputed = outcome_dispute(
                organization=customer.ref,
                actor=SYSTEM_ACTOR,
                outcome_id=told.id,
                reason="simulation",
            )
        bargain.disputed.append(disputed)
        world.count("outcomes disputed")


def _decide(world: World, bargain: Bargain, now: datetime) -> None:
    """Let the operator decide what is disputed: it is owed after all, or given back."""
    customer = bargain.customer
    for outcome in list(bargain.disputed):
        if world.office.random() >= 0.3:
            continue
        bargain.disputed.remove(outcome)
        reverse = world.office.random() < 0.6
        with clock.frozen(now), tenant_scope(customer.ref):
            told = outcome_dispute_decide(
                organization=customer.ref,
                actor=SYSTEM_ACTOR,
                outcome_id=outcome.id,
                reverse=reverse,
                reason="simulation",
            )
        if (told.state == OutcomeState.REVERSED) != reverse:
            raise Disagreement(f"{now}: {told.id} is {told.state} after its dispute")
        if reverse:
            _reversed(world, customer, told, now)


def _reversed(world: World, customer: Customer, told: OutcomeInfo, now: datetime) -> None:
    """Give the model its money back the way it was taken."""
    world.count("outcomes reversed")
    if told.payment == Payment.BALANCE:
        anew = customer.account.refund(_hold(customer, told), told.amount, now)
        before = set(customer.account.lots)
        world.learn()
        found = [lot for lot in customer.account.lots.values() if lot.id not in before]
        if sorted(anew) != sorted((lot.unit, lot.amount) for lot in found):
            raise Disagreement(f"{now}: the reversal of {told.id} granted {found}, not {anew}")
        return
    with tenant_scope(customer.ref):
        item = InvoiceItem.objects.get(organization_id=customer.ref.id, source=f"outcome:{told.id}")
        note = CreditNote.objects.filter(
            organization_id=customer.ref.id, key=f"item:{item.id}"
        ).first()
        waits = InvoiceItem.objects.filter(
            organization_id=customer.ref.id, source=f"reversed:{item.id}"
        ).first()
    if waits is not None:
        if not -item.amount <= waits.amount < 0:
            raise Disagreement(f"{now}: the reversal of {item.amount} gives back {waits.amount}")
        world.booked.items[customer.ref.id, waits.source] = waits.amount
    if item.invoice_id is None:
        world.booked.dropped.add((customer.ref.id, item.source))
    if note is not None:
        world.booked.notes[note.id] = (item.invoice_id, note.total_minor)
    world.learn()


def _by_invoice(customer: Customer) -> bool:
    """Say whether the customer's plan has a credit line."""
    with tenant_scope(customer.ref):
        found = subscription_get(organization=customer.ref)
    return found is not None and found.plan.terms.overage is Overage.INVOICE


def _take(world: World, customer: Customer, hold: UUID, amount: Decimal, now: datetime) -> str:
    tariff = world.tariff(customer, MONEY_METER, "")
    return customer.account.take(hold, MONEY_METER, amount, tariff, now)


def _hold(customer: Customer, outcome: OutcomeInfo) -> UUID:
    return uuid5(customer.ref.id, f"outcome:{outcome.id}")


def _facts(organization: OrganizationRef, subject: str) -> Mapping[str, Any]:
    return {"name": subject, "rows": 0}


def _nothing(organization: OrganizationRef, contract_id: UUID, subject: str) -> None:
    return
