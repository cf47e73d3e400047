"""The scheduled work of invoices."""

import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from anneal.kernel.tasks import task
from billing.invoices.errors import InvoiceLoop
from billing.invoices.mails import invoice_mail
from billing.invoices.services.closing import invoices_close, schedules_due
from billing.invoices.services.dunning import (
    account_restore,
    account_suspend,
    dunning_advance,
    organizations_to_dun,
)
from billing.invoices.services.ladder import MAIL_TASK, RESTORE_TASK, SUSPEND_TASK
from billing.ledger.services import books_fault
from tenants.accounts.models import Organization

logger = logging.getLogger(__name__)


@task(name="invoices.close", queue="default", every=10.0)
def close() -> None:
    """Make the invoices that are due, an organization per transaction.

    Whose cannot be made keeps nobody else from theirs. One that had too many is parked, and the
    operators are told.
    """
    _each("invoices close", schedules_due, _close)


@task(name="invoices.dun", queue="default", every=60.0)
def dun() -> None:
    """Announce the payments that are to be tried again, and end ladders."""
    _each("invoices dun", organizations_to_dun, _dun)


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


def _close(organization: OrganizationRef) -> None:
    try:
        with tenant_scope(organization):
            invoices_close(organization=organization)
    except InvoiceLoop as error:
        with system_scope("invoices loop"):
            books_fault(organization_id=organization.id, error=error.text)


def _dun(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        dunning_advance(organization=organization)


def _each(
    reason: str, due: Callable[..., list[UUID]], work: Callable[[OrganizationRef], Any]
) -> None:
    last: UUID | None = None
    while True:
        with system_scope(reason):
            ids = due(after=last)
            slugs = dict(Organization.objects.filter(id__in=ids).values_list("id", "slug"))
        for organization_id in ids:
            organization = OrganizationRef(id=organization_id, slug=slugs[organization_id])
            try:
                work(organization)
            except Exception:
                logger.exception("%s failed", reason, extra={"organization": str(organization_id)})
        if not ids:
            return
        last = ids[-1]
