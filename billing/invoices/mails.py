"""Mails about invoices, to all who look after an organization's money, each in their language."""

import logging
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils import translation

from anneal.kernel.events import InvoiceFinalized
from anneal.kernel.ids import public_id
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.invoices.models import Invoice
from billing.invoices.money import money_text
from billing.invoices.services.ladder import mail_ask
from billing.ledger.notices import TELL
from tenants.accounts.contracts import MemberInfo
from tenants.accounts.selectors import members_list

logger = logging.getLogger(__name__)


def invoice_finalized(event: InvoiceFinalized) -> None:
    """Ask for the mail that tells of an invoice which is to be paid."""
    if event.amount_due_minor:
        mail_ask(event.organization, event.invoice_id, "finalized")


def invoice_mail(*, organization: OrganizationRef, invoice_id: UUID, what: str) -> int:
    """Tell of an invoice: ``finalized``, ``failed``, ``suspended`` or ``restored``; to how many.

    Opens its own scopes, so none may be open: no transaction waits for a mail server. Asked for
    twice, it is sent twice.
    """
    with tenant_scope(organization):
        row = Invoice.objects.filter(organization_id=organization.id, id=invoice_id).first()
    if row is None:
        return 0
    context = {
        "what": what,
        "organization": organization.slug,
        "number": row.number,
        "total": money_text(row.total_minor, row.currency),
        "due": money_text(row.due_minor, row.currency),
        "currency": row.currency,
        "page": f"{settings.ANNEAL_SITE_URL}/o/{organization.slug}/billing/invoices/"
        f"{public_id('inv_', row.id)}",
    }
    return money_mail(organization=organization, folder="invoices/mails", context=context)


def money_mail(*, organization: OrganizationRef, folder: str, context: dict[str, Any]) -> int:
    """Send a folder's mail to all who look after an organization's money; return to how many.

    Opens its own scope. Who cannot be reached keeps nobody else from theirs.
    """
    with tenant_scope(organization):
        people = [one for one in members_list(organization=organization) if one.role in TELL]
    return sum(_sent(person, folder, context) for person in people)


def _sent(person: MemberInfo, folder: str, context: dict[str, Any]) -> bool:
    with translation.override(person.language or translation.get_language()):
        subject = render_to_string(f"{folder}/subject.txt", context)
        text = render_to_string(f"{folder}/text.txt", context)
    try:
        send_mail(" ".join(subject.split()), text, None, [person.email])
    except Exception:
        logger.exception("money.mail_failed", extra={"mail": folder})
        return False
    return True
