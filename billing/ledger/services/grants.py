"""Giving units, and taking the unspent ones back."""

from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.events import CreditLineGiven, publish
from anneal.kernel.ids import public_id, uuid7
from anneal.kernel.principal import SYSTEM_ACTOR, Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.ledger import functions
from billing.ledger.amounts import amount_read, money_read, reason_read, unit_read
from billing.ledger.contracts import GrantInfo
from billing.ledger.errors import (
    CurrencyMismatch,
    GrantInvalid,
    GrantSpent,
    GrantUnknown,
)
from billing.ledger.models import Grant, GrantKind
from billing.ledger.rows import grant_info
from billing.ledger.selectors import account_get, currency_limited

MOST_PRIORITY: Final = 100
LONGEST_SOURCE: Final = 200


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
    rest: bool = False,
) -> GrantInfo:
    """Give units once per ``source``; the same source again returns the first grant.

    ``unit`` is a meter's code or a currency's; money pays at the price for what the meter's own
    grants do not cover. An account has one currency, that of its first money. A ``credit_line`` is
    money to be paid later. Lower ``priority`` is spent first, then what ends first. ``reason`` goes
    to the audit trail. The ``rest`` of what was given before need be no whole coins. Raises
    AmountInvalid, UnitUnknown, CurrencyDecimals, CurrencyMismatch, GrantInvalid.
    """
    require_scope(organization)
    units = amount_read(amount)
    if unit_read(unit):
        if not rest:
            money_read(units, unit)
        _money(organization, unit)
    elif kind == GrantKind.CREDIT_LINE:
        raise GrantInvalid("A credit line is money: give it in a currency.")
    _terms_check(kind, priority, source)
    begins_at = _begins_at(effective_at, expires_at)
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
    row = Grant.objects.get(id=grant_id)
    if added:
        _grant_tell(organization, actor, row, units, reason)
    return grant_info(row)


def _grant_tell(
    organization: OrganizationRef, actor: Actor, row: Grant, units: Decimal, reason: str
) -> None:
    said = {"reason": reason} if reason else {}
    audit_record(
        actor=actor,
        action="balance.grant",
        target=public_id("grant_", row.id),
        detail={
            "unit": row.unit,
            "amount": str(units),
            "kind": row.kind,
            "source": row.source,
            **said,
        },
        organization=organization,
    )
    if row.kind == GrantKind.CREDIT_LINE:
        publish(CreditLineGiven(organization=organization))


def _begins_at(asked: datetime | None, expires_at: datetime | None) -> datetime:
    begins_at = asked or clock.now()
    if expires_at is not None and expires_at <= max(begins_at, clock.now()):
        raise GrantInvalid(param="expires_at")
    return begins_at


def _terms_check(kind: str, priority: int, source: str) -> None:
    if kind not in GrantKind.values:
        raise GrantInvalid(f"kind is one of {', '.join(GrantKind.values)}.", param="kind")
    if not 0 <= priority <= MOST_PRIORITY:
        raise GrantInvalid(
            f"priority: give a whole number from 0 to {MOST_PRIORITY}.", param="priority"
        )
    if not 0 < len(source) <= LONGEST_SOURCE:
        raise GrantInvalid(f"source: 1 to {LONGEST_SOURCE} characters.", param="source")


def balance_void(
    *, organization: OrganizationRef, grant_id: UUID, actor: Actor, reason: str
) -> Decimal:
    """Take back what is unspent of a grant; return how much that was.

    What is used stays used, and what a hold pins stays until it is settled. Raises GrantUnknown,
    GrantSpent, InvalidRequest.
    """
    require_scope(organization)
    told = reason_read(reason)
    grant = Grant.objects.filter(organization_id=organization.id, id=grant_id).first()
    if grant is None:
        raise GrantUnknown
    voided = functions.grant_void(organization_id=organization.id, grant_id=grant_id)
    if not voided:
        raise GrantSpent
    _void_audit(organization, actor, grant, voided, reason=told)
    return voided


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
        voided = functions.grant_void(
            organization_id=organization.id, grant_id=grant.id, replaced=bool(units)
        )
        _void_audit(organization, actor, grant, voided)
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


def _money(organization: OrganizationRef, currency: str) -> None:
    functions.account_open(organization_id=organization.id)
    kept_in = account_get(organization=organization).currency
    if kept_in not in ("", currency):
        raise CurrencyMismatch(f"The account is kept in {kept_in}: give {kept_in}.", param="unit")
    limited_in = currency_limited(organization=organization)
    if not kept_in and limited_in not in ("", currency):
        # The limit would count nothing from now on, and its plan would be one without.
        raise CurrencyMismatch(
            f"The organization's plan limits what is spent in {limited_in}: give {limited_in}, or"
            " change the plan first.",
            param="unit",
        )


def _void_audit(
    organization: OrganizationRef, actor: Actor, grant: Grant, voided: Decimal, **more: str
) -> None:
    audit_record(
        actor=actor,
        action="balance.void",
        target=public_id("grant_", grant.id),
        detail={"unit": grant.unit, "amount": f"{voided.normalize():f}", **more},
        organization=organization,
    )
