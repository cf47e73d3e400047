"""Questions to plans."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from django.conf import settings
from django.db import connection
from django.db.models import F, Q, Sum

from anneal.kernel import clock
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.ledger.models import Grant
from billing.ledger.selectors import account_get
from billing.plans.contracts import (
    CancellationInfo,
    LimitsInForce,
    PlanInfo,
    PlanLimits,
    SubscriptionInfo,
    TrialTermsInfo,
)
from billing.plans.errors import PlanUnknown
from billing.plans.models import PlanVersion, Subscription, TrialTerms
from billing.plans.rows import plan_info
from billing.plans.terms import units_of

OF_PLANS: Final = Q(source__startswith="plan:") | Q(source__startswith="credit_line:")
"""Grants that a plan brought."""


def plans_offered() -> tuple[PlanInfo, ...]:
    """Return the newest published version of each public plan, in the operator's order."""
    rows = (
        PlanVersion.objects.filter(published_at__lte=clock.now(), plan__public=True)
        .select_related("plan")
        .order_by("plan_id", "-version")
        .distinct("plan_id")
    )
    ordered = sorted(rows, key=lambda row: (row.plan.position, row.plan.code))
    return tuple(map(plan_info, ordered))


def plan_version_current(*, code: str, public_only: bool) -> PlanVersion:
    """Return a plan's newest published version. Raises PlanUnknown."""
    rows = PlanVersion.objects.filter(plan__code=code, published_at__lte=clock.now())
    if public_only:
        rows = rows.filter(plan__public=True)
    row = rows.select_related("plan").order_by("-version").first()
    if row is None:
        raise PlanUnknown(param="plan")
    return row


def subscription_get(*, organization: OrganizationRef) -> SubscriptionInfo | None:
    """Return the organization's subscription as of now, if it has one."""
    require_scope(organization)
    row = (
        Subscription.objects.filter(organization_id=organization.id, ends_at__isnull=True)
        .select_related("plan_version__plan", "next_version__plan")
        .first()
    )
    return subscription_info(row) if row else None


def subscription_info(row: Subscription) -> SubscriptionInfo:
    """Copy a row, its versions and their plans fetched with it."""
    starts_at, ends_at = period_of(row.anchor_date, row.time_zone, row.period_months, clock.now())
    return SubscriptionInfo(
        id=row.id,
        plan=plan_info(row.plan_version),
        starts_at=row.starts_at,
        period_starts_at=max(starts_at, row.anchor_at),
        period_ends_at=ends_at,
        time_zone=row.time_zone,
        next_plan=plan_info(row.next_version) if row.next_version else None,
        ends_with_period=row.ends_with_period,
    )


def plan_after(*, organization: OrganizationRef) -> PlanVersion | None:
    """Return the free plan that follows one that is left: the first on offer that asks for nothing.

    Its caps of money must be in the account's currency. None when none is offered.
    """
    kept_in = account_get(organization=organization).currency
    for plan in plans_offered():
        terms = plan.terms
        money = any(cap.unit == terms.currency for cap in terms.caps)
        fits = not money or kept_in in ("", terms.currency)
        if fits and not terms.fee and terms.credit_line is None:
            return PlanVersion.objects.select_related("plan").get(id=plan.id)
    return None


def cancellation_get(*, organization: OrganizationRef) -> CancellationInfo | None:
    """Say what leaving the plan means; None where there is no plan that is paid."""
    require_scope(organization)
    found = subscription_get(organization=organization)
    if found is None or not (found.plan.terms.fee or found.plan.terms.credit_line):
        return None
    after = plan_after(organization=organization)
    following = found.next_plan
    leaves = following is not None and not (following.terms.fee or following.terms.credit_line)
    return CancellationInfo(
        plan=plan_info(after) if after else None,
        period_ends_at=found.period_ends_at,
        waits=found.ends_with_period or leaves,
        returned=plan_grants_unspent(organization=organization),
    )


def plan_grants_unspent(*, organization: OrganizationRef) -> tuple[tuple[str, Decimal], ...]:
    """Return what is left of what plans gave for the present period, by unit."""
    require_scope(organization)
    rest = F("amount") - F("held") - F("consumed") - F("expired") - F("voided")
    sums = (
        Grant.objects.filter(OF_PLANS, organization_id=organization.id, expires_at__gt=clock.now())
        .values("unit")
        .annotate(rest=Sum(rest))
        .order_by("unit")
    )
    return tuple((one["unit"], one["rest"]) for one in sums if one["rest"])


def limits_in_force(*, organization: OrganizationRef) -> LimitsInForce:
    """Return what the organization is held to, with or without a plan."""
    require_scope(organization)
    row = (
        Subscription.objects.filter(organization_id=organization.id, ends_at__isnull=True)
        .select_related("plan_version__plan")
        .first()
    )
    if row is None:
        return limits_default()
    plan = plan_info(row.plan_version)
    return LimitsInForce(plan.code, plan.terms.limits)


def limits_default() -> LimitsInForce:
    """Return what an organization without a plan is held to, by the operator's settings."""
    return LimitsInForce(None, PlanLimits(**settings.ANNEAL_DEFAULT_LIMITS))


def trial_terms_current() -> TrialTermsInfo:
    """Return what a new organization gets."""
    row = TrialTerms.objects.order_by("-version")[:1].get()
    return TrialTermsInfo(version=row.version, days=row.days, units=units_of(row.units))


def period_of(
    anchor_date: date, time_zone: str, period_months: int, at: datetime
) -> tuple[datetime, datetime]:
    """Return the period of a grid that holds a moment, as the ledger's functions see it."""
    return _period(
        "SELECT lower(p), upper(p) FROM period_of(%s, %s, %s, %s) p",
        [anchor_date, time_zone, period_months, at],
    )


def billing_period(*, organization: OrganizationRef, at: datetime) -> tuple[datetime, datetime]:
    """Return the period over which an organization's tiers count together."""
    require_scope(organization)
    return _period("SELECT lower(p), upper(p) FROM billing_period(%s, %s) p", [organization.id, at])


def _period(sql: str, values: list[Any]) -> tuple[datetime, datetime]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        starts_at, ends_at = cursor.fetchone()
    return starts_at, ends_at
