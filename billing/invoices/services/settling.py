"""From what was paid and credited to what an invoice is: open or paid."""

from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.events import InvoicePaid, publish
from anneal.kernel.ids import public_id
from anneal.kernel.principal import SYSTEM_ACTOR, Actor
from anneal.kernel.scopes import OrganizationRef
from billing.invoices.contracts import InvoiceStatus, PaymentStatus
from billing.invoices.errors import InvoiceState, InvoiceUnknown
from billing.invoices.models import Invoice
from billing.invoices.services.ladder import dunning_end, dunning_open
from billing.ledger import functions
from billing.prices.currency import least_charge


def invoice_locked(organization: OrganizationRef, invoice_id: UUID) -> Invoice:
    """Return an invoice under the account's lock, which all that changes one takes first.

    Raises InvoiceUnknown.
    """
    functions.account_open(organization_id=organization.id)
    row: Invoice | None = Invoice.objects.filter(
        organization_id=organization.id, id=invoice_id
    ).first()
    if row is None:
        raise InvoiceUnknown
    return row


def final_locked(organization: OrganizationRef, invoice_id: UUID) -> Invoice:
    """Return a final invoice under the account's lock. Raises InvoiceUnknown, InvoiceState."""
    row = invoice_locked(organization, invoice_id)
    if row.status != InvoiceStatus.FINAL:
        raise InvoiceState("Only a final invoice is paid or credited: make it final first.")
    return row


def settled_look(organization: OrganizationRef, invoice: Invoice) -> None:
    """Keep what moved, and say once that an invoice is paid; one that lost a payment is open.

    A rest that no card can pay is given up where a ladder climbs for it.
    """
    was, due = PaymentStatus(invoice.payment_status), invoice.due_minor
    if not due and was != PaymentStatus.PAID:
        invoice.payment_status, invoice.paid_at = PaymentStatus.PAID.value, clock.now()
    elif due and was == PaymentStatus.PAID:
        invoice.payment_status, invoice.paid_at = PaymentStatus.OPEN.value, None
    invoice.save(
        update_fields=[
            "payment_status",
            "paid_at",
            "paid_minor",
            "credited_minor",
            "returned_minor",
        ]
    )
    if not due and was != PaymentStatus.PAID:
        dunning_end(organization, invoice)
        publish(
            InvoicePaid(organization=organization, invoice_id=invoice.id, number=invoice.number)
        )
    elif rest_small(invoice) and dunning_open(organization, invoice) is not None:
        rest_forgive(organization, invoice)


def rest_small(invoice: Invoice) -> bool:
    """Say whether something is still due, and less than a card can pay."""
    return 0 < invoice.due_minor < least_charge(invoice.currency)


def rest_forgive(organization: OrganizationRef, invoice: Invoice) -> None:
    """Give up what no card can pay: it stops no account. The account is locked."""
    if invoice.payment_status != PaymentStatus.UNCOLLECTIBLE:
        due_give_up(organization, SYSTEM_ACTOR, invoice, "Less than a card can pay.")
        dunning_end(organization, invoice)


def due_give_up(organization: OrganizationRef, actor: Actor, invoice: Invoice, reason: str) -> None:
    """Expect no more money for an invoice. The account is locked."""
    invoice.payment_status = PaymentStatus.UNCOLLECTIBLE.value
    invoice.save(update_fields=["payment_status"])
    audit_record(
        actor=actor,
        action="invoice.give_up",
        target=public_id("inv_", invoice.id),
        detail={"number": invoice.number, "kind": invoice.kind, "reason": reason},
        organization=organization,
    )
