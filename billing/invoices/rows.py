"""From rows to what other apps may hold."""

from typing import Any

from django.forms.models import model_to_dict

from billing.invoices.contracts import (
    CreditNoteInfo,
    FapiaoKind,
    InvoiceDue,
    InvoiceInfo,
    InvoiceKind,
    InvoiceStatus,
    ItemInfo,
    ItemKind,
    PaymentStatus,
    Profile,
    Rate,
    ReturnBy,
    SellerTerms,
)
from billing.invoices.models import (
    BillingProfile,
    CreditNote,
    Invoice,
    InvoiceItem,
    Seller,
    TaxRate,
)


def item_info(row: InvoiceItem) -> ItemInfo:
    """Copy an item."""
    return ItemInfo(
        id=row.id,
        source=row.source,
        kind=ItemKind(row.kind),
        currency=row.currency,
        amount=row.amount,
        invoice_id=row.invoice_id,
        dropped=row.dropped_at is not None,
    )


def invoice_info(row: Invoice) -> InvoiceInfo:
    """Copy an invoice."""
    return InvoiceInfo(
        id=row.id,
        number=row.number,
        kind=InvoiceKind(row.kind),
        status=InvoiceStatus(row.status),
        payment_status=PaymentStatus(row.payment_status),
        currency=row.currency,
        subtotal_minor=row.subtotal_minor,
        tax_minor=row.tax_minor,
        total_minor=row.total_minor,
        paid_minor=row.paid_minor,
        credited_minor=row.credited_minor,
        returned_minor=row.returned_minor,
        due_minor=row.due_minor,
        issued_at=row.issued_at,
        due_at=row.due_at,
    )


def invoice_due(row: Invoice) -> InvoiceDue:
    """Copy what a payment must know."""
    if row.due_at is None:
        raise AssertionError("A final invoice says when it is due.")
    return InvoiceDue(row.id, row.number, row.currency, row.due_minor, row.due_at)


def credit_note_info(row: CreditNote) -> CreditNoteInfo:
    """Copy a credit note."""
    return CreditNoteInfo(
        id=row.id,
        number=row.number,
        invoice_id=row.invoice_id,
        currency=row.currency,
        total_minor=row.total_minor,
        due_minor=row.due_minor,
        returned_minor=row.returned_minor,
        return_by=ReturnBy(row.return_by),
        reason=row.reason,
    )


def rate_of(row: TaxRate) -> Rate:
    """Copy a tax rate."""
    return Rate(
        id=row.id,
        name_en=row.name_en,
        name_zh=row.name_zh,
        country=row.country,
        percent=row.percent,
        reverse_charge=row.reverse_charge,
    )


def profile_of(row: BillingProfile) -> Profile:
    """Copy an organization's billing details."""
    values = _columns(row)
    return Profile(**values | {"fapiao_kind": FapiaoKind(row.fapiao_kind)})


def seller_of(row: Seller) -> SellerTerms:
    """Copy the seller's details."""
    values = _columns(row)
    values.pop("version")
    return SellerTerms(**values)


def _columns(row: BillingProfile | Seller) -> dict[str, Any]:
    """Return a row's own columns; id and times are not editable, and so not among them."""
    return model_to_dict(row, exclude=["id", "organization_id"])
