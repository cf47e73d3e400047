"""Questions to invoices."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.invoices.contracts import InvoiceInfo, InvoiceKind, InvoiceStatus, Profile
from billing.invoices.errors import CreditNoteUnknown, InvoiceUnknown
from billing.invoices.models import (
    CreditNote,
    CreditNoteLine,
    Invoice,
    InvoiceItem,
    InvoiceLine,
    InvoicePayment,
    InvoiceTax,
)
from billing.invoices.parties import profile_current
from billing.invoices.rows import invoice_info

STATUSES: Final = ("open", "paid", "uncollectible")


@dataclass(frozen=True, slots=True)
class InvoiceDocument:
    """A final invoice with all that is printed of it."""

    invoice: Invoice
    lines: tuple[InvoiceLine, ...]
    evidence: dict[UUID, dict[str, str]]
    taxes: tuple[InvoiceTax, ...]
    payments: tuple[InvoicePayment, ...]
    credit_notes: tuple[CreditNote, ...]


@dataclass(frozen=True, slots=True)
class CreditNoteDocument:
    """A credit note with all that is printed of it."""

    note: CreditNote
    lines: tuple[CreditNoteLine, ...]
    taxes: tuple[InvoiceTax, ...]


def invoices_rows(*, organization: OrganizationRef, status: str | None = None) -> QuerySet[Invoice]:
    """Return the final invoices, or those that are open, paid or uncollectible, for a page."""
    require_scope(organization)
    rows: QuerySet[Invoice] = Invoice.objects.filter(
        organization_id=organization.id, status=InvoiceStatus.FINAL
    )
    return rows if status is None else rows.filter(payment_status=status)


def currency_invoiced(*, organization: OrganizationRef) -> str:
    """Return in which currency the organization's use is invoiced; empty if none was yet."""
    rows = invoices_rows(organization=organization).filter(
        kind__in=(InvoiceKind.SUBSCRIPTION, InvoiceKind.OUTCOME)
    )
    return rows.order_by("-id").values_list("currency", flat=True).first() or ""


def invoice_get(*, organization: OrganizationRef, invoice_id: UUID) -> InvoiceInfo:
    """Return a final invoice. Raises InvoiceUnknown."""
    return invoice_info(_invoice(organization, invoice_id))


def invoice_document(*, organization: OrganizationRef, invoice_id: UUID) -> InvoiceDocument:
    """Return a final invoice with its lines, taxes, payments and notes. Raises InvoiceUnknown."""
    invoice = _invoice(organization, invoice_id)
    items = InvoiceItem.objects.filter(invoice=invoice).values_list("id", "evidence")
    return InvoiceDocument(
        invoice=invoice,
        lines=tuple(InvoiceLine.objects.filter(invoice=invoice).order_by("position")),
        evidence=dict(items),
        taxes=tuple(InvoiceTax.objects.filter(invoice=invoice).order_by("id")),
        payments=tuple(InvoicePayment.objects.filter(invoice=invoice).order_by("id")),
        credit_notes=tuple(
            CreditNote.objects.filter(invoice=invoice).select_related("invoice").order_by("id")
        ),
    )


def credit_notes_rows(*, organization: OrganizationRef) -> QuerySet[CreditNote]:
    """Return the credit notes, their invoices fetched with them, for a page."""
    require_scope(organization)
    rows: QuerySet[CreditNote] = CreditNote.objects.filter(
        organization_id=organization.id
    ).select_related("invoice")
    return rows


def credit_note_document(
    *, organization: OrganizationRef, credit_note_id: UUID
) -> CreditNoteDocument:
    """Return a credit note with its lines. Raises CreditNoteUnknown."""
    note = credit_notes_rows(organization=organization).filter(id=credit_note_id).first()
    if note is None:
        raise CreditNoteUnknown
    lines = CreditNoteLine.objects.filter(credit_note=note).select_related("line")
    return CreditNoteDocument(
        note=note,
        lines=tuple(lines.order_by("line__position")),
        taxes=tuple(InvoiceTax.objects.filter(invoice=note.invoice).order_by("id")),
    )


def profile_get(*, organization: OrganizationRef) -> Profile:
    """Return whom invoices are made out to."""
    require_scope(organization)
    return profile_current(organization)


def _invoice(organization: OrganizationRef, invoice_id: UUID) -> Invoice:
    row = invoices_rows(organization=organization).filter(id=invoice_id).first()
    if row is None:
        raise InvoiceUnknown
    return row
