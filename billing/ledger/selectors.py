"""Questions to the ledger."""

from datetime import datetime
from decimal import Decimal

from django.db.models import F

from anneal.kernel import clock
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.ledger.contracts import BalanceInfo, GrantInfo
from billing.ledger.models import Balance, Grant, GrantKind
from billing.ledger.services.grants import grant_info


def balances(*, organization: OrganizationRef) -> tuple[BalanceInfo, ...]:
    """Return every balance as of now, by unit.

    Grants that are due and that no function has begun or ended yet count as begun or ended.
    """
    require_scope(organization)
    grants = list(Grant.objects.filter(organization_id=organization.id))
    return tuple(
        _as_of(clock.now(), row, [grant for grant in grants if grant.unit == row.unit])
        for row in Balance.objects.filter(organization_id=organization.id).order_by("unit")
    )


def balance_get(*, organization: OrganizationRef, unit: str) -> BalanceInfo:
    """Return one balance; a unit never granted has nothing of everything."""
    nothing = Decimal(0)
    none_yet = BalanceInfo(unit, nothing, nothing, nothing, nothing, nothing, None)
    found = {balance.unit: balance for balance in balances(organization=organization)}
    return found.get(unit, none_yet)


def grants_open(*, organization: OrganizationRef) -> tuple[GrantInfo, ...]:
    """Return the grants that still have something unspent, next to be spent first."""
    require_scope(organization)
    rows = Grant.objects.filter(
        organization_id=organization.id,
        amount__gt=F("held") + F("consumed") + F("expired") + F("voided"),
    ).order_by("unit", "priority", F("expires_at").asc(nulls_last=True), "effective_at", "id")
    return tuple(grant_info(row) for row in rows)


def _as_of(now: datetime, row: Balance, grants: list[Grant]) -> BalanceInfo:
    granted, expired = row.granted, row.expired
    ends: list[datetime] = []
    ended: list[datetime] = []
    for grant in grants:
        rest = grant.amount - grant.held - grant.consumed - grant.expired - grant.voided
        begun = grant.active or grant.effective_at <= now
        over = grant.expires_at is not None and grant.expires_at <= now
        if begun and not grant.active:
            granted += grant.amount - grant.voided
        if begun and over:
            expired += rest
        if grant.expires_at and over and grant.kind == GrantKind.PROMOTIONAL:
            ended.append(grant.expires_at)
        if grant.expires_at and begun and not over and rest > 0:
            ends.append(grant.expires_at)
    available = granted - row.held - row.consumed - expired
    last_end = max(ended, default=None) if available == 0 else None
    return BalanceInfo(
        unit=row.unit,
        granted=granted,
        held=row.held,
        consumed=row.consumed,
        expired=expired,
        available=available,
        expires_at=min(ends, default=last_end),
    )
