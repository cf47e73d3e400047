"""From rows to what crosses the border."""

from billing.payments.contracts import (
    AttemptInfo,
    AttemptState,
    AutoTopUpTerms,
    CheckoutInfo,
    CheckoutState,
    Purpose,
)
from billing.payments.models import AutoTopUp, CheckoutSession, PaymentAttempt


def attempt_info(row: PaymentAttempt) -> AttemptInfo:
    """Return a try to collect."""
    return AttemptInfo(
        row.id,
        AttemptState(row.state),
        row.invoice_id,
        row.amount_minor,
        row.currency,
        row.failure,
    )


def checkout_info(row: CheckoutSession) -> CheckoutInfo:
    """Return a checkout; a page that is over has no address."""
    open_still = row.state == CheckoutState.OPEN
    return CheckoutInfo(
        row.id,
        Purpose(row.purpose),
        CheckoutState(row.state),
        row.url if open_still else "",
        row.expires_at,
        row.error,
    )


def auto_top_up_terms(row: AutoTopUp) -> AutoTopUpTerms:
    """Return when credit is bought by itself."""
    return AutoTopUpTerms(
        enabled=row.enabled,
        threshold=row.threshold,
        amount=row.amount,
        daily_cap=row.daily_cap,
        currency=row.currency,
        paused=row.paused_reason,
        paused_until=row.retry_at if row.paused_reason else None,
    )
