"""The steps of the dunning ladder, and what its ends do to the account.

An account that is not paid is parked: nothing new is begun there, what is held may still be
settled, and nothing that was bought is lost. Ending the plan would take its units back, and no
payment could bring them again.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.outbox import outbox_add
from anneal.kernel.scopes import OrganizationRef
from billing.invoices.contracts import PaymentStatus
from billing.invoices.models import Dunning, DunningStep, Invoice

DAYS: Final = (0, 3, 7, 14)
"""When payment is tried again, from the first failure on."""
LAST: Final = len(DAYS) - 1
SUSPEND_TASK: Final = "invoices.suspend"
RESTORE_TASK: Final = "invoices.restore"
MAIL_TASK: Final = "invoices.mail"
PARKED_FOR: Final = "unpaid invoice "
"""How the reason begins for which dunning parks: only such a parking ends with a payment."""


def dunning_open(organization: OrganizationRef, invoice: Invoice) -> Dunning | None:
    """Return the ladder that an invoice is on. The account is locked."""
    row: Dunning | None = Dunning.objects.filter(
        organization_id=organization.id, invoice=invoice, ended_at__isnull=True
    ).first()
    return row


def dunning_start(organization: OrganizationRef, invoice: Invoice, at: datetime) -> Dunning:
    """Put an invoice on the ladder: all its steps are rows that come due."""
    row = Dunning(organization_id=organization.id, invoice=invoice, started_at=at)
    row.save(force_insert=True)
    DunningStep.objects.bulk_create(
        DunningStep(
            organization_id=organization.id,
            dunning=row,
            step=step,
            due_at=at + timedelta(days=days),
        )
        for step, days in enumerate(DAYS)
    )
    return row


def dunning_suspend(organization: OrganizationRef, row: Dunning) -> None:
    """Have the account parked: the ladder has ended without payment."""
    if row.suspended_at is not None:
        return
    row.suspended_at = clock.now()
    row.save(update_fields=["suspended_at"])
    task_ask(SUSPEND_TASK, organization)
    mail_ask(organization, row.invoice_id, "suspended")


def dunning_end(organization: OrganizationRef, invoice: Invoice) -> None:
    """Take a paid invoice off the ladder, and have the account freed if nothing else is unpaid."""
    row = dunning_open(organization, invoice)
    if row is None:
        return
    row.ended_at = clock.now()
    row.save(update_fields=["ended_at"])
    DunningStep.objects.filter(dunning=row, closed_at__isnull=True).update(closed_at=row.ended_at)
    if row.suspended_at is not None and not suspended_still(organization):
        task_ask(RESTORE_TASK, organization)
        mail_ask(organization, invoice.id, "restored")


def dunning_forget(organization: OrganizationRef) -> None:
    """End the ladders of what was given up, when the account that they parked is freed."""
    rows = Dunning.objects.filter(
        organization_id=organization.id,
        ended_at__isnull=True,
        invoice__payment_status=PaymentStatus.UNCOLLECTIBLE,
    )
    rows.update(ended_at=clock.now())


def suspended_still(organization: OrganizationRef) -> bool:
    """Say whether an unpaid invoice keeps the account parked."""
    return Dunning.objects.filter(
        organization_id=organization.id, suspended_at__isnull=False, ended_at__isnull=True
    ).exists()


def task_ask(task: str, organization: OrganizationRef) -> None:
    """Ask for work that needs the system's scope."""
    outbox_add(
        task=task,
        queue="default",
        payload={"organization_id": str(organization.id), "slug": organization.slug},
    )


def mail_ask(organization: OrganizationRef, invoice_id: UUID, what: str) -> None:
    """Ask for a mail to those who look after the organization's money."""
    outbox_add(
        task=MAIL_TASK,
        queue="default",
        payload={
            "organization_id": str(organization.id),
            "slug": organization.slug,
            "invoice_id": str(invoice_id),
            "what": what,
        },
    )
