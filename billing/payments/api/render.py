"""From rows of payments to what the API answers."""

from typing import Any

from anneal.kernel.ids import public_id
from billing.invoices.money import major, money_text
from billing.payments.contracts import DISPUTES_ENDED, AttemptState, AutoTopUpTerms
from billing.payments.limits import least_most
from billing.payments.models import CheckoutSession, PaymentAttempt, PaymentMethod
from billing.payments.rows import checkout_info
from billing.payments.selectors import purpose_of, refunded_minor


def checkout_json(row: CheckoutSession) -> dict[str, Any]:
    """Render a checkout."""
    info, attempt = checkout_info(row), row.attempt
    return {
        "id": public_id("cs_", info.id),
        "object": "billing.checkout",
        "purpose": info.purpose.value,
        "status": info.state.value,
        "url": info.url or None,
        "amount": money_text(attempt.amount_minor, attempt.currency) if attempt else None,
        "currency": attempt.currency if attempt else None,
        "plan": row.plan or None,
        "invoice": public_id("inv_", attempt.invoice_id)
        if attempt and attempt.invoice_id
        else None,
        "expires_at": info.expires_at.isoformat(),
        "error": info.error or None,
    }


def card_json(row: PaymentMethod) -> dict[str, Any]:
    """Render a card."""
    return {
        "id": public_id("pm_", row.id),
        "object": "billing.payment_method",
        "brand": row.brand,
        "last4": row.last4,
        "exp_month": row.exp_month,
        "exp_year": row.exp_year,
        "is_default": row.is_default,
        "created_at": row.created_at.isoformat(),
    }


def attempt_json(row: Any, cards: dict[str, PaymentMethod]) -> dict[str, Any]:
    """Render a row of ``attempts_rows``; its payment's refunds and disputes say more than it."""
    payment = next(iter(row.payments.all()), None)
    card = cards.get(row.card_ref)
    return {
        "id": public_id("pay_", row.id),
        "object": "billing.payment",
        "status": _status(row),
        "purpose": purpose_of(row).value,
        "amount": money_text(row.amount_minor, row.currency),
        "refunded": money_text(refunded_minor(payment) if payment else 0, row.currency),
        "currency": row.currency,
        "invoice": public_id("inv_", row.paid_invoice_id) if row.paid_invoice_id else None,
        "invoice_number": row.invoice_number,
        "brand": card.brand if card else None,
        "last4": card.last4 if card else None,
        "failure_code": row.failure or None,
        "created_at": row.created_at.isoformat(),
    }


def auto_top_up_json(terms: AutoTopUpTerms) -> dict[str, Any]:
    """Render when credit is bought by itself; nothing where it never was set."""
    known = terms.amount > 0

    def text(amount: Any) -> str | None:
        return f"{amount.normalize():f}" if known else None

    return {
        "object": "billing.auto_top_up",
        "enabled": terms.enabled,
        "currency": terms.currency,
        "threshold": text(terms.threshold),
        "amount": text(terms.amount),
        "daily_cap": text(terms.daily_cap),
        "paused": terms.paused or None,
        "paused_until": terms.paused_until.isoformat() if terms.paused_until else None,
    }


def settings_json(provider: str, currency: str) -> dict[str, Any]:
    """Render how this installation is paid."""
    least, most = least_most(currency)
    return {
        "object": "billing.payment_settings",
        "provider": provider,
        "currency": currency,
        "top_up": {
            "least": f"{major(least, currency):f}",
            "most": f"{major(most, currency):f}",
        },
    }


def _status(row: PaymentAttempt) -> str:
    if row.state == AttemptState.OPEN:
        return "processing"
    payment = next(iter(row.payments.all()), None)
    if payment is None:
        return "failed"
    if any(each.booked or each.state not in DISPUTES_ENDED for each in payment.disputes.all()):
        return "disputed"
    return "refunded" if refunded_minor(payment) == payment.amount_minor else "succeeded"
