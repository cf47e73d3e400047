"""Refunds and disputes: money that goes back to a card, or that its bank takes back."""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.ids import public_id
from anneal.kernel.outbox import outbox_add
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.rounds import Due
from anneal.kernel.scopes import OrganizationRef, require_scope, tenant_scope
from billing.invoices.services import invoice_charged_back, invoice_refunded, invoice_regained
from billing.ledger import functions
from billing.payments.contracts import (
    DISPUTES_ENDED,
    REFUND_ASKED,
    REFUNDS_NOT_SENT,
    DisputeRead,
    ProviderRefund,
)
from billing.payments.errors import AmountInvalid, ProviderRefused
from billing.payments.models import AutoTopUp, Dispute, Payment, Refund
from billing.payments.provider import Provider, provider_current
from billing.payments.selectors import refund_failed, refund_tries
from billing.payments.services.pausing import OPERATOR
from tenants.accounts.selectors import due_of

REFUND_TASK: Final = "payments.refund"
_GONE: Final = "succeeded"
_OUTSIDE: Final = "provider:"
"""How the key of a refund begins that was made at the provider and not by us."""
_DISPUTE: Final = "dispute_lost"
_BATCH: Final = 100


def refund_begin(
    *, organization: OrganizationRef, payment: Payment, amount_minor: int, key: str
) -> None:
    """Have a part of a payment sent back, once per ``key``. The account is locked."""
    require_scope(organization)
    payment.refunded_minor += amount_minor
    payment.save(update_fields=["refunded_minor"])
    _begin(
        organization,
        Refund(payment=payment, key=key, amount_minor=amount_minor, currency=payment.currency),
    )


def refund_repeat(*, organization: OrganizationRef, first: Refund, number: int) -> None:
    """Have what was refused sent once more, as its try ``number``. The account is locked.

    It is a row, and a refund at the provider, of its own: what is told late of an earlier try must
    not end this one.
    """
    require_scope(organization)
    _begin(
        organization,
        Refund(
            payment=first.payment,
            key=f"{first.key}:{number}",
            amount_minor=first.amount_minor,
            currency=first.currency,
            booked=False,
        ),
    )


def _begin(organization: OrganizationRef, row: Refund) -> None:
    row.organization_id, row.asked_at = organization.id, clock.now()
    row.save(force_insert=True)
    outbox_add(
        task=REFUND_TASK,
        queue="default",
        payload={
            "organization_id": str(organization.id),
            "slug": organization.slug,
            "refund_id": str(row.id),
        },
    )


def refund_ask(*, organization: OrganizationRef, refund_id: UUID) -> str:
    """Let the provider send a refund, and return its state. Opens its own scopes.

    Asked again it is sent once. Raises ProviderAway, after which it is asked for again.
    """
    with tenant_scope(organization):
        row = Refund.objects.select_related("payment").get(
            organization_id=organization.id, id=refund_id
        )
    if row.state != REFUND_ASKED:
        return str(row.state)
    try:
        answer = provider_current().refund(
            intent=row.payment.intent_ref,
            amount_minor=row.amount_minor,
            currency=row.currency,
            key=f"{organization.id}:{row.key}",
            refund_id=row.id,
        )
        ref, state = answer.ref, answer.state
    except (AmountInvalid, ProviderRefused):
        ref, state = "", "failed"
    with tenant_scope(organization):
        functions.account_open(organization_id=organization.id)
        row.refresh_from_db(fields=["state"])
        # An event may have told more meanwhile, and more than this answer.
        if row.state == REFUND_ASKED:
            row.ref, row.state, row.asked_at = ref, state, clock.now()
            row.save(update_fields=["ref", "state", "asked_at"])
            _audit(organization, f"refund.{state}", row.payment, row.amount_minor)
    return str(row.state)


def refund_book(*, organization: OrganizationRef, refund: ProviderRefund) -> None:
    """Keep what became of a refund.

    One that the operator made at the provider has its credit note once the money has gone back.
    """
    require_scope(organization)
    functions.account_open(organization_id=organization.id)
    row = _refund_row(organization, refund)
    # What succeeded can still fail, and what failed is over: an older reading says less.
    over = REFUNDS_NOT_SENT if refund.state in REFUNDS_NOT_SENT else {_GONE, *REFUNDS_NOT_SENT}
    if row is None or row.state in over:
        return
    row.ref, row.state = refund.ref, refund.state
    if not row.booked and refund.refund_id is None and row.state == _GONE:
        _outside_gone(organization, row)
    row.save()


