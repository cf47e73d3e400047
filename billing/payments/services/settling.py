"""From what the provider says of a payment to what we owe for it: once, whoever says it first."""

from typing import Final

from django.db import transaction

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.ids import public_id
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.invoices.money import money_text
from billing.invoices.services import (
    dunning_failed,
    dunning_wait,
    invoice_payment_apply,
    invoice_top_up,
)
from billing.ledger import functions
from billing.ledger.errors import CurrencyMismatch
from billing.payments.contracts import AttemptState, IntentStatus, ProviderIntent
from billing.payments.models import Payment, PaymentAttempt
from billing.payments.services.cards import card_seen
from billing.payments.services.pausing import auto_top_up_pause
from billing.payments.services.returning import refund_begin
from billing.payments.services.stopping import auto_top_up_unpause

_EXPIRED: Final = "expired"


def intent_settle(
    *, organization: OrganizationRef, intent: ProviderIntent
) -> PaymentAttempt | None:
    """Book a payment as it is now, once; return its attempt, None if it is none of ours.

    Told twice, late or from several sides at once, it counts once: the account's lock is taken
    first, and an attempt succeeds once. Money for an attempt that was given up is booked too.
    """
    require_scope(organization)
    functions.account_open(organization_id=organization.id)
    row = _attempt(organization, intent)
    if row is None or row.state == AttemptState.SUCCEEDED:
        return row
    if intent.ref and not row.intent_ref:
        row.intent_ref = intent.ref
        row.save(update_fields=["intent_ref"])
    if intent.status == IntentStatus.SUCCEEDED:
        _succeed(organization, row, intent)
    elif intent.status == IntentStatus.FAILED and row.card_ref:
        # On a page the customer may try another card: only the page's end ends that attempt.
        attempt_fail(organization=organization, row=row, failure=intent.failure, declined=True)
    return row


def attempt_fail(
    *, organization: OrganizationRef, row: PaymentAttempt, failure: str, declined: bool = False
) -> bool:
    """End an open attempt without money; say whether it was open. The account's lock is held.

    A card that its bank ``declined`` begins or climbs the invoice's ladder. A page nobody used, an
    answer that never came and a fault of the set-up do not: a step has another day.
    """
    if row.state != AttemptState.OPEN:
        return False
    row.state, row.failure, row.ended_at = AttemptState.FAILED.value, failure[:100], clock.now()
    row.save(update_fields=["state", "failure", "ended_at"])
    _audit(organization, "payment.fail", row)
    if row.invoice_id is not None and row.card_ref:
        dun = dunning_failed if declined else dunning_wait
        dun(organization=organization, invoice_id=row.invoice_id, at=clock.now())
    if row.automatic and row.invoice_id is None:
        auto_top_up_pause(organization=organization, reason=failure)
    return True


def attempt_expire(*, organization: OrganizationRef, row: PaymentAttempt) -> bool:
    """End the attempt of a page that is over; say whether it was open."""
    return attempt_fail(organization=organization, row=row, failure=_EXPIRED)


def _succeed(organization: OrganizationRef, row: PaymentAttempt, intent: ProviderIntent) -> None:
    row.state, row.failure, row.ended_at = AttemptState.SUCCEEDED.value, "", clock.now()
    if intent.card is not None:
        row.card_ref = intent.card.ref
        card_seen(organization=organization, card=intent.card)
    row.save(update_fields=["state", "failure", "ended_at", "card_ref"])
    payment = Payment(
        organization_id=organization.id,
        attempt=row,
        invoice_id=row.invoice_id,
        intent_ref=intent.ref,
        amount_minor=intent.amount_minor,
        currency=intent.currency,
    )
    payment.save(force_insert=True)
    if row.invoice_id is not None:
        invoice_payment_apply(
            organization=organization,
            invoice_id=row.invoice_id,
            payment_id=payment.id,
            amount_minor=intent.amount_minor,
        )
    else:
        _sell(organization, payment)
    _audit(organization, "payment.succeed", row)


def _sell(organization: OrganizationRef, payment: Payment) -> None:
    """Give the credit that was bought. Where there can be none of its currency, money goes back.

    Two pages in two currencies can be open before the first decides the account's.
    """
    try:
        with transaction.atomic():
            sold = invoice_top_up(
                organization=organization,
                payment_id=payment.id,
                amount_minor=payment.amount_minor,
                currency=payment.currency,
            )
    except CurrencyMismatch:
        refund_begin(
            organization=organization,
            payment=payment,
            amount_minor=payment.amount_minor,
            key=f"currency:{payment.id}",
        )
        return
    payment.invoice_id = sold.invoice.id
    payment.save(update_fields=["invoice_id"])
    auto_top_up_unpause(organization=organization)


def _attempt(organization: OrganizationRef, intent: ProviderIntent) -> PaymentAttempt | None:
    mine = PaymentAttempt.objects.filter(organization_id=organization.id)
    if intent.attempt_id is not None:
        row: PaymentAttempt | None = mine.filter(id=intent.attempt_id).first()
        return row
    return mine.filter(intent_ref=intent.ref).first() if intent.ref else None


def _audit(organization: OrganizationRef, action: str, row: PaymentAttempt) -> None:
    audit_record(
        actor=SYSTEM_ACTOR,
        action=action,
        target=public_id("pay_", row.id),
        detail={
            "amount": f"{money_text(row.amount_minor, row.currency)} {row.currency}",
            "failure": row.failure,
        },
        organization=organization,
    )
