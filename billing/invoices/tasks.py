"""The scheduled work of invoices."""

from uuid import UUID

from anneal.kernel.rounds import Due, due_each
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from anneal.kernel.tasks import task
from billing.invoices.errors import InvoiceLoop
from billing.invoices.mails import invoice_mail
from billing.invoices.services.closing import invoices_close, schedule_wait, schedules_due
from billing.invoices.services.dunning import (
    account_restore,
    account_suspend,
    dunning_advance,
    organizations_to_dun,
)
from billing.invoices.services.ladder import MAIL_TASK, RESTORE_TASK, SUSPEND_TASK
from billing.ledger.services import books_fault


@task(name="invoices.close", queue="default", every=10.0)
def close() -> None:
    """Make the invoices that are due. One that had too many is parked, and operators told."""
    due_each(reason="invoices.close", due=schedules_due, work=_close)


@task(name="invoices.dun", queue="default", every=60.0)
def dun() -> None:
    """Announce the payments that are to be tried again, and end ladders."""
    due_each(reason="invoices.dun", due=organizations_to_dun, work=_dun)


@task(name=SUSPEND_TASK, queue="default")
def suspend(organization_id: str, slug: str) -> None:
    """Park an account whose ladder has ended."""
    with system_scope("invoices suspend"):
        account_suspend(organization=OrganizationRef(id=UUID(organization_id), slug=slug))


@task(name=RESTORE_TASK, queue="default")
def restore(organization_id: str, slug: str) -> None:
    """Free an account that is paid."""
    with system_scope("invoices restore"):
        account_restore(organization=OrganizationRef(id=UUID(organization_id), slug=slug))


@task(name=MAIL_TASK, queue="default")
def mail(organization_id: str, slug: str, invoice_id: str, what: str) -> None:
    """Tell those who look after money of an invoice."""
    organization = OrganizationRef(id=UUID(organization_id), slug=slug)
    invoice_mail(organization=organization, invoice_id=UUID(invoice_id), what=what)


def _close(due: Due) -> None:
    try:
        with tenant_scope(due.organization):
            invoices_close(organization=due.organization)
    except InvoiceLoop as error:
        with system_scope("invoices loop"):
            schedule_wait(organization=due.organization)
            books_fault(organization_id=due.organization.id, error=error.text)


def _dun(due: Due) -> None:
    with tenant_scope(due.organization):
        dunning_advance(organization=due.organization)
