"""An outcome's money: held in advance, taken from the balance, or asked for by invoice.

An account with a credit line pays by invoice. Any other pays from its balance as long as that
lasts; what it no longer covers is invoiced, since the outcome came true all the same.
"""

import logging
from typing import Any, Final

from anneal.kernel.errors import OrganizationSuspended, QuotaExhausted
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef
from billing.invoices.contracts import ItemKind, Reversal
from billing.invoices.services import item_add, item_reverse
from billing.ledger.errors import AccountParked, HoldClosed, HoldExpired, LimitReached
from billing.ledger.selectors import account_get
from billing.ledger.services import hold_capture, hold_refund, hold_release, hold_take
from billing.numbers import decimal_text
from billing.outcomes.contracts import OutcomeKind, Payment, source_of
from billing.outcomes.models import Outcome
from billing.plans.contracts import Overage
from billing.plans.selectors import subscription_get
from billing.prices.contracts import MONEY_METER

logger = logging.getLogger(__name__)

SOURCE: Final = "outcomes"
HOLD_SECONDS: Final = 30 * 24 * 3600
"""As long as a hold may live. The fee of a job that takes longer is invoiced."""
NO_MONEY: Final = (QuotaExhausted, LimitReached, AccountParked, OrganizationSuspended)
"""Why an amount is not held."""
_LINES: Final = {
    OutcomeKind.SUCCESS_FEE.value: "outcome_success_fee",
    OutcomeKind.CONFIRMED_PREDICTION.value: "outcome_predictions",
}


def by_invoice(organization: OrganizationRef, currency: str) -> bool:
    """Say whether the plan invoices what goes beyond its units, or the balance is other money."""
    if account_get(organization=organization).currency not in ("", currency):
        return True
    found = subscription_get(organization=organization)
    return found is not None and found.plan.terms.overage is Overage.INVOICE


def amount_hold(organization: OrganizationRef, row: Outcome) -> None:
    """Set what may be owed aside, unless the account pays later. Raises QuotaExhausted."""
    if by_invoice(organization, row.currency):
        return
    hold = hold_take(
        organization=organization,
        unit=MONEY_METER,
        amount=row.quantity * row.unit_price,
        key=source_of(row.id),
        ttl_seconds=HOLD_SECONDS,
        source=SOURCE,
    )
    row.hold_id = hold.id


def amount_charge(organization: OrganizationRef, row: Outcome, event_id: str) -> dict[str, Any]:
    """Take what is owed: of the hold, of the balance, else by an item; return how."""
    amount = row.quantity * row.unit_price
    charged = f"{decimal_text(amount)} {row.currency}"
    if row.hold_id is None and not by_invoice(organization, row.currency):
        try:
            amount_hold(organization, row)
        except NO_MONEY as error:
            logger.info("outcome.by_invoice", extra={"outcome": event_id, "code": error.code})
    if row.hold_id is not None and _captured(organization, row, event_id):
        row.payment = Payment.BALANCE.value
        return {"charged": charged, "payment": row.payment}
    row.payment = Payment.INVOICE.value
    item = item_add(
        organization=organization,
        source=source_of(row.id),
        kind=ItemKind.OUTCOME,
        currency=row.currency,
        amount=amount,
        quantity=row.quantity,
        unit_price=row.unit_price,
        period=None
        if row.starts_at is None or row.ends_at is None
        else (row.starts_at, row.ends_at),
        description_code=_LINES[row.kind],
        params={"name": _name(row)},
        evidence={"outcome": event_id},
    )
    return {
        "charged": charged,
        "payment": row.payment,
        "item": public_id("item_", item.id),
    }


def amount_return(
    organization: OrganizationRef, row: Outcome, reason: str, actor: Actor
) -> dict[str, Any]:
    """Free what is held, or give back what was charged; return how."""
    if row.payment == Payment.INVOICE:
        back = item_reverse(
            organization=organization, source=source_of(row.id), reason=reason[:500], actor=actor
        )
        return _returned(back)
    if row.hold_id is None:
        return {}
    if row.payment == Payment.BALANCE:
        hold_refund(
            organization=organization,
            hold_id=row.hold_id,
            key=source_of(row.id),
            reason=reason[:500],
            actor=actor,
        )
        return {"returned": "balance"}
    hold_release(organization=organization, hold_id=row.hold_id)
    return {"returned": "hold_released"}


def _returned(back: Reversal) -> dict[str, Any]:
    """Say how an item was given back: by a credit note, by the next invoice, or by both."""
    ways: list[str] = []
    named: dict[str, Any] = {}
    if back.credit_note is not None:
        note = back.credit_note
        ways.append("credit_note")
        named = {"credit_note": public_id("cn_", note.id), "number": note.number}
    if back.waits is not None:
        ways.append("next_invoice")
        named["item"] = public_id("item_", back.waits.id)
    nothing = "item_dropped" if back.dropped else "nothing_left"
    return {"returned": "_and_".join(ways) or nothing, **named}


def _captured(organization: OrganizationRef, row: Outcome, event_id: str) -> bool:
    if row.hold_id is None:
        return False
    amount = row.quantity * row.unit_price
    try:
        hold = hold_capture(
            organization=organization,
            hold_id=row.hold_id,
            amount=amount,
            event_id=event_id,
            source=SOURCE,
        )
    except (HoldExpired, HoldClosed):
        return False
    return hold.captured == amount


def _name(row: Outcome) -> str:
    return str(row.contract.document.get("facts", {}).get("name") or row.subject)
