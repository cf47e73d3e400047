"""A year of random behaviour, after which everything that tells a number tells the same."""

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from uuid import uuid4

import pytest
from django.db.models import Sum

from anneal.kernel import clock
from anneal.kernel.errors import DomainError
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.invoices.contracts import ReturnBy
from billing.invoices.models import (
    Invoice,
    InvoiceItem,
    InvoiceLine,
    InvoicePayment,
    InvoiceSchedule,
)
from billing.invoices.money import major
from billing.invoices.services import dunning_failed, item_reverse
from billing.invoices.tasks import dun
from billing.ledger.models import Grant, LedgerEntry
from billing.plans.contracts import Period
from billing.plans.models import SubscriptionPeriod
from billing.plans.services import subscription_cancel
from billing.promotions.contracts import PromotionKind, PromotionTerms
from tests.unit.billing.test_promotions import add, redeem
from tests.unit.billing.test_reconcile import reconciled
from tests.unit.factories import make_organization
from tests.unit.invoices.helpers import (
    D,
    add_credit_plan,
    add_plan,
    add_tax,
    ask,
    credit,
    go,
    invoices,
    pay,
    set_profile,
    tick,
    top_up,
    use,
)

pytestmark = pytest.mark.django_db

ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Kiritimati")
PLANS = ("starter", "pro", "later", "yearly", "free")
BEGINS = datetime(2029, 1, 31, 20, tzinfo=UTC)
SEEDS = [
    (0, 150),
    *(pytest.param(seed, 366, marks=pytest.mark.slow) for seed in range(6)),
]
"""How many days each lasts; less than a year still leaves and chooses plans of a year."""

Deed = Callable[[random.Random, OrganizationRef, datetime], object]


def _change(chance: random.Random, one: OrganizationRef, at: datetime) -> None:
    go(one, chance.choice(PLANS), at)


def _use(chance: random.Random, one: OrganizationRef, at: datetime) -> None:
    use(one, chance.randint(1, 60_000), at)


def _leave(chance: random.Random, one: OrganizationRef, at: datetime) -> None:
    with clock.frozen(at), tenant_scope(one):
        subscription_cancel(organization=one, actor=SYSTEM_ACTOR, at_once=chance.random() < 0.5)


def _outcome(chance: random.Random, one: OrganizationRef, at: datetime) -> None:
    source = f"outcome:{uuid4()}"
    ask(one, f"{chance.randint(1, 9999)}e-3", at, source=source, due_at=None)
    if chance.random() < 0.4:
        with clock.frozen(at), tenant_scope(one):
            item_reverse(organization=one, source=source, reason="Undone.")


def _pay(chance: random.Random, one: OrganizationRef, at: datetime) -> None:
    for invoice in invoices(one):
        if invoice.due_minor and chance.random() < 0.7:
            pay(one, invoice, invoice.due_minor + chance.choice((0, 0, 0, 150, -1)), at=at)


def _fail(chance: random.Random, one: OrganizationRef, at: datetime) -> None:
    for invoice in invoices(one):
        if invoice.due_minor and chance.random() < 0.3:
            with clock.frozen(at), tenant_scope(one):
                dunning_failed(organization=one, invoice_id=invoice.id, at=at)


def _credit(chance: random.Random, one: OrganizationRef, at: datetime) -> None:
    invoice = chance.choice(invoices(one) or [None])  # type: ignore[list-item] # none yet
    left = invoice.total_minor - invoice.credited_minor if invoice else 0
    if left > 0:
        back = ReturnBy.OUTSIDE if invoice.kind == "top_up" else chance.choice(list(ReturnBy)[1:])
        credit(one, invoice, chance.randint(1, left), at=at, return_by=back)


def _top_up(chance: random.Random, one: OrganizationRef, at: datetime) -> None:
    top_up(one, chance.randint(100, 3000), at=at)


