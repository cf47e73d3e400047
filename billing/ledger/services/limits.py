"""Budgets: what a key, a member, the organization or its plan may use in a window."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.ids import public_id
from anneal.kernel.principal import SYSTEM_ACTOR, Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.ledger import functions
from billing.ledger.amounts import amount_read, money_read, unit_read
from billing.ledger.contracts import LimitInfo
from billing.ledger.errors import (
    AccountWithoutMoney,
    CurrencyMismatch,
    LimitInvalid,
    LimitOfPlan,
    LimitUnknown,
)
from billing.ledger.models import LimitScope, LimitWindow, SpendingLimit
from billing.ledger.selectors import account_get, limits_list

ALERTS: Final = (50, 80, 90, 100)
MOST_ALERTS: Final = 10
MOST_LIMITS: Final = 200
"""Every decision of the organization reads them."""
_SUBJECTS: Final = (LimitScope.MEMBER, LimitScope.KEY)


def limit_set(
    *,
    organization: OrganizationRef,
    unit: str,
    window: str,
    amount: Decimal | int,
    scope: str = LimitScope.ORGANIZATION,
    subject_id: UUID | None = None,
    hard: bool = True,
    alerts: Sequence[int] = ALERTS,
    actor: Actor = SYSTEM_ACTOR,
) -> LimitInfo:
    """Set the one limit there is per subject, unit and window; what counts already goes on.

    One that was removed comes back with its counts, and a new one begins with what its window has
    used, decision 0027. The caller has made sure that the subject is the organization's. Windows
    are days and months of UTC, or for ever. Raises AmountInvalid, UnitUnknown, CurrencyDecimals,
    CurrencyMismatch, AccountWithoutMoney, LimitInvalid.
    """
    require_scope(organization)
    units = amount_read(amount, zero=True)
    money = unit_read(unit)
    if money:
        money_read(units, unit)
    _check(scope, subject_id, window, alerts)
    functions.account_open(organization_id=organization.id)
    if money:
        _currency_check(organization, unit, scope)
    row, fresh = _row_of(organization, scope, subject_id, unit, window)
    before = None if fresh else _terms(row)
    row.amount, row.hard, row.alerts = units, hard, sorted(set(alerts))
    row.removed_at = None
    row.save()
    functions.limit_begin(organization_id=organization.id, limit_id=row.id, fresh=fresh)
    detail = {"unit": unit, "window": window, "scope": scope, **_terms(row)}
    if subject_id is not None:
        detail["subject"] = _subject(scope, subject_id)
    if before is not None:
        detail["before"] = before
    _audit(actor, "limit.set", organization, row, detail)
    (found,) = limits_list(organization=organization, limit_id=row.id)
    return found


def limit_remove(
    *, organization: OrganizationRef, limit_id: UUID, actor: Actor, of_plan: bool = False
) -> None:
    """Remove a limit; its history stays. A plan's goes with ``of_plan`` alone.

    Raises LimitUnknown, LimitOfPlan.
    """
    require_scope(organization)
    functions.account_open(organization_id=organization.id)
    row = SpendingLimit.objects.filter(
        organization_id=organization.id, id=limit_id, removed_at=None
    ).first()
    if row is None:
        raise LimitUnknown
    if row.scope == LimitScope.PLAN and not of_plan:
        raise LimitOfPlan
    row.removed_at = clock.now()
    row.save()
    _audit(actor, "limit.remove", organization, row, {"unit": row.unit, **_terms(row)})


def _row_of(
    organization: OrganizationRef, scope: str, subject_id: UUID | None, unit: str, window: str
) -> tuple[SpendingLimit, bool]:
    """Return the limit there is, or was, or a new one; and whether it begins only now."""
    mine = SpendingLimit.objects.filter(organization_id=organization.id)
    same = mine.filter(scope=scope, subject_id=subject_id, unit=unit, window=window)
    row = same.filter(removed_at=None).first()
    if row is not None:
        return row, False
    # A plan's own are few, and a change of plan must not fail for what the customer has set.
    own = mine.filter(removed_at=None).exclude(scope=LimitScope.PLAN)
    if scope != LimitScope.PLAN and own.count() >= MOST_LIMITS:
        raise LimitInvalid(f"At most {MOST_LIMITS} budgets: remove one first.")
    found = same.order_by("-removed_at").first()
    return found or SpendingLimit(
        organization_id=organization.id,
        scope=scope,
        subject_id=subject_id,
        unit=unit,
        window=window,
    ), True


def _currency_check(organization: OrganizationRef, unit: str, scope: str) -> None:
    """Refuse a limit of money that would count nothing: whoever set it would feel safe."""
    currency = account_get(organization=organization).currency
    if currency not in ("", unit):
        raise CurrencyMismatch(
            f"The account is kept in {currency}: limit {currency}.", param="unit"
        )
    # A plan's cap binds the currency of money that comes later; a budget of one's own does not.
    if not currency and scope != LimitScope.PLAN:
        raise AccountWithoutMoney(param="unit")


def _check(scope: str, subject_id: UUID | None, window: str, alerts: Sequence[int]) -> None:
    if scope not in LimitScope.values:
        raise LimitInvalid(f"scope is one of: {', '.join(LimitScope.values)}.", param="scope")
    if window not in LimitWindow.values:
        raise LimitInvalid(f"window is one of: {', '.join(LimitWindow.values)}.", param="window")
    if (scope in _SUBJECTS) != (subject_id is not None):
        raise LimitInvalid(
            "Name a member or a key, and only for their own budget.", param="subject"
        )
    if len(alerts) > MOST_ALERTS or any(not 1 <= percent <= 1000 for percent in alerts):
        raise LimitInvalid(
            f"alerts: at most {MOST_ALERTS} percentages from 1 to 1000.", param="alerts"
        )


def _terms(row: SpendingLimit) -> dict[str, object]:
    return {"amount": f"{row.amount.normalize():f}", "hard": row.hard, "alerts": list(row.alerts)}


def _subject(scope: str, subject_id: UUID) -> str:
    return public_id("key_" if scope == LimitScope.KEY else "usr_", subject_id)


def _audit(
    actor: Actor,
    action: str,
    organization: OrganizationRef,
    row: SpendingLimit,
    detail: dict[str, object],
) -> None:
    audit_record(
        actor=actor,
        action=action,
        target=public_id("bud_", row.id),
        detail=detail,
        organization=organization,
    )
