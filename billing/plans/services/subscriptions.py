"""Going on a plan, and from one to another."""

from datetime import datetime
from decimal import Decimal

from django.db import IntegrityError, transaction

from anneal.kernel.errors import Conflict
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.plans.contracts import Period, SubscriptionInfo
from billing.plans.errors import PlanCurrency, SubscriptionUnchanged
from billing.plans.models import PlanVersion, Subscription
from billing.plans.selectors import period_of, plan_version_current, subscription_info
from billing.plans.services.changes import (
    change_audit,
    change_keep,
    spell_begin,
    spell_cut,
    spell_new,
    subscription_locked,
)
from billing.plans.services.periods import period_open
from billing.plans.services.standing import (
    account_first,
    caps_apply,
    currency_check,
    payment_check,
    plan_changed,
)
from billing.plans.terms import time_zone_read


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
    row, now = subscription_locked(organization)
    if row is None:
        wanted = _wanted(organization, plan, assigned=assigned)
        zone = time_zone_read(time_zone or "UTC", now)
        return subscription_info(_start(organization, actor, wanted, zone, now))
    if time_zone not in (None, row.time_zone):
        raise Conflict(
            f"The periods of this subscription are counted in {row.time_zone}.", param="time_zone"
        )
    waits = row.next_version is not None or row.ends_with_period
    if waits and row.plan_version.plan.code == plan:
        return subscription_info(change_keep(organization, actor, row))
    wanted = _wanted(organization, plan, assigned=assigned)
    return subscription_info(_change(organization, actor, row, wanted, now, assigned=assigned))


def _wanted(organization: OrganizationRef, plan: str, *, assigned: bool) -> PlanVersion:
    wanted = plan_version_current(code=plan, public_only=not assigned)
    if not assigned:
        payment_check(organization, wanted)
    return wanted


def _start(
    organization: OrganizationRef, actor: Actor, wanted: PlanVersion, zone: str, now: datetime
) -> Subscription:
    account_first(organization, [wanted])
    currency_check(organization, wanted)
    row = spell_new(organization, wanted, zone, now)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict("Another change of plan was made at this moment: look again.") from error
    caps_apply(organization, wanted, actor)
    whole = period_of(row.anchor_date, zone, row.period_months, now)
    # The first period begins with the subscription, and its units are whole.
    period_open(organization, row, starts_at=now, whole=(now, whole[1]))
    change_audit(organization, actor, "subscription.start", row)
    plan_changed(organization, row, wanted, previous=None)
    return row


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
        row.next_version, row.next_assigned, row.ends_with_period = wanted, assigned, False
        row.save(update_fields=["next_version", "next_assigned", "ends_with_period"])
        change_audit(organization, actor, "subscription.schedule", row)
        return row
    # What the old plan granted stays until its own end.
    spell_cut(organization, row, now)
    after = spell_begin(organization, actor, row, wanted, now)
    change_audit(organization, actor, "subscription.upgrade", after)
    plan_changed(organization, after, wanted, previous=present)
    return after


def _monthly(version: PlanVersion) -> Decimal:
    return version.fee / Period(version.period).months
