"""Fees that nobody pays although their unused rest was given back: that is asked for again."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final
from uuid import UUID

from anneal.kernel.events import InvoiceGivenUp, InvoicePaid
from anneal.kernel.scopes import OrganizationRef
from billing.invoices.contracts import ItemKind
from billing.invoices.models import Invoice, InvoiceItem
from billing.invoices.money import major, share_of
from billing.invoices.services.items import item_add, item_known
from billing.invoices.services.reversing import item_reverse

FEE: Final = "fee:"
CUT: Final = "fee_cut:"
"""What the names of fees, and of what is given back of them, begin with; a period's id follows."""
_UNPAID: Final = "fee_unpaid:"


def due_net(invoice: Invoice) -> Decimal:
    """Return what is due of an invoice, before taxes."""
    due = major(invoice.due_minor, invoice.currency)
    return share_of(due, Decimal(invoice.subtotal_minor), Decimal(invoice.total_minor))


def invoice_given_up(event: InvoiceGivenUp) -> None:
    """Ask again for what a change of plan gave back of a fee as if it would be paid."""
    organization = event.organization
    invoice = Invoice.objects.get(organization_id=organization.id, id=event.invoice_id)
    left = due_net(invoice)
    for period in _periods(organization, invoice.id):
        cut = item_known(organization, CUT + period)
        # On the same invoice it gave nothing back: less was asked for.
        if cut is None or cut.invoice_id == invoice.id or not left:
            continue
        unpaid = min(-cut.amount, left)
        left -= unpaid
        item_add(
            organization=organization,
            source=_UNPAID + period,
            kind=ItemKind.FEE,
            currency=cut.currency,
            amount=unpaid,
            description_code="fee_unpaid",
            params=cut.params,
            period=(cut.starts_at, cut.ends_at) if cut.starts_at and cut.ends_at else None,
            evidence=cut.evidence
            | {"due_minor": str(invoice.due_minor), "paid_minor": str(invoice.paid_minor)},
        )


def invoice_paid(event: InvoicePaid) -> None:
    """Ask for it no more where its fee is paid after all; a credit note pays nothing."""
    organization = event.organization
    for period in _periods(organization, event.invoice_id):
        unpaid = item_known(organization, _UNPAID + period)
        if unpaid is None:
            continue
        invoice = Invoice.objects.get(organization_id=organization.id, id=event.invoice_id)
        came = invoice.paid_minor - int(unpaid.evidence["paid_minor"])
        if came >= int(unpaid.evidence["due_minor"]):
            item_reverse(
                organization=organization,
                source=unpaid.source,
                reason=f"{invoice.number} was paid after all.",
            )


def _periods(organization: OrganizationRef, invoice_id: UUID) -> Iterator[str]:
    """Yield the periods whose fees are on an invoice, by the ends of their sources."""
    fees = InvoiceItem.objects.filter(
        organization_id=organization.id, invoice_id=invoice_id, source__startswith=FEE
    )
    for source in fees.order_by("id").values_list("source", flat=True):
        yield source.removeprefix(FEE)
