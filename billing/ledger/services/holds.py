"""Setting units aside, charging them, giving them back."""

from decimal import Decimal
from typing import Any, NoReturn
from uuid import UUID, uuid4, uuid5

from django.db import transaction

from anneal.kernel.audit import audit_record
from anneal.kernel.errors import OrganizationSuspended
from anneal.kernel.ids import public_id
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.ledger import functions
from billing.ledger.amounts import LARGEST, amount_read
from billing.ledger.contracts import Hold, HoldQuote
from billing.ledger.errors import (
    AccountParked,
    AmountInvalid,
    EventConflict,
    HoldClosed,
    HoldExceeded,
    HoldExpired,
    HoldMismatch,
    HoldUnknown,
    UnitUnknown,
    charge_too_high,
    limit_reached,
    quota_exhausted,
)
from billing.ledger.models import Hold as HoldRow
from billing.ledger.models import HoldState

_REFUSALS = {
    "hold_unknown": HoldUnknown,
    "hold_expired": HoldExpired,
    "hold_closed": HoldClosed,
    "exceeds_hold": HoldExceeded,
    "event_conflict": EventConflict,
    "meter_unknown": UnitUnknown,
    "mismatch": HoldMismatch,
    "account_parked": AccountParked,
    "organization_suspended": OrganizationSuspended,
    "invalid": AmountInvalid,
}


def hold_take(
    *,
    organization: OrganizationRef,
    unit: str,
    amount: Decimal | int,
    key: str,
    ttl_seconds: float,
    source: str = "",
    dims: dict[str, str] | None = None,
    api_key_id: UUID | None = None,
    member_id: UUID | None = None,
    most: Decimal | None = None,
) -> Hold:
    """Set units aside; the same ``key`` returns the same hold.

    What the unit's grants do not cover is set aside in money, at the price that ``dims`` (task,
    tier, channel) choose. ``api_key_id`` and ``member_id`` say whose limits count, ``most`` how
    much money the hold may come to cost by all that is pending now. The hold lives ``ttl_seconds``
    (1 s to 30 days) by the database's clock. Raises QuotaExhausted, LimitReached, ChargeTooHigh,
    AccountParked, OrganizationSuspended, AmountInvalid, UnitUnknown, HoldClosed, HoldMismatch.
    """
    require_scope(organization)
    units = amount_read(amount)
    hold_id = uuid5(organization.id, key)
    decision = functions.hold_take(
        {
            "organization_id": organization.id,
            "hold_id": hold_id,
            "unit": unit,
            "amount": units,
            "ttl_seconds": ttl_seconds,
            "source": source,
            "dims": dims or {},
            "api_key_id": api_key_id,
            "member_id": member_id,
            "most": _most_read(most),
        }
    )
    if decision.code not in {"accepted", "duplicate"}:
        _denied(decision, unit, units, most)
    return hold_get(organization=organization, hold_id=hold_id)


def hold_quote(
    *,
    organization: OrganizationRef,
    unit: str,
    amount: Decimal | int,
    dims: dict[str, str] | None = None,
    api_key_id: UUID | None = None,
    member_id: UUID | None = None,
    most: Decimal | None = None,
) -> HoldQuote:
    """Say what ``hold_take`` would do now, by doing and undoing it."""
    require_scope(organization)
    decision = _tried(
        organization,
        unit,
        amount_read(amount),
        dims=dims,
        api_key_id=api_key_id,
        member_id=member_id,
        most=LARGEST if most is None else most,
    )
    detail = decision.detail or {}
    return HoldQuote(
        refusal=None if decision.code == "accepted" else decision.code,
        cost=Decimal(detail["cost"]) if detail.get("cost") else None,
        currency=detail.get("currency", ""),
        available=decision.available,
    )


def hold_check(
    *,
    organization: OrganizationRef,
    unit: str,
    amount: Decimal | int,
    dims: dict[str, str] | None = None,
    api_key_id: UUID | None = None,
    member_id: UUID | None = None,
) -> None:
    """Raise what ``hold_take`` would be refused with now, and hold nothing.

    For what is to be written before a hold can be taken.
    """
    require_scope(organization)
    units = amount_read(amount)
    decision = _tried(
        organization, unit, units, dims=dims, api_key_id=api_key_id, member_id=member_id
    )
    if decision.code != "accepted":
        _denied(decision, unit, units)


def _tried(
    organization: OrganizationRef,
    unit: str,
    units: Decimal,
    *,
    dims: dict[str, str] | None,
    api_key_id: UUID | None,
    member_id: UUID | None,
    most: Decimal | None = None,
) -> functions.Decision:
    """Take a hold, undo it, and return what was decided."""
    undo = transaction.savepoint()
    decision = functions.hold_take(
        {
            "organization_id": organization.id,
            "hold_id": uuid4(),
            "unit": unit,
            "amount": units,
            "ttl_seconds": 1,
            "dims": dims or {},
            "api_key_id": api_key_id,
            "member_id": member_id,
            "most": _most_read(most),
        }
    )
    transaction.savepoint_rollback(undo)
    return decision


def hold_capture(
    *,
    organization: OrganizationRef,
    hold_id: UUID,
    amount: Decimal | int,
    event_id: str,
    source: str = "jobs",
    meter: str | None = None,
    model: str = "",
    deployment_id: UUID | None = None,
    api_key_id: UUID | None = None,
    dims: dict[str, Any] | None = None,
) -> Hold:
    """Charge ``amount`` of a hold, release the rest, count it as usage event ``event_id``.

    A second capture changes nothing and returns the first one's outcome; 0 releases. Raises
    HoldUnknown, HoldExpired, HoldExceeded, EventConflict, AmountInvalid.
    """
    units = amount_read(amount, zero=True)
    return _settle(
        organization,
        {
            "hold_id": hold_id,
            "captured": units,
            "event_id": event_id,
            "source": source,
            "meter": meter,
            "model": model,
            "deployment_id": deployment_id,
            "api_key_id": api_key_id,
            "dims": dims or {},
        },
    )


