"""What webhooks hear of invoices, in the shape of `GET /v1/billing/invoices`' own ids."""

from typing import Final

from anneal.kernel.events import CreditNoteIssued, InvoiceFinalized, InvoicePaid
from anneal.kernel.ids import public_id
from tenants.webhooks.contracts import Fact
from tenants.webhooks.registry import public_events_register

FINALIZED: Final = "invoice.finalized"
PAID: Final = "invoice.paid"
CREDITED: Final = "credit_note.issued"


def register() -> None:
    """Let webhooks hear of invoices and credit notes."""
    public_events_register(
        InvoiceFinalized,
        types={FINALIZED: "An invoice was made; its number and kind are in it."},
        fact=_finalized,
    )
    public_events_register(
        InvoicePaid, types={PAID: "Nothing of an invoice is due any more."}, fact=_paid
    )
    public_events_register(
        CreditNoteIssued,
        types={CREDITED: "A credit note took something off an invoice."},
        fact=_credited,
    )


def _finalized(event: InvoiceFinalized) -> Fact:
    data = {"id": public_id("inv_", event.invoice_id), "number": event.number, "kind": event.kind}
    return Fact(event.organization, FINALIZED, data)


def _paid(event: InvoicePaid) -> Fact:
    data = {"id": public_id("inv_", event.invoice_id), "number": event.number}
    return Fact(event.organization, PAID, data)


def _credited(event: CreditNoteIssued) -> Fact:
    data = {
        "id": public_id("cn_", event.credit_note_id),
        "invoice": public_id("inv_", event.invoice_id),
        "number": event.number,
    }
    return Fact(event.organization, CREDITED, data)
