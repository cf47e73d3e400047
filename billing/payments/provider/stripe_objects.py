"""Stripe's objects, as the port tells them."""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import stripe

from billing.payments.contracts import (
    ChargeWanted,
    CheckoutState,
    IntentStatus,
    ProviderCard,
    ProviderDispute,
    ProviderIntent,
    ProviderRefund,
    ProviderSession,
)
from billing.payments.provider.amounts import from_stripe

ATTEMPT: Final = "anneal_attempt"
REFUND: Final = "anneal_refund"
"""What we write on payments and refunds: which of ours they were made for."""
_ENDED: Final = {"succeeded": IntentStatus.SUCCEEDED, "canceled": IntentStatus.FAILED}
_DECLINED: Final = frozenset({"requires_payment_method", "requires_action"})


def metadata_of(found: Any) -> dict[str, str]:
    """Return what we wrote on an object."""
    return found.metadata.to_dict() if found.metadata else {}


def object_id(value: Any) -> str:
    """Return a reference, whether it came expanded or not."""
    return value if isinstance(value, str) else value.id if value else ""


def ours(found: Any, name: str) -> UUID | None:
    """Return the row of ours that an object of Stripe's was made for."""
    wanted = metadata_of(found).get(name)
    return UUID(wanted) if wanted else None


def session_of(found: Any) -> ProviderSession:
    """Read a page."""
    return ProviderSession(
        ref=found.id,
        state=CheckoutState(found.status),
        url=found.url or "",
        expires_at=datetime.fromtimestamp(found.expires_at, UTC),
        customer=object_id(found.customer),
        intent=object_id(found.payment_intent),
    )


def intent_of(found: Any) -> ProviderIntent:
    """Read a payment."""
    status = _ENDED.get(found.status, IntentStatus.PENDING)
    error = found.last_payment_error
    if status == IntentStatus.PENDING and found.status in _DECLINED and error is not None:
        status = IntentStatus.FAILED
    currency = found.currency.upper()
    method = found.payment_method
    return ProviderIntent(
        ref=found.id,
        status=status,
        amount_minor=from_stripe(found.amount, currency),
        currency=currency,
        customer=object_id(found.customer),
        attempt_id=ours(found, ATTEMPT),
        failure=_failure(status, error),
        card=card_of(method, None)
        if method and not isinstance(method, str) and method.card
        else None,
    )


def _failure(status: IntentStatus, error: Any) -> str:
    """Return why a payment failed: its bank's word for it, or that somebody canceled it."""
    if error is not None:
        return str(error.decline_code or error.code or "declined")
    return "canceled" if status == IntentStatus.FAILED else ""


def declined_of(error: stripe.CardError, wanted: ChargeWanted) -> ProviderIntent:
    """Read a payment that its bank refused at once."""
    told = error.error
    intent = told.payment_intent if told else None
    return ProviderIntent(
        ref=object_id(intent),
        status=IntentStatus.FAILED,
        amount_minor=wanted.amount_minor,
        currency=wanted.currency,
        customer=wanted.customer,
        attempt_id=wanted.attempt_id,
        failure=(told.decline_code if told else None) or error.code or "declined",
    )


def card_of(found: Any, default: Any) -> ProviderCard:
    """Read a card; ``default`` is the one that its customer prefers."""
    return ProviderCard(
        ref=found.id,
        brand=found.card.brand,
        last4=found.card.last4,
        exp_month=found.card.exp_month,
        exp_year=found.card.exp_year,
        default=found.id == object_id(default),
    )


def refund_of(found: Any) -> ProviderRefund:
    """Read a refund."""
    currency = found.currency.upper()
    return ProviderRefund(
        ref=found.id,
        intent=object_id(found.payment_intent),
        amount_minor=from_stripe(found.amount, currency),
        currency=currency,
        state=found.status or "pending",
        refund_id=ours(found, REFUND),
    )


def dispute_of(found: Any) -> ProviderDispute:
    """Read a dispute."""
    currency, details = found.currency.upper(), found.evidence_details
    due = details.due_by if details else None
    return ProviderDispute(
        ref=found.id,
        intent=object_id(found.payment_intent),
        amount_minor=from_stripe(found.amount, currency),
        currency=currency,
        state=found.status,
        reason=found.reason,
        evidence_due_at=datetime.fromtimestamp(due, UTC) if due else None,
        withdrawn_minor=_withdrawn(found, currency),
    )


def _withdrawn(found: Any, currency: str) -> int:
    """Return what a dispute took and did not give back.

    Movements in another currency than its own, the account's, tell alone whether it did.
    """
    moved = found.balance_transactions
    net = -sum(each.amount for each in moved)
    if all(each.currency == found.currency for each in moved):
        return from_stripe(max(net, 0), currency)
    return from_stripe(found.amount, currency) if net > 0 else 0
