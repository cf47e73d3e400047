"""Refusals of the ledger."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    QuotaExhausted,
)
from anneal.kernel.ids import public_id


class AmountInvalid(InvalidRequest):
    """An amount the ledger cannot hold."""

    code = "amount_invalid"
    message = "The amount must be a number above 0, at most 10^15, with at most 12 decimals."


class UnitUnknown(InvalidRequest):
    """Balances are kept in units of known meters, or in money."""

    code = "unit_unknown"
    message = "No meter counts in this unit and it is no currency: see GET /v1/billing/prices."


class CurrencyMismatch(Conflict):
    """An account is kept in one currency."""

    code = "currency_mismatch"
    message = "The account is kept in another currency: use that one."


class AccountWithoutMoney(Conflict):
    """A budget of money where there is none that it could count."""

    code = "account_without_money"
    message = (
        "The account has no money yet, so nothing would count against this budget: set it when "
        "credit was bought or given, or limit a meter's units."
    )


class GrantUnknown(NotFound):
    """No such grant of this organization."""

    code = "grant_not_found"
    message = "No such grant."


class GrantSpent(Conflict):
    """Nothing of a grant is left to take back."""

    code = "grant_spent"
    message = (
        "Nothing of this grant is left to take back: it is used, set aside for work under way, "
        "ended or taken back already. Refund what was captured instead."
    )


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


class RefundExceedsCapture(Conflict):
    """More than was captured and not refunded yet."""

    code = "refund_exceeds_capture"
    message = "The refund is above what was captured and not refunded yet: refund less."


class RefundMismatch(Conflict):
    """The same key with another content."""

    code = "refund_mismatch"
    message = "This key was used for another refund: use a new key."


class RefundInvalid(InvalidRequest):
    """A refund that cannot be told from another, or has no reason."""

    code = "refund_invalid"
    message = "A refund needs a key of at most 200 characters and a reason."


class LimitInvalid(InvalidRequest):
    """A budget that no decision could follow."""

    code = "limit_invalid"
    message = "The budget is not valid."


class LimitUnknown(NotFound):
    """No such budget of this organization."""

    code = "limit_not_found"
    message = "No such budget."


class LimitOfPlan(Conflict):
    """A plan's limit is not the organization's to change."""

    code = "limit_of_plan"
    message = "This limit belongs to the plan: change the plan, or ask the operator."


class LimitReached(QuotaExhausted):
    """A hard limit refuses what the balance would cover."""

    code = "limit_reached"
    message = "A budget is used up: raise it under Billing, or wait for its next window."


class ChargeTooHigh(InvalidRequest):
    """More money than the caller allowed."""

    code = "charge_too_high"
    message = "This would cost more than you allow: allow more, or ask for less."


class AccountParked(PermissionDenied):
    """Nothing new is begun: an invoice is unpaid, or the books must be looked at."""

    code = "account_parked"
    message = (
        "This account is paused: an invoice is unpaid (see Billing, Invoices), or the operator of"
        " this installation checks its books. Nothing is charged. Pay the invoice, or ask the"
        " operator."
    )


_WHOSE = {
    "organization": "of the organization",
    "plan": "of the plan",
    "member": "of this member",
    "key": "of this API key",
}
_WINDOWS = {"day": "per day", "month": "per month", "total": "in total"}


def limit_reached(detail: dict[str, Any]) -> LimitReached:
    """Say which limit refuses, what it allows, what counts against it, and what to do."""
    pending = f" and {detail['held']} held" if detail["held"] != "0" else ""
    remedy = "Change the plan" if detail["scope"] == "plan" else "Raise it"
    next_try = "" if detail["window"] == "total" else f" or wait for the next {detail['window']}"
    return LimitReached(
        f"The limit {_WHOSE[detail['scope']]} is {detail['amount']} {detail['unit']} "
        f"{_WINDOWS[detail['window']]}: {detail['used']} used{pending}, this needs "
        f"{detail['needed']} more. {remedy} under Billing{next_try}.",
        param=public_id("bud_", UUID(detail["limit_id"])),
    )


def charge_too_high(detail: dict[str, Any], most: Decimal) -> ChargeTooHigh:
    """Say what it would cost and what is allowed."""
    return ChargeTooHigh(
        f"This can cost up to {detail['cost']} {detail['currency']}, above the "
        f"{most.normalize():f} you allow: allow more, or ask for less."
    )


def quota_exhausted(
    *,
    unit: str,
    amount: Decimal,
    available: Decimal,
    ends_at: datetime | None,
    detail: dict[str, Any] | None = None,
) -> QuotaExhausted:
    """Say what is missing, when the trial ends, and what to do."""
    text = f"Not enough '{unit}' units: this needs {amount.normalize():f}, {available:f} available."
    if detail is not None and detail.get("needed") is not None:
        text += (
            f" The rest would cost up to {detail['needed']} {detail['currency']}, "
            f"{detail['available']} available."
        )
    if ends_at is not None:
        verb = "ended" if ends_at <= clock.now() else "ends"
        text += f" The trial {verb} on {ends_at:%Y-%m-%d %H:%M} UTC."
    return QuotaExhausted(
        f"{text} See the plans under Billing, or ask the operator of this installation for credit."
    )
