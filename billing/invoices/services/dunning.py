"""What follows when an invoice is not paid: tries on days 0, 3, 7 and 14, then suspension."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.events import AccountFreed, PaymentRetryDue, publish
from anneal.kernel.ids import public_id
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.rounds import Due
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.invoices.contracts import InvoiceStatus, PaymentStatus
from billing.invoices.models import Dunning, DunningStep, Invoice
from billing.invoices.services.ladder import (
    LAST,
    PARKED_FOR,
    dunning_forget,
    dunning_open,
    dunning_start,
    dunning_suspend,
    mail_ask,
    suspended_still,
)
from billing.invoices.services.settling import final_locked, rest_forgive, rest_small
from billing.ledger import functions
from billing.ledger.selectors import account_get
from billing.ledger.services import account_park, account_unpark
from tenants.accounts.selectors import due_of

BATCH: Final = 200
PATIENCE: Final = timedelta(days=1)
"""How long the last try has, before an invoice that nothing collects ends its ladder."""


def dunning_failed(*, organization: OrganizationRef, invoice_id: UUID, at: datetime) -> None:
    """Note that an invoice's payment was refused: its ladder begins, or the step it is on failed.

    The last step's failure suspends. Told twice of one try, it counts once; an invoice that is paid
    meanwhile is left alone. Raises InvoiceUnknown, InvoiceState.
    """
    require_scope(organization)
    invoice = final_locked(organization, invoice_id)
    if invoice.payment_status != PaymentStatus.OPEN:
        return
    row = dunning_open(organization, invoice) or dunning_start(organization, invoice, at)
    step = (
        DunningStep.objects.filter(dunning=row, due_at__lte=at, closed_at__isnull=True)
        .order_by("-step")
        .first()
    )
    if step is None:
        return
    DunningStep.objects.filter(dunning=row, step__lte=step.step, closed_at__isnull=True).update(
        told_at=at, failed_at=at, closed_at=at
    )
    _audit(organization, invoice, step.step)
    if step.step == LAST:
        dunning_suspend(organization, row)
    else:
        mail_ask(organization, invoice.id, "failed")


def dunning_wait(*, organization: OrganizationRef, invoice_id: UUID, at: datetime) -> None:
    """Give the steps that an invoice is on their day anew: its card is asked now, or could not be.

    The account is locked.
    """
    DunningStep.objects.filter(
        organization_id=organization.id,
        dunning__invoice_id=invoice_id,
        told_at__isnull=False,
        closed_at__isnull=True,
    ).update(told_at=at)


def organizations_to_dun(*, after: UUID) -> list[Due]:
    """Return whose unpaid invoices need a step, by id after ``after``. System scope."""
    now = clock.now()
    steps = DunningStep.objects.filter(
        Q(told_at__isnull=True) | Q(told_at__lte=now - PATIENCE),
        organization_id__gt=after,
        closed_at__isnull=True,
        due_at__lte=now,
    )
    climbing = Dunning.objects.filter(invoice=OuterRef("id"), ended_at__isnull=True)
    overdue = Invoice.objects.filter(
        ~Exists(climbing),
        organization_id__gt=after,
        status=InvoiceStatus.FINAL,
        payment_status=PaymentStatus.OPEN,
        due_at__lte=now,
    )
    found = {
        *steps.order_by("organization_id").values_list("organization_id", flat=True)[:BATCH],
        *overdue.order_by("organization_id").values_list("organization_id", flat=True)[:BATCH],
    }
    return due_of((each, each) for each in sorted(found)[:BATCH])


def dunning_advance(*, organization: OrganizationRef) -> int:
    """Begin the ladders of overdue invoices and announce the tries that are due; return how many.

    A try that nobody answered, since there is nothing to collect with, fails by itself after a day.
    """
    require_scope(organization)
    functions.account_open(organization_id=organization.id)
    now, told = clock.now(), 0
    open_ones = Invoice.objects.filter(
        organization_id=organization.id,
        status=InvoiceStatus.FINAL,
        payment_status=PaymentStatus.OPEN,
    ).order_by("id")
    for invoice in open_ones:
        row = dunning_open(organization, invoice)
        if row is None and invoice.due_at is not None and invoice.due_at <= now:
            if rest_small(invoice):
                rest_forgive(organization, invoice)
                continue
            row = dunning_start(organization, invoice, now)
        if row is not None:
            told += _advance(organization, invoice, row, now)
    return told


def _advance(organization: OrganizationRef, invoice: Invoice, row: Dunning, now: datetime) -> int:
    steps = DunningStep.objects.filter(dunning=row, closed_at__isnull=True, due_at__lte=now)
    unanswered = steps.filter(told_at__lte=now - PATIENCE).order_by("-step")
    told_at = unanswered.values_list("told_at", flat=True).first()
    if told_at is not None:
        # As of when its time was over: what has come due since is still to be tried.
        over = told_at + PATIENCE
        dunning_failed(organization=organization, invoice_id=invoice.id, at=over)
    fresh = steps.filter(told_at__isnull=True).order_by("-step").first()
    if fresh is None:
        return 0
    steps.filter(step__lte=fresh.step, told_at__isnull=True).update(told_at=now)
    publish(PaymentRetryDue(organization=organization, invoice_id=invoice.id, step=fresh.step))
    return 1


def dunning_charged_back(organization: OrganizationRef, invoice: Invoice) -> None:
    """Have the account parked at once for what a bank took back. The account is locked.

    Its card is not tried again: who asked the bank for the money has said what they think of that.
    """
    now = clock.now()
    row = dunning_open(organization, invoice) or dunning_start(organization, invoice, now)
    DunningStep.objects.filter(dunning=row, closed_at__isnull=True).update(closed_at=now)
    dunning_suspend(organization, row)


def account_freed(event: AccountFreed) -> None:
    """Park an account again that was parked for something else and has not paid.

    Whom the operator frees although they have not paid stays free, and what was given up keeps
    nobody any more.
    """
    if event.parked_for.startswith(PARKED_FOR):
        dunning_forget(event.organization)
    else:
        account_suspend(organization=event.organization)


def account_suspend(*, organization: OrganizationRef) -> bool:
    """Park the account for its unpaid invoices; say whether it was free. System scope."""
    require_scope(organization)
    functions.account_open(organization_id=organization.id)
    row = (
        Dunning.objects.filter(
            organization_id=organization.id, suspended_at__isnull=False, ended_at__isnull=True
        )
        .select_related("invoice")
        .first()
    )
    if row is None:
        return False
    reason = f"{PARKED_FOR}{row.invoice.number}"
    return account_park(organization=organization, actor=SYSTEM_ACTOR, reason=reason)


def account_restore(*, organization: OrganizationRef) -> bool:
    """Free an account that dunning had parked, once nothing keeps it; say whether. System scope."""
    require_scope(organization)
    functions.account_open(organization_id=organization.id)
    parked_for = account_get(organization=organization).parked_reason
    if not parked_for.startswith(PARKED_FOR) or suspended_still(organization):
        return False
    return account_unpark(organization=organization, actor=SYSTEM_ACTOR, reason="Paid.")


def _audit(organization: OrganizationRef, invoice: Invoice, step: int) -> None:
    audit_record(
        actor=SYSTEM_ACTOR,
        action="invoice.payment_failed",
        target=public_id("inv_", invoice.id),
        detail={"number": invoice.number, "step": step},
        organization=organization,
    )