def hold_capture_segment(
    *,
    organization: OrganizationRef,
    hold_id: UUID,
    segment: str,
    amount: Decimal | int | None = None,
    used_so_far: Decimal | int | None = None,
    source: str = "jobs",
    meter: str | None = None,
    model: str = "",
    api_key_id: UUID | None = None,
    dims: dict[str, Any] | None = None,
) -> Hold:
    """Charge one segment of a hold that stays open; ``segment`` names its usage event.

    Give ``amount``, or ``used_so_far``: what the hold's work has used in all, of which the earlier
    segments are taken off, so that a report sent twice or out of order charges nothing twice. The
    same segment again changes nothing. ``hold_capture`` charges the last part and closes the hold,
    ``hold_release`` gives the rest back. Raises HoldUnknown, HoldClosed, HoldExpired, HoldExceeded,
    EventConflict, AmountInvalid.
    """
    if (amount is None) == (used_so_far is None):
        raise AmountInvalid("Give amount or used_so_far, one of them.", param="amount")
    how = "captured" if amount is not None else "cumulative"
    units = amount_read(amount if amount is not None else used_so_far or 0, zero=amount is None)
    return _settle(
        organization,
        {
            "hold_id": hold_id,
            how: units,
            "keep": True,
            "event_id": segment,
            "source": source,
            "meter": meter,
            "model": model,
            "api_key_id": api_key_id,
            "dims": dims or {},
        },
    )


def hold_release(*, organization: OrganizationRef, hold_id: UUID, note: str = "") -> Hold:
    """Give a hold's units back; a settled hold stays as it is.

    What segments have captured stays charged. ``note`` says why where it was our fault: it stands
    in the hold and in the audit trail. Raises HoldUnknown.
    """
    held = hold_get(organization=organization, hold_id=hold_id).state == HoldState.HELD
    released = _settle(
        organization, {"hold_id": hold_id, "captured": 0, "note": note[:500] or None}
    )
    if note and held:
        audit_record(
            actor=SYSTEM_ACTOR,
            action="hold.release",
            target=public_id("hold_", hold_id),
            detail={"note": note[:500], "unit": released.unit, "amount": f"{released.amount:f}"},
            organization=organization,
        )
    return released


def hold_extend(
    *,
    organization: OrganizationRef,
    hold_id: UUID,
    ttl_seconds: float,
    amount: Decimal | int = 0,
    dims: dict[str, str] | None = None,
    api_key_id: UUID | None = None,
    member_id: UUID | None = None,
    most: Decimal | None = None,
) -> Hold:
    """Keep a hold alive ``ttl_seconds`` from now and take ``amount`` more onto it, or neither.

    More is decided as in ``hold_take``, ``most`` with what the hold was charged and set aside
    before; none is never refused an open hold. Raises QuotaExhausted, LimitReached, ChargeTooHigh,
    AccountParked, HoldUnknown, HoldClosed, AmountInvalid.
    """
    require_scope(organization)
    units = amount_read(amount, zero=True)
    decision = functions.hold_extend(
        organization_id=organization.id,
        hold_id=hold_id,
        ttl_seconds=ttl_seconds,
        amount=units,
        api_key_id=api_key_id,
        member_id=member_id,
        dims=dims,
        most=_most_read(most),
    )
    if decision.code == "quota_exhausted":
        _denied(decision, hold_get(organization=organization, hold_id=hold_id).unit, units)
    if decision.code != "extended":
        _denied(decision, "", units, most)
    return hold_get(organization=organization, hold_id=hold_id)


def hold_get(*, organization: OrganizationRef, hold_id: UUID) -> Hold:
    """Return a hold of the organization. Raises HoldUnknown."""
    require_scope(organization)
    row = HoldRow.objects.filter(organization_id=organization.id, id=hold_id).first()
    if row is None:
        raise HoldUnknown
    return Hold(
        id=row.id,
        unit=row.unit,
        amount=row.amount,
        captured=row.captured,
        state=row.state,
        expires_at=row.expires_at,
        refunded=row.refunded,
        currency=row.currency,
        charged=row.charged,
        charge_refunded=row.charge_refunded,
    )


def _most_read(most: Decimal | None) -> Decimal | None:
    """Nothing is above NaN, so a hold that may cost so much would have no limit at all."""
    return None if most is None else amount_read(most, zero=True)


def _settle(organization: OrganizationRef, settlement: dict[str, Any]) -> Hold:
    require_scope(organization)
    code = functions.hold_settle({**settlement, "organization_id": organization.id})
    if code not in {"captured", "released", "duplicate"}:
        _refuse(code)
    return hold_get(organization=organization, hold_id=settlement["hold_id"])


def _denied(
    decision: functions.Decision, unit: str, units: Decimal, most: Decimal | None = None
) -> NoReturn:
    if decision.code == "limit_reached" and decision.detail is not None:
        raise limit_reached(decision.detail)
    if decision.code == "charge_too_high" and decision.detail is not None and most is not None:
        raise charge_too_high(decision.detail, most)
    if decision.code == "quota_exhausted":
        raise quota_exhausted(
            unit=unit,
            amount=units,
            available=decision.available,
            ends_at=decision.ends_at,
            detail=decision.detail,
        )
    _refuse(decision.code)


def _refuse(code: str) -> NoReturn:
    raise _REFUSALS.get(code, HoldUnknown)()
