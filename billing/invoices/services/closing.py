"""Making the invoice of an organization when it is due: what waits, and what a period brought."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.rounds import Due
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.invoices.contracts import InvoiceInfo, InvoiceKind, ItemKind
from billing.invoices.errors import InvoiceLoop
from billing.invoices.models import Invoice, InvoiceItem, InvoiceSchedule
from billing.invoices.rows import invoice_info
from billing.invoices.services.items import items_pending, items_take
from billing.invoices.services.making import invoice_announce, invoice_make_final
from billing.invoices.usage import usage_collect
from billing.ledger import functions
from billing.plans.selectors import billing_period
from billing.prices.currency import least_charge, minor_units
from tenants.accounts.selectors import due_of

BATCH: Final = 200
MOST_PERIODS: Final = 240
"""Periods closed at a time: twenty years of months. More is a loop, which stops here."""
MOST_A_DAY: Final = 50
"""Invoices of one organization a day. More is a fault, and is refused rather than sent."""
AGAIN: Final = timedelta(hours=1)


def schedules_due(*, after: UUID) -> list[Due]:
    """Return organizations whose invoice is due, by id after ``after``. System scope."""
    rows = InvoiceSchedule.objects.filter(closes_at__lte=clock.now(), organization_id__gt=after)
    ids = rows.order_by("organization_id").values_list("organization_id", flat=True)
    return due_of((each, each) for each in ids[:BATCH])


def schedule_wait(*, organization: OrganizationRef) -> None:
    """Look for the invoices of an account that had too many later again, not with every round."""
    require_scope(organization)
    InvoiceSchedule.objects.filter(organization_id=organization.id).update(
        closes_at=clock.now() + AGAIN
    )


def invoices_close(*, organization: OrganizationRef) -> tuple[InvoiceInfo, ...]:
    """Make the invoice that is due, if one is; return what was made, one per currency.

    Run twice, late or beside itself it makes each once: the account is locked, what is due is read
    under the lock, and an item is on one invoice for ever. What comes to less than nothing waits
    for the next.
    """
    require_scope(organization)
    functions.account_open(organization_id=organization.id)
    now = clock.now()
    schedule = InvoiceSchedule.objects.filter(
        organization_id=organization.id, closes_at__lte=now
    ).first()
    if schedule is None:
        return ()
    _periods_collect(organization, schedule, now)
    made = _make(organization, now)
    schedule.closes_at = billing_period(organization=organization, at=now)[1]
    schedule.save(update_fields=["closes_at", "closed_until"])
    return made


def _periods_collect(
    organization: OrganizationRef, schedule: InvoiceSchedule, now: datetime
) -> None:
    """Ask for the usage of each billing period that has ended since the last time."""
    for _ in range(MOST_PERIODS):
        begins, ends = billing_period(organization=organization, at=schedule.closed_until)
        if ends > now:
            return
        usage_collect(organization, max(begins, schedule.closed_until), ends)
        schedule.closed_until = ends


def _make(organization: OrganizationRef, now: datetime) -> tuple[InvoiceInfo, ...]:
    pending = items_pending(organization)
    made = []
    for currency in sorted({item.currency for item in pending}):
        items = [item for item in pending if item.currency == currency]
        coins = [minor_units(item.amount, currency) for item in items]
        # What no card can pay, or is less than nothing, waits for the next invoice.
        if sum(coins) < 0 or not any(coins) or 0 < sum(coins) < least_charge(currency):
            continue
        _bound_check(organization, now)
        made.append(_invoice(organization, items, currency, now))
    return tuple(made)


def _invoice(
    organization: OrganizationRef, items: list[InvoiceItem], currency: str, now: datetime
) -> InvoiceInfo:
    outcomes = all(item.kind == ItemKind.OUTCOME for item in items)
    invoice = Invoice(
        organization_id=organization.id,
        # Named by its first item, which no other invoice can have: not by a time.
        source=f"items:{items[0].id}",
        kind=(InvoiceKind.OUTCOME if outcomes else InvoiceKind.SUBSCRIPTION).value,
        currency=currency,
    )
    invoice.save(force_insert=True)
    items_take(invoice, items)
    invoice_make_final(organization, SYSTEM_ACTOR, invoice)
    invoice_announce(organization, invoice)
    return invoice_info(invoice)


def _bound_check(organization: OrganizationRef, now: datetime) -> None:
    lately = Invoice.objects.filter(
        organization_id=organization.id,
        source__startswith="items:",
        issued_at__gt=now - timedelta(days=1),
    )
    if lately.count() >= MOST_A_DAY:
        raise InvoiceLoop
