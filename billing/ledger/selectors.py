"""Questions to the ledger."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db.models import F, Q, QuerySet, Subquery, Sum
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from anneal.kernel import clock
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.ledger.contracts import (
    AccountInfo,
    BalanceInfo,
    GrantInfo,
    LimitInfo,
    NoticeInfo,
)
from billing.ledger.models import (
    Balance,
    CustomerAccount,
    Grant,
    GrantKind,
    LimitCount,
    LimitWindow,
    Notice,
    SpendingLimit,
)
from billing.ledger.rows import grant_info, notice_rule

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


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


def balance_own(organization_id: Combinable, unit: Combinable, at: datetime) -> Combinable:
    """Return what is left of a unit without what a credit line lends, for a query."""
    rest = F("amount") - F("held") - F("consumed") - F("expired") - F("voided")
    rows = (
        Grant.objects.filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=at),
            organization_id=organization_id,
            unit=unit,
            effective_at__lte=at,
        )
        .exclude(kind=GrantKind.CREDIT_LINE)
        .values("unit")
    )
    return Coalesce(Subquery(rows.annotate(own=Sum(rest)).values("own")), Decimal(0))


def accounts_parked(organization_id: Combinable) -> QuerySet[CustomerAccount]:
    """Return the account if it is parked, for a query over organizations."""
    rows: QuerySet[CustomerAccount] = CustomerAccount.objects.filter(
        organization_id=organization_id, parked_at__isnull=False
    )
    return rows


def grants_open(*, organization: OrganizationRef) -> tuple[GrantInfo, ...]:
    """Return the grants that still have something unspent, next to be spent first."""
    require_scope(organization)
    rows = Grant.objects.filter(
        organization_id=organization.id,
        amount__gt=F("held") + F("consumed") + F("expired") + F("voided"),
    ).order_by("unit", "priority", F("expires_at").asc(nulls_last=True), "effective_at", "id")
    return tuple(grant_info(row) for row in rows)


def account_get(*, organization: OrganizationRef) -> AccountInfo:
    """Return the account as a whole; most trials have none, which is one without anything."""
    require_scope(organization)
    row = CustomerAccount.objects.filter(organization_id=organization.id).first()
    if row is None:
        return AccountInfo("", None, "")
    return AccountInfo(row.currency, row.parked_at, row.parked_reason)


def currency_limited(*, organization: OrganizationRef) -> str:
    """Return the currency in which limits of money are; empty when there are none."""
    require_scope(organization)
    units = SpendingLimit.objects.filter(
        organization_id=organization.id, removed_at=None, unit__regex=r"^[A-Z]{3}$"
    ).order_by("id")
    return units.values_list("unit", flat=True).first() or ""


def limits_list(
    *, organization: OrganizationRef, limit_id: UUID | None = None
) -> tuple[LimitInfo, ...]:
    """Return the limits with what counts against each in its present window, oldest first."""
    require_scope(organization)
    rows = SpendingLimit.objects.filter(organization_id=organization.id, removed_at=None)
    if limit_id is not None:
        rows = rows.filter(id=limit_id)
    found = list(rows.order_by("id"))
    begins = {window: window_begins(window, clock.now()) for window in LimitWindow.values}
    counts = {
        (count.limit_id, count.begins_at): count
        for count in LimitCount.objects.filter(
            organization_id=organization.id,
            limit_id__in=[row.id for row in found],
            begins_at__in=set(begins.values()),
        )
    }
    return tuple(
        _limit_info(row, begins[row.window], counts.get((row.id, begins[row.window])))
        for row in found
    )


def window_begins(window: str, now: datetime) -> datetime:
    """Return when the window that contains ``now`` began: a day or month of UTC, or ever."""
    if window == LimitWindow.TOTAL:
        return EPOCH
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day.replace(day=1) if window == LimitWindow.MONTH else day


def notices_rows(*, organization: OrganizationRef) -> QuerySet[Notice]:
    """Return the thresholds that were reached, for a page of them."""
    require_scope(organization)
    return Notice.objects.filter(organization_id=organization.id)


def notice_info(row: Notice) -> NoticeInfo:
    """Copy a row into the shape other apps may hold."""
    return NoticeInfo(
        id=row.id,
        rule=notice_rule(row),
        unit=row.unit,
        threshold=row.threshold,
        used=row.used,
        amount=row.amount,
        period=row.period,
        reached_at=row.reached_at,
    )


def _limit_info(row: SpendingLimit, begins_at: datetime, count: LimitCount | None) -> LimitInfo:
    return LimitInfo(
        id=row.id,
        scope=row.scope,
        subject_id=row.subject_id,
        unit=row.unit,
        window=row.window,
        amount=row.amount,
        hard=row.hard,
        alerts=tuple(row.alerts),
        used=count.used if count else Decimal(0),
        held=count.held if count else Decimal(0),
        begins_at=begins_at,
    )


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
