"""Going on a plan, and from one to another."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.errors import Conflict
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.ledger import functions
from billing.plans.contracts import Period, SubscriptionInfo
from billing.plans.errors import PaymentMethodRequired, PlanCurrency, SubscriptionUnchanged
from billing.plans.models import PlanVersion, Subscription, SubscriptionPeriod
from billing.plans.rows import plan_terms
from billing.plans.selectors import period_of, plan_version_current, subscription_info
from billing.plans.services.periods import period_open
from billing.plans.services.renewal import renew_until
from billing.plans.services.standing import (
    account_first,
    caps_apply,
    currency_check,
    must_be_paid,
)
from billing.plans.terms import time_zone_read
from tenants.accounts.services import organization_announce


def subscription_change(
    *,
    organization: OrganizationRef,
    actor: Actor,
    plan: str,
    time_zone: str | None = None,
    assigned: bool = False,
) -> SubscriptionInfo:
    """Put the organization on a plan's newest version.

    The first plan begins now; its day is the anchor of all periods, in ``time_zone`` (UTC). A plan
    that costs more begins now, one that costs less at the period's end. The plan there is takes
    back a change that waits. ``assigned`` is the operator's right to give plans that cost money or
    are not public. Raises PlanUnknown, PaymentMethodRequired, SubscriptionUnchanged, PlanCurrency,
    TimeZoneInvalid.
    """
    require_scope(organization)
    now = clock.now()
    row = (
        Subscription.objects.filter(organization_id=organization.id, ends_at__isnull=True)
        .select_related("plan_version__plan", "next_version__plan")
        .select_for_update(of=("self",))
        .first()
    )
    if row is None:
        wanted = _wanted(plan, assigned=assigned)
        zone = time_zone_read(time_zone or "UTC", now)
        return subscription_info(_start(organization, actor, wanted, zone, now))
    # Whatever comes may need the account: it is opened before anything is granted.
    functions.account_open(organization_id=organization.id)
    row = renew_until(organization, row, now)
    if time_zone not in (None, row.time_zone):
        raise Conflict(
            f"The periods of this subscription are counted in {row.time_zone}.", param="time_zone"
        )
    if row.next_version is not None and row.plan_version.plan.code == plan:
        return subscription_info(_keep(organization, actor, row))
    wanted = _wanted(plan, assigned=assigned)
    return subscription_info(_change(organization, actor, row, wanted, now, assigned=assigned))


def _wanted(plan: str, *, assigned: bool) -> PlanVersion:
    wanted = plan_version_current(code=plan, public_only=not assigned)
    if must_be_paid(wanted) and not assigned:
        costs = (
            f"costs {wanted.fee.normalize():f} {wanted.currency} a {wanted.period}"
            if wanted.fee
            else "invoices what is used beyond its units"
        )
        raise PaymentMethodRequired(
            f"The plan '{plan}' {costs} and no payment method is set up: choose a free plan"
            " without a credit line, or ask the operator of this installation to put the"
            " organization on it.",
            param="plan",
        )
    return wanted


def _start(
    organization: OrganizationRef, actor: Actor, wanted: PlanVersion, zone: str, now: datetime
) -> Subscription:
    account_first(organization, [wanted])
    currency_check(organization, wanted)
    row = _spell(organization, wanted, zone, now)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict("Another change of plan was made at this moment: look again.") from error
    caps_apply(organization, wanted, actor)
    whole = period_of(row.anchor_date, zone, row.period_months, now)
    # The first period begins with the subscription, and its units are whole.
    period_open(organization, row, starts_at=now, whole=(now, whole[1]))
    _audit(organization, actor, "subscription.start", row)
    return row


def _spell(
    organization: OrganizationRef, wanted: PlanVersion, zone: str, now: datetime
) -> Subscription:
    """Return a spell that begins a grid of its own now."""
    months = Period(wanted.period).months
    anchor = now.astimezone(ZoneInfo(zone)).date()
    return Subscription(
        organization_id=organization.id,
        plan_version=wanted,
        starts_at=now,
        renews_at=period_of(anchor, zone, months, now)[1],
        anchor_at=now,
        anchor_date=anchor,
        time_zone=zone,
        period_months=months,
    )


def _change(
    organization: OrganizationRef,
    actor: Actor,
    row: Subscription,
    wanted: PlanVersion,
    now: datetime,
    *,
    assigned: bool,
) -> Subscription:
    present = row.plan_version
    if present.id == wanted.id:
        raise SubscriptionUnchanged(param="plan")
    if present.currency != wanted.currency and (present.fee or present.credit_line):
        raise PlanCurrency(param="plan")
    currency_check(organization, wanted)
    more = _monthly(wanted) - _monthly(present)
    # What costs the same waits too where periods differ: each change would open a period of its
    # own, and going to and fro would fill it every time.
    if more < 0 or (more == 0 and wanted.period != present.period):
        row.next_version, row.next_assigned = wanted, assigned
        row.save(update_fields=["next_version", "next_assigned"])
        _audit(organization, actor, "subscription.schedule", row)
        return row
    return _upgrade(organization, actor, row, wanted, now)


def _keep(organization: OrganizationRef, actor: Actor, row: Subscription) -> Subscription:
    """Take back the change that waits."""
    row.next_version, row.next_assigned = None, False
    row.save(update_fields=["next_version", "next_assigned"])
    _audit(organization, actor, "subscription.keep", row)
    return row


def _upgrade(
    organization: OrganizationRef,
    actor: Actor,
    row: Subscription,
    wanted: PlanVersion,
    now: datetime,
) -> Subscription:
    """End the spell now and begin the next. What the old plan granted stays until its own end."""
    row.ends_at, row.next_version, row.next_assigned = now, None, False
    row.save(update_fields=["ends_at", "next_version", "next_assigned"])
    cut = SubscriptionPeriod.objects.filter(
        organization_id=organization.id, subscription_id=row.id, ends_at__gt=now
    )
    cut.update(ends_at=now)
    after = _spell(organization, wanted, row.time_zone, now)
    same_grid = after.period_months == row.period_months
    if same_grid:
        after.anchor_at, after.anchor_date = row.anchor_at, row.anchor_date
        after.renews_at = row.renews_at
    after.save(force_insert=True)
    caps_apply(organization, wanted, actor)
    starts_at, ends_at = period_of(after.anchor_date, after.time_zone, after.period_months, now)
    period_open(
        organization,
        after,
        starts_at=now,
        whole=(max(starts_at, after.anchor_at), ends_at),
        after=plan_terms(row.plan_version) if same_grid else None,
    )
    _audit(organization, actor, "subscription.upgrade", after)
    return after


def _monthly(version: PlanVersion) -> Decimal:
    return version.fee / Period(version.period).months


def _audit(organization: OrganizationRef, actor: Actor, action: str, row: Subscription) -> None:
    detail = {"plan": row.plan_version.plan.code, "version": row.plan_version.version}
    if row.next_version is not None:
        detail["next"] = row.next_version.plan.code
        detail["from"] = row.renews_at.isoformat()
    organization_announce(organization)  # the gateways keep the plan's limits with its keys
    audit_record(
        actor=actor,
        action=action,
        target=public_id("sub_", row.id),
        detail=detail,
        organization=organization,
    )