def _refund_row(organization: OrganizationRef, refund: ProviderRefund) -> Refund | None:
    """Return the row of a refund, a new one if it was made at the provider; None: none of ours."""
    mine = Refund.objects.filter(organization_id=organization.id).select_related("payment")
    named = {"id": refund.refund_id} if refund.refund_id else {"ref": refund.ref}
    known: Refund | None = mine.filter(**named).first()
    if known is not None or refund.refund_id is not None:
        return known
    payment = Payment.objects.filter(
        organization_id=organization.id, intent_ref=refund.intent
    ).first()
    if payment is None:
        return None
    return Refund(
        organization_id=organization.id,
        payment=payment,
        key=f"{_OUTSIDE}{refund.ref}"[:100],
        amount_minor=refund.amount_minor,
        currency=refund.currency,
        state="pending",
        booked=False,
        asked_at=clock.now(),
    )


def _outside_gone(organization: OrganizationRef, row: Refund) -> None:
    """Count what was made at the provider once it has gone; a note that stands is not written anew.

    Where as much failed before, this is that sum sent again.
    """
    mine = Refund.objects.filter(organization_id=organization.id, payment=row.payment)
    alike = mine.filter(amount_minor=row.amount_minor, booked=True).order_by("id")
    failed = next((each for each in alike if refund_failed(each)), None)
    if failed is not None:
        row.key = f"{failed.key}:{len(refund_tries(failed)) + 1}"
        return
    # That its bank may send it back later takes back no note.
    row.booked = True
    payment = row.payment
    payment.refunded_minor = min(payment.refunded_minor + row.amount_minor, payment.amount_minor)
    payment.save(update_fields=["refunded_minor"])
    _audit(organization, "refund.outside", payment, row.amount_minor)
    if payment.invoice_id is not None:
        invoice_refunded(
            organization=organization,
            invoice_id=payment.invoice_id,
            payment_id=payment.id,
            amount_minor=row.amount_minor,
            key=f"refund:{row.ref}",
            reason="Refunded at the payment provider.",
        )


def dispute_read(provider: Provider, ref: str) -> DisputeRead:
    """Read a dispute from the provider. Outside of scopes."""
    # The machine's clock, which no test and no simulation holds still: it orders two readings.
    began_at = datetime.now(UTC)
    return DisputeRead(provider.dispute_read(ref), began_at)


def dispute_book(*, organization: OrganizationRef, read: DisputeRead) -> None:
    """Keep a dispute; its invoice is open again for what the bank took for good.

    What the bank gives back on appeal pays it again. Credit is bought by itself no more once
    something was taken: its card would be charged for a customer who has just had a bank take such
    a charge back. A reading that began before the one that is kept is late, and changes nothing.
    """
    require_scope(organization)
    dispute = read.dispute
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
    elif row.read_at is not None and row.read_at > read.began_at:
        return
    if not row.booked:
        row.amount_minor = dispute.taken_minor or dispute.amount_minor
    row.currency, row.read_at = dispute.currency, read.began_at
    row.state, row.reason = dispute.state, dispute.reason[:50]
    row.evidence_due_at = dispute.evidence_due_at
    if dispute.taken_minor and not row.booked:
        _taken_book(organization, row, payment)
    elif row.booked and row.state in DISPUTES_ENDED and not dispute.taken_minor:
        _back_book(organization, row, payment)
    row.save()


def _taken_book(organization: OrganizationRef, row: Dispute, payment: Payment) -> None:
    automatic = AutoTopUp.objects.filter(organization_id=organization.id)
    automatic.update(enabled=False)
    automatic.exclude(paused_reason=OPERATOR).update(paused_reason=_DISPUTE)
    if payment.invoice_id is not None:
        invoice_charged_back(
            organization=organization,
            invoice_id=payment.invoice_id,
            payment_id=payment.id,
            amount_minor=row.amount_minor,
            key=f"dispute:{row.ref}",
            reason=f"{row.state.capitalize()} dispute: {row.reason}",
        )
    row.booked = True
    _audit(organization, f"dispute.{row.state}", payment, row.amount_minor)


def _back_book(organization: OrganizationRef, row: Dispute, payment: Payment) -> None:
    if payment.invoice_id is not None:
        invoice_regained(
            organization=organization,
            invoice_id=payment.invoice_id,
            payment_id=payment.id,
            key=f"dispute:{row.ref}",
            reason=f"{row.state.capitalize()} dispute: {row.reason}",
        )
    row.booked = False
    _audit(organization, f"dispute.{row.state}", payment, row.amount_minor)


def refunds_due(*, after: UUID) -> list[Due]:
    """Return refunds that the provider has not taken yet, by id after ``after``. System scope."""
    rows = Refund.objects.filter(id__gt=after, state=REFUND_ASKED).order_by("id")
    return due_of(rows.values_list("id", "organization_id")[:_BATCH])


def _audit(organization: OrganizationRef, action: str, payment: Payment, amount_minor: int) -> None:
    audit_record(
        actor=SYSTEM_ACTOR,
        action=action,
        target=public_id("pay_", payment.attempt_id),
        detail={"amount_minor": amount_minor, "currency": payment.currency},
        organization=organization,
    )
