"""What payments do when invoices say that something is due or goes back."""

from typing import Final
from uuid import UUID

from anneal.kernel.events import (
    CreditNoteIssued,
    InvoiceFinalized,
    PaymentExcess,
    PaymentRetryDue,
    PlanPaying,
)
from anneal.kernel.outbox import outbox_add
from anneal.kernel.scopes import OrganizationRef
from billing.invoices.contracts import ReturnBy
from billing.invoices.money import money_text
from billing.payments.errors import RefundExceeded
from billing.payments.models import Dispute, Payment
from billing.payments.provider.amounts import chargeable_within, require_chargeable
from billing.payments.selectors import cards_kept
from billing.payments.services.returning import refund_begin
from billing.plans.errors import PaymentMethodRequired

COLLECT_TASK: Final = "payments.collect"


def plan_paying(event: PlanPaying) -> None:
    """Refuse a plan that costs money while there is nothing to collect with."""
    if not card_usable(event.organization):
        raise PaymentMethodRequired(
            f"The plan '{event.plan}' {event.costs} and no payment method is set up: POST"
            " /v1/billing/checkout with purpose 'plan' saves a card and goes on it.",
            param="plan",
        )


def invoice_finalized(event: InvoiceFinalized) -> None:
    """Collect a new invoice where a card is kept."""
    if event.amount_due_minor > 0 and card_usable(event.organization):
        _collect(event.organization, str(event.invoice_id))


def payment_retry_due(event: PaymentRetryDue) -> None:
    """Collect an unpaid invoice once more."""
    invoice_retry(event.organization, event.invoice_id)


def invoice_retry(organization: OrganizationRef, invoice_id: UUID) -> None:
    """Collect an unpaid invoice once more where a card is kept.

    Not where a bank has taken its payment back: who asked for that has said what they think of it.
    """
    taken_back = Dispute.objects.filter(
        organization_id=organization.id, payment__invoice_id=invoice_id, booked=True
    )
    if card_usable(organization) and not taken_back.exists():
        _collect(organization, str(invoice_id))


def credit_note_issued(event: CreditNoteIssued) -> None:
    """Send back to the cards it came from what a credit note returns so, newest payment first.

    Raises RefundExceeded for more than they paid, and AmountInvalid for coins that no card takes
    back: there is no such note then.
    """
    if event.return_by != ReturnBy.REFUND:
        return
    rows = Payment.objects.filter(
        organization_id=event.organization.id, invoice_id=event.invoice_id
    ).order_by("-id")
    if event.payment_id is not None:
        rows = rows.filter(id=event.payment_id)
    left = event.returned_minor
    for row in rows:
        part = min(left, row.amount_minor - row.refunded_minor)
        if part <= 0:
            continue
        left -= part
        require_chargeable(part, row.currency, param="amount")
        refund_begin(
            organization=event.organization,
            payment=row,
            amount_minor=part,
            key=f"credit_note:{event.credit_note_id}:{row.id}",
        )
    if left:
        there = money_text(event.returned_minor - left, event.currency)
        raise RefundExceeded(
            f"Cards can take back {there} {event.currency} of this: return the rest by other ways.",
            param="return_by",
        )


def payment_excess(event: PaymentExcess) -> None:
    """Send back to its card what came beyond the due and can be no credit."""
    row = Payment.objects.filter(organization_id=event.organization.id, id=event.payment_id).first()
    if row is not None:
        # Less than a card takes back stands as a refund that failed: a person may see to it.
        within = chargeable_within(event.amount_minor, row.currency)
        refund_begin(
            organization=event.organization,
            payment=row,
            amount_minor=within or event.amount_minor,
            key=f"excess:{row.id}",
        )


def card_usable(organization: OrganizationRef) -> bool:
    """Say whether there is a card to collect with."""
    return cards_kept(organization).filter(is_default=True).exists()


def _collect(organization: OrganizationRef, invoice_id: str) -> None:
    outbox_add(
        task=COLLECT_TASK,
        queue="default",
        payload={
            "organization_id": str(organization.id),
            "slug": organization.slug,
            "invoice_id": invoice_id,
        },
    )
