"""Setting units aside, charging them, giving them back."""

from decimal import Decimal
from typing import Any, NoReturn
from uuid import UUID, uuid5

from anneal.kernel.errors import OrganizationSuspended
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.ledger import functions
from billing.ledger.amounts import amount_read
from billing.ledger.contracts import Hold
from billing.ledger.errors import (
    AmountInvalid,
    EventConflict,
    HoldClosed,
    HoldExceeded,
    HoldExpired,
    HoldMismatch,
    HoldUnknown,
    UnitUnknown,
    quota_exhausted,
)
from billing.ledger.models import Hold as HoldRow

_REFUSALS = {
    "hold_unknown": HoldUnknown,
    "hold_expired": HoldExpired,
    "hold_closed": HoldClosed,
    "exceeds_hold": HoldExceeded,
    "event_conflict": EventConflict,
    "meter_unknown": UnitUnknown,
    "mismatch": HoldMismatch,
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
) -> Hold:
    """Set units aside; the same ``key`` returns the same hold.

    The hold lives ``ttl_seconds`` (1 s to 30 days) by the database's clock. Raises QuotaExhausted,
    OrganizationSuspended, AmountInvalid, HoldClosed, HoldMismatch.
    """
    require_scope(organization)
    units = amount_read(amount)
    hold_id = uuid5(organization.id, key)
    code, available, ends_at = functions.hold_take(
        {
            "organization_id": organization.id,
            "hold_id": hold_id,
            "unit": unit,
            "amount": units,
            "ttl_seconds": ttl_seconds,
            "source": source,
        }
    )
    if code == "quota_exhausted":
        raise quota_exhausted(unit=unit, amount=units, available=available, ends_at=ends_at)
    if code not in {"accepted", "duplicate"}:
        _refuse(code)
    return hold_get(organization=organization, hold_id=hold_id)


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


def hold_release(*, organization: OrganizationRef, hold_id: UUID) -> Hold:
    """Give a hold's units back; a settled hold stays as it is. Raises HoldUnknown."""
    return _settle(organization, {"hold_id": hold_id, "captured": 0})


def hold_extend(
    *,
    organization: OrganizationRef,
    hold_id: UUID,
    ttl_seconds: float,
    amount: Decimal | int = 0,
) -> Hold:
    """Keep a hold alive ``ttl_seconds`` from now and take ``amount`` more onto it, or neither.

    Raises QuotaExhausted, HoldUnknown, HoldClosed, AmountInvalid.
    """
    require_scope(organization)
    units = amount_read(amount, zero=True)
    code, available, ends_at = functions.hold_extend(
        organization_id=organization.id, hold_id=hold_id, ttl_seconds=ttl_seconds, amount=units
    )
    if code == "quota_exhausted":
        unit = hold_get(organization=organization, hold_id=hold_id).unit
        raise quota_exhausted(unit=unit, amount=units, available=available, ends_at=ends_at)
    if code != "extended":
        _refuse(code)
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
    )


def _settle(organization: OrganizationRef, settlement: dict[str, Any]) -> Hold:
    require_scope(organization)
    code = functions.hold_settle({**settlement, "organization_id": organization.id})
    if code not in {"captured", "released", "duplicate"}:
        _refuse(code)
    return hold_get(organization=organization, hold_id=settlement["hold_id"])


def _refuse(code: str) -> NoReturn:
    raise _REFUSALS.get(code, HoldUnknown)()
