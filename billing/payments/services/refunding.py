"""Sending back a payment, or a part: the credit note and the refund are one act."""

from uuid import UUID

from anneal.kernel.audit import audit_record
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.invoices.contracts import CreditNoteInfo, ReturnBy
from billing.invoices.money import money_text
from billing.invoices.services import credit_note_issue
from billing.ledger import functions
from billing.payments.errors import PaymentDisputed, PaymentEmpty, RefundExceeded
from billing.payments.models import Payment, Refund
from billing.payments.selectors import (
    payment_disputed,
    payment_left,
    refund_require_resendable,
    refund_tries,
)
from billing.payments.services.returning import refund_repeat


def payment_refund(
    *,
    organization: OrganizationRef,
    actor: Actor,
    attempt_id: UUID,
    key: str,
    amount_minor: int,
    reason: str,
) -> CreditNoteInfo:
    """Send an amount back to the card it came from, once per ``key``.

    The credit note, the refund and the wish to ask the provider are one transaction; a worker asks
    later, and again until it is answered. Raises PaymentEmpty, PaymentDisputed, RefundExceeded and
    what `credit_note_issue` raises.
    """
    require_scope(organization)
    functions.account_open(organization_id=organization.id)
    payment = Payment.objects.filter(
        organization_id=organization.id, attempt_id=attempt_id, invoice_id__isnull=False
    ).first()
    if payment is None:
        raise PaymentEmpty
    if payment_disputed(payment):
        raise PaymentDisputed
    left = payment_left(organization=organization, payment=payment)
    note = credit_note_issue(
        organization=organization,
        actor=actor,
        invoice_id=payment.invoice_id,
        key=f"refund:{key}",
        reason=reason,
        amount_minor=amount_minor,
        return_by=ReturnBy.REFUND,
        payment_id=payment.id,
    )
    # Looked at afterwards: whoever asks twice finds nothing left, but the refund that is there.
    if not _sent(payment, note):
        raise RefundExceeded(
            f"Of this payment {money_text(left, payment.currency)} {payment.currency} can go back:"
            " an invoice that is still to be paid, and what went back before, lower that.",
            param="amount",
        )
    return note


def refund_send_again(*, organization: OrganizationRef, actor: Actor, refund_id: UUID) -> None:
    """Have a refund sent once more that the provider or its card's bank refused.

    Its credit note stands, and is not written again. Raises RefundSent, PaymentDisputed,
    RefundExceeded, AmountInvalid.
    """
    require_scope(organization)
    functions.account_open(organization_id=organization.id)
    mine = Refund.objects.filter(organization_id=organization.id).select_related("payment")
    first = mine.get(id=refund_id)
    refund_require_resendable(first)
    number = len(refund_tries(first)) + 1
    refund_repeat(organization=organization, first=first, number=number)
    audit_record(
        actor=actor,
        action="refund.send_again",
        target=public_id("pay_", first.payment.attempt_id),
        detail={
            "amount": f"{money_text(first.amount_minor, first.currency)} {first.currency}",
            "try": number,
        },
        organization=organization,
    )


def _sent(payment: Payment, note: CreditNoteInfo) -> bool:
    refunds = Refund.objects.filter(
        organization_id=payment.organization_id,
        payment=payment,
        key__startswith=f"credit_note:{note.id}:",
        amount_minor=note.total_minor,
    )
    return bool(refunds.exists())
