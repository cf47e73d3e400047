"""Giving units, and taking the unspent ones back."""

from datetime import datetime
from decimal import Decimal

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.ids import public_id, uuid7
from anneal.kernel.principal import SYSTEM_ACTOR, Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.ledger import functions
from billing.ledger.amounts import amount_read, money_read, unit_read
from billing.ledger.contracts import GrantInfo
from billing.ledger.errors import CurrencyMismatch, GrantInvalid
from billing.ledger.models import CustomerAccount, Grant, GrantKind
from billing.ledger.rows import grant_info


def balance_grant(
    *,
    organization: OrganizationRef,
    unit: str,
    amount: Decimal | int,
    kind: str,
    source: str,
    actor: Actor = SYSTEM_ACTOR,
    priority: int = 50,
    effective_at: datetime | None = None,
    expires_at: datetime | None = None,
    reason: str = "",
) -> GrantInfo:
    """Give units once per ``source``; the same source again returns the first grant.

    ``unit`` is a meter's code or a currency's; money pays at the price for what the meter's own
    grants do not cover. An account has one currency, that of its first money. A ``credit_line`` is
    money to be paid later. Lower ``priority`` is spent first, then what ends first. ``reason`` goes
    to the audit trail. Raises AmountInvalid, UnitUnknown, CurrencyDecimals, CurrencyMismatch,
    GrantInvalid.
    """
    require_scope(organization)
    units = amount_read(amount)
    if unit_read(unit):
        _money(organization, unit, units)
    elif kind == GrantKind.CREDIT_LINE:
        raise GrantInvalid("A credit line is money: give it in a currency.")
    begins_at = effective_at or clock.now()
    over = expires_at is not None and expires_at <= max(begins_at, clock.now())
    if over or kind not in GrantKind.values or not 0 <= priority <= 100 or not source:
        raise GrantInvalid
    grant_id, added = functions.grant_add(
        organization_id=organization.id,
        unit=unit,
        kind=kind,
        amount=units,
        priority=priority,
        effective_at=begins_at,
        expires_at=expires_at,
        source=source,
    )
    if added:
        detail = {"unit": unit, "amount": str(units), "kind": kind, "source": source}
        if reason:
            detail["reason"] = reason
        audit_record(
            actor=actor,
            action="balance.grant",
            target=public_id("grant_", grant_id),
            detail=detail,
            organization=organization,
        )
    return grant_info(Grant.objects.get(id=grant_id))


def balance_grant_set(
    *,
    organization: OrganizationRef,
    unit: str,
    amount: Decimal | int,
    actor: Actor = SYSTEM_ACTOR,
) -> GrantInfo | None:
    """Give exactly ``amount``, without end, in place of the trial; 0 gives nothing (None).

    What is unspent of the trial is taken back first. Raises AmountInvalid, UnitUnknown.
    """
    require_scope(organization)
    units = amount_read(amount, zero=True)
    promotional = Grant.objects.filter(
        organization_id=organization.id, unit=unit, kind=GrantKind.PROMOTIONAL
    )
    for grant in promotional:
        voided = functions.grant_void(organization_id=organization.id, grant_id=grant.id)
        audit_record(
            actor=actor,
            action="balance.void",
            target=public_id("grant_", grant.id),
            detail={"unit": unit, "amount": f"{voided.normalize():f}"},
            organization=organization,
        )
    if not units:
        return None
    return balance_grant(
        organization=organization,
        actor=actor,
        unit=unit,
        amount=units,
        kind=GrantKind.OPERATOR,
        source=f"credit:{uuid7()}",
    )


def _money(organization: OrganizationRef, currency: str, amount: Decimal) -> None:
    money_read(amount, currency)
    functions.account_open(organization_id=organization.id)
    account = CustomerAccount.objects.get(organization_id=organization.id)
    if account.currency not in ("", currency):
        raise CurrencyMismatch(
            f"The account is kept in {account.currency}: give {account.currency}.", param="unit"
        )
