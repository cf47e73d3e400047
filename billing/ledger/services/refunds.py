"""Giving captured units back."""

from decimal import Decimal
from typing import Final
from uuid import UUID

from anneal.kernel.audit import audit_record
from anneal.kernel.errors import DomainError
from anneal.kernel.ids import public_id
from anneal.kernel.principal import SYSTEM_ACTOR, Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.ledger import functions
from billing.ledger.amounts import amount_read
from billing.ledger.contracts import RefundInfo
from billing.ledger.errors import (
    AmountInvalid,
    HoldUnknown,
    RefundExceedsCapture,
    RefundInvalid,
    RefundMismatch,
)
from billing.ledger.models import CaptureRefund
from billing.ledger.services.holds import hold_get

_REFUSALS: Final[dict[str, type[DomainError]]] = {
    "hold_unknown": HoldUnknown,
    "exceeds_capture": RefundExceedsCapture,
    "mismatch": RefundMismatch,
    "invalid": AmountInvalid,
}


def hold_refund(
    *,
    organization: OrganizationRef,
    hold_id: UUID,
    amount: Decimal | int | None = None,
    key: str,
    reason: str,
    actor: Actor = SYSTEM_ACTOR,
) -> RefundInfo:
    """Give back ``amount`` units of what a hold captured (None: all), once per ``key``.

    Exactly the allocations of the capture are unwound, the last drawn first. What goes back to a
    grant that has ended is given anew for 30 days if it was bought, and ends again otherwise.
    Raises HoldUnknown, RefundExceedsCapture, RefundMismatch, RefundInvalid, AmountInvalid.
    """
    require_scope(organization)
    if not 0 < len(key) <= 200 or not 0 < len(reason.strip()) <= 500:
        raise RefundInvalid
    hold = hold_get(organization=organization, hold_id=hold_id)
    if amount is None:
        known = CaptureRefund.objects.filter(organization_id=organization.id, key=key).first()
        amount = known.units if known is not None else hold.captured - hold.refunded
        if not amount:
            raise RefundExceedsCapture
    code, refund_id, units, charge, _ = functions.capture_refund(
        organization_id=organization.id,
        hold_id=hold_id,
        amount=amount_read(amount),
        key=key,
        reason=reason,
    )
    if code not in {"refunded", "duplicate"}:
        raise _REFUSALS.get(code, HoldUnknown)()
    if code == "refunded":
        audit_record(
            actor=actor,
            action="hold.refund",
            target=public_id("hold_", hold_id),
            detail={
                "refund": public_id("ref_", refund_id),
                "unit": hold.unit,
                "units": f"{units:f}",
                "charge": f"{charge:f} {hold.currency}".strip(),
                "reason": reason,
            },
            organization=organization,
        )
    return RefundInfo(refund_id, hold_id, units, charge, hold.currency)
