"""The pages of one invoice's actions: from a form to the service, in the currency's coins."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse

from anneal.console.admin.form_page import row_page
from anneal.console.admin.invoice_forms import CreditNoteForm
from anneal.console.admin.site import operator_actor
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef
from billing.invoices.contracts import ReturnBy
from billing.invoices.errors import CreditInvalid
from billing.invoices.models import Invoice
from billing.invoices.services import credit_note_issue, invoice_draft, invoice_payment_apply
from billing.prices.currency import exponent, minor_units, require_decimals
from tenants.accounts.models import Organization


def invoice_page(
    request: HttpRequest,
    row: Invoice,
    form: forms.Form,
    name: Any,
    service: Callable[..., object],
) -> HttpResponse:
    """Ask what an action needs, and call its service on the invoice."""
    slug = Organization.objects.values_list("slug", flat=True).get(id=row.organization_id)

    def apply(cleaned: dict[str, Any]) -> None:
        values = dict(cleaned)
        if isinstance(form, CreditNoteForm):
            values["lines"] = {
                line_id: values.pop(field) for field, line_id in form.line_fields.items()
            }
        service(
            organization=OrganizationRef(id=row.organization_id, slug=slug),
            actor=operator_actor(request),
            invoice_id=row.id,
            **values,
        )

    return row_page(request, row, form=form, title=f"{name}: {slug} {row.number}", apply=apply)


def credit_note_issue_from(
    *,
    organization: OrganizationRef,
    actor: Actor,
    invoice_id: UUID,
    once: UUID,
    amount: Decimal | None,
    lines: dict[UUID, Decimal | None],
    return_by: str,
    reason: str,
) -> None:
    """Issue the credit note that a form asks for."""
    currency = _currency(invoice_id)
    parts = {line: _coins(part, currency) for line, part in lines.items() if part}
    if amount is not None and parts:
        raise CreditInvalid("Give an amount, or parts of lines, not both.", param="amount")
    credit_note_issue(
        organization=organization,
        actor=actor,
        invoice_id=invoice_id,
        key=f"console:{once}",
        reason=reason,
        amount_minor=None if amount is None else _coins(amount, currency),
        lines=parts or None,
        return_by=ReturnBy(return_by),
    )


def transfer_book_from(
    *,
    organization: OrganizationRef,
    actor: Actor,
    invoice_id: UUID,
    once: UUID,
    amount: Decimal,
    note: str,
) -> None:
    """Book the transfer that a form tells of."""
    invoice_payment_apply(
        organization=organization,
        actor=actor,
        invoice_id=invoice_id,
        payment_id=None,
        key=str(once),
        amount_minor=_coins(amount, _currency(invoice_id)),
        note=note,
    )


def draft_write(organization: OrganizationRef, actor: Actor, cleaned: dict[str, Any]) -> None:
    """Write the draft that a form asks for."""
    exponent(cleaned["currency"])
    invoice_draft(organization=organization, actor=actor, **cleaned)


def _currency(invoice_id: UUID) -> str:
    currency: str = Invoice.objects.values_list("currency", flat=True).get(id=invoice_id)
    return currency


def _coins(amount: Decimal, currency: str) -> int:
    require_decimals(amount, currency, param="amount")
    return minor_units(amount, currency)
