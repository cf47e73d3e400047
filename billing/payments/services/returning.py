"""Refunds and disputes: money that goes back to a card, or that its bank takes back."""

from typing import Final
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.ids import public_id
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, require_scope, tenant_scope
from billing.invoices.selectors import invoice_get
from billing.invoices.services import invoice_payment_unapply
from billing.ledger import functions
from billing.payments.contracts import ProviderDispute, ProviderRefund
from billing.payments.errors import ProviderRefused
from billing.payments.models import Dispute, Payment, Refund
from billing.payments.provider import provider_current

_LOST: Final = "lost"


def refund_ask(*, organization: OrganizationRef, refund_id: UUID) -> str:
    """Let the provider send a refund, and return its state. Opens its own scopes.

    Asked again it is sent once. Raises ProviderAway, after which it is asked for again.
    """
    with tenant_scope(organization):
        row = Refund.objects.select_related("payment").get(
            organization_id=organization.id, id=refund_id
        )
    if row.ref:
        return str(row.state)
    try:
        answer = provider_current().refund(
            intent=row.payment.intent_ref,
            amount_minor=row.amount_minor,
            currency=row.currency,
            key=f"{organization.id}:{row.key}",
        )
        ref, state = answer.ref, answer.state
    except ProviderRefused:
        ref, state = "", "failed"
    with tenant_scope(organization):
        row.ref, row.state, row.asked_at = ref, state, clock.now()
        row.save(update_fields=["ref", "state", "asked_at"])
        _audit(organization, f"refund.{state}", row.payment, row.amount_minor)
    return state


def refund_book(*, organization: OrganizationRef, refund: ProviderRefund) -> None:
    """Keep what became of a refund of ours."""
    require_scope(organization)
    functions.account_open(organization_id=organization.id)
    Refund.objects.filter(organization_id=organization.id, ref=refund.ref).update(
        state=refund.state
    )


def dispute_book(*, organization: OrganizationRef, dispute: ProviderDispute) -> None:
    """Keep a dispute; once it is lost, its invoice is open again for what the bank took.

    What had gone back otherwise before, as credit or by transfer, is not asked for again.
    """
    require_scope(organization)
    functions.account_open(organization_id=organization.id)
    payment = Payment.objects.filter(
        organization_id=organization.id, intent_ref=dispute.intent
    ).first()
    if payment is None:
        return
    row = Dispute.objects.filter(organization_id=organization.id, ref=dispute.ref).first()
    if row is None:
        row = Dispute(organization_id=organization.id, payment=payment, ref=dispute.ref)
        _audit(organization, "dispute.open", payment, dispute.amount_minor)
    row.amount_minor, row.currency = dispute.amount_minor, dispute.currency
    row.state, row.reason = dispute.state, dispute.reason[:50]
    if row.state == _LOST and not row.booked and payment.invoice_id is not None:
        _due_again(organization, payment.invoice_id, row)
        row.booked = True
        _audit(organization, "dispute.lost", payment, row.amount_minor)
    row.save()


def refunds_due() -> list[tuple[UUID, UUID]]:
    """Return organizations and refunds that the provider has not taken yet. System scope."""
    rows = Refund.objects.filter(state="asked").order_by("asked_at")
    return list(rows.values_list("organization_id", "id")[:100])


def _due_again(organization: OrganizationRef, invoice_id: UUID, row: Dispute) -> None:
    invoice = invoice_get(organization=organization, invoice_id=invoice_id)
    amount = min(row.amount_minor, invoice.paid_minor - invoice.returned_minor)
    if amount > 0:
        invoice_payment_unapply(
            organization=organization,
            invoice_id=invoice.id,
            payment_id=row.payment_id,
            amount_minor=amount,
            key=f"dispute:{row.ref}",
            reason=f"Lost dispute: {row.reason}",
        )


def _audit(organization: OrganizationRef, action: str, payment: Payment, amount_minor: int) -> None:
    audit_record(
        actor=SYSTEM_ACTOR,
        action=action,
        target=public_id("pay_", payment.id),
        detail={"amount_minor": amount_minor, "currency": payment.currency},
        organization=organization,
    )
