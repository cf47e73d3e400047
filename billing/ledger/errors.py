"""Refusals of the ledger."""

from datetime import datetime
from decimal import Decimal

from anneal.kernel import clock
from anneal.kernel.errors import Conflict, InvalidRequest, NotFound, QuotaExhausted


class AmountInvalid(InvalidRequest):
    """An amount the ledger cannot hold."""

    code = "amount_invalid"
    message = "The amount must be a number above 0, at most 10^15, with at most 12 decimals."


class UnitUnknown(InvalidRequest):
    """Balances are kept in units of known meters."""

    code = "unit_unknown"
    message = "No meter counts in this unit: see GET /v1/billing/prices."


class GrantInvalid(InvalidRequest):
    """A grant that would be over before it begins, or of a kind there is not."""

    code = "grant_invalid"
    message = "The grant must end after it begins, and after now."


class HoldUnknown(NotFound):
    """No such hold of this organization."""

    code = "hold_not_found"
    message = "No such hold."


class HoldExpired(Conflict):
    """Nobody settled the hold in time, so its units went back."""

    code = "hold_expired"
    message = "The hold expired before it was settled and its units were released: start again."


class HoldClosed(Conflict):
    """The hold has been captured or released."""

    code = "hold_closed"
    message = "The hold is settled: take a new one."


class HoldExceeded(InvalidRequest):
    """A capture above what is held."""

    code = "hold_exceeded"
    message = "The capture is above the hold: extend the hold first."


class HoldMismatch(Conflict):
    """The same key with another content."""

    code = "hold_mismatch"
    message = "This key was used for another hold: use a new key."


class EventConflict(Conflict):
    """The usage event is known already."""

    code = "event_conflict"
    message = "This usage event has been counted already."


def quota_exhausted(
    *, unit: str, amount: Decimal, available: Decimal, ends_at: datetime | None
) -> QuotaExhausted:
    """Say what is missing, when the trial ends, and what to do."""
    text = f"Not enough '{unit}' units: this needs {amount.normalize():f}, {available:f} available."
    if ends_at is not None:
        verb = "ended" if ends_at <= clock.now() else "ends"
        text += f" The trial {verb} on {ends_at:%Y-%m-%d %H:%M} UTC."
    return QuotaExhausted(
        f"{text} See the plans under Billing, or ask the operator of this installation for credit."
    )