DEEDS: tuple[tuple[Deed, int], ...] = (
    (_use, 12),
    (_pay, 4),
    (_outcome, 4),
    (_change, 2),
    (_fail, 2),
    (_credit, 2),
    (_top_up, 1),
    (_leave, 1),
)


def live(chance: random.Random, organizations: list[OrganizationRef], days: int) -> None:
    """Do something at random moments; what is refused is left."""
    at = BEGINS
    deeds = [deed for deed, weight in DEEDS for _ in range(weight)]
    while at < BEGINS + timedelta(days=days):
        at += timedelta(seconds=chance.randint(3600, 5 * 86400))
        tick(at)
        with clock.frozen(at):
            dun()
        for one in organizations:
            with suppress(DomainError):
                chance.choice(deeds)(chance, one, at)
    tick(at)


@pytest.mark.parametrize(("seed", "days"), SEEDS)
def test_a_random_year_ends_with_books_that_agree(db: None, seed: int, days: int) -> None:
    chance = random.Random(seed)
    add_credit_plan()
    add_plan("yearly", fee=D("311.11"), period=Period.YEAR)
    add_tax("19")
    add_tax("2.5")
    add(PromotionTerms(kind=PromotionKind.PERCENT, percent=D(15), invoices=3), "SOME-OFF", BEGINS)
    organizations = [make_organization(f"year-{place}") for place in range(len(ZONES))]
    for one, zone in zip(organizations, ZONES, strict=True):
        set_profile(one, country=chance.choice(("DE", "FR")))
        redeem(one, "SOME-OFF", BEGINS)
        go(one, chance.choice(PLANS[:3]), BEGINS, time_zone=zone)

    live(chance, organizations, days)

    assert sum(len(invoices(one)) for one in organizations) > days // 10
    assert reconciled() == (0, [{"drift": 0, "parked": []}])
    for one in organizations:
        with tenant_scope(one):
            explained_by_the_ledger()
            explained_by_periods()
            explained_by_payments()


def explained_by_the_ledger() -> None:
    """What was used on credit before the last close was asked for, neither more nor less."""
    until = InvoiceSchedule.objects.get().closed_until
    owed = LedgerEntry.objects.filter(account="receivable", booked_at__lt=until)
    asked = InvoiceItem.objects.filter(kind="usage")
    sums = [rows.aggregate(sum=Sum("amount"))["sum"] or Decimal(0) for rows in (owed, asked)]
    assert sums[0] == sums[1]
    assert not any(
        row["sum"]
        for row in LedgerEntry.objects.values("journal_id", "unit").annotate(sum=Sum("amount"))
    )


def explained_by_periods() -> None:
    """Each fee is of a stretch that was opened, and stretches do not overlap."""
    periods = list(SubscriptionPeriod.objects.order_by("starts_at"))
    pairs = pairwise(periods)
    assert all(before.ends_at <= after.starts_at for before, after in pairs)
    fees = InvoiceItem.objects.filter(kind="fee", source__startswith="fee:")
    assert {item.source for item in fees} <= {f"fee:{row.id}" for row in periods}


def explained_by_payments() -> None:
    """The lines are the total, and money in is what invoices kept and what became credit."""
    for invoice in Invoice.objects.filter(status="final"):
        lines = InvoiceLine.objects.filter(invoice=invoice)
        sums = lines.aggregate(net=Sum("amount_minor"), tax=Sum("tax_minor"))
        assert invoice.total_minor == sums["net"] + sums["tax"]
    came = InvoicePayment.objects.aggregate(paid=Sum("amount_minor"), over=Sum("excess_minor"))
    kept = Invoice.objects.aggregate(paid=Sum("paid_minor"))["paid"] or 0
    overpaid = Grant.objects.filter(source__startswith="overpaid:").aggregate(sum=Sum("amount"))
    assert (came["paid"] or 0) == kept
    assert major(came["over"] or 0, "USD") == (overpaid["sum"] or 0)
