"""Leaving a plan that is paid, at the period's end or at once, and staying after all."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q

from anneal.kernel import clock
from anneal.kernel.principal import SYSTEM_ACTOR, Actor
from anneal.kernel.rounds import Due
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.ledger.errors import GrantSpent
from billing.ledger.models import Grant
from billing.ledger.services import balance_void
from billing.plans.contracts import SubscriptionInfo
from billing.plans.errors import CancellationNone, SubscriptionFree, SubscriptionNone
from billing.plans.models import PlanVersion, Subscription
from billing.plans.selectors import OF_PLANS, plan_after, subscription_info
from billing.plans.services.changes import (
    change_audit,
    change_keep,
    spell_begin,
    spell_cut,
    subscription_locked,
)
from billing.plans.services.renewal import BATCH
from billing.plans.services.standing import caps_apply, must_be_paid, plan_changed
from tenants.accounts.models import Organization
from tenants.accounts.selectors import due_of

_LONGEST: Final = timedelta(days=370)
"""No grant of a plan lasts longer: a year's outlives the month of a plan that followed it."""
RESTS: Final = Q(amount__gt=F("held") + F("consumed") + F("expired") + F("voided"))


def subscription_cancel(
    *, organization: OrganizationRef, actor: Actor, at_once: bool = False
) -> SubscriptionInfo | None:
    """Leave a plan that is paid: for the free plan that is offered, or for none.

    At the period's end, until when ``subscription_keep`` takes it back; or ``at_once``, which takes
    the plan's unspent units and its credit line back, and no fee. Returns the subscription there is
    then. Raises SubscriptionNone, SubscriptionFree.
    """
    require_scope(organization)
    row, now = _open(organization)
    if not must_be_paid(row.plan_version):
        raise SubscriptionFree
    after = plan_after(organization=organization)
    if at_once:
        begun = _leave(organization, actor, row, after, now)
        return subscription_info(begun) if begun else None
    if (row.next_version_id, row.ends_with_period) != (after and after.id, after is None):
        row.next_version, row.next_assigned, row.ends_with_period = after, False, after is None
        row.save(update_fields=["next_version", "next_assigned", "ends_with_period"])
        change_audit(organization, actor, "subscription.cancel", row)
    return subscription_info(row)


def subscription_keep(*, organization: OrganizationRef, actor: Actor) -> SubscriptionInfo:
    """Take a cancellation back before its time. Raises SubscriptionNone, CancellationNone."""
    require_scope(organization)
    row, _ = _open(organization)
    following = row.next_version
    if not row.ends_with_period and (following is None or must_be_paid(following)):
        raise CancellationNone
    return subscription_info(change_keep(organization, actor, row))


def rests_due(*, after: UUID) -> list[Due]:
    """Return spells left at once to whose plans' grants something came back since. System scope."""
    now = clock.now()
    grants = Grant.objects.filter(
        OF_PLANS,
        RESTS,
        organization_id=OuterRef("organization_id"),
        effective_at__lt=OuterRef("ends_at"),
        expires_at__gt=now,
    )
    rows = Subscription.objects.filter(
        Exists(grants), id__gt=after, returned=True, renews_at__gt=now - _LONGEST
    )
    return due_of(rows.order_by("id").values_list("id", "organization_id")[:BATCH])


def rests_void(*, subscription_id: UUID) -> None:
    """Take back what a hold has let go of since the plan was left at once. System scope."""
    row = Subscription.objects.get(id=subscription_id, returned=True)
    slug = Organization.objects.values_list("slug", flat=True).get(id=row.organization_id)
    organization = OrganizationRef(id=row.organization_id, slug=slug)
    if row.ends_at is None:
        raise AssertionError("What was left has ended.")
    for grant_id in _unspent(organization, row.ends_at, clock.now()):
        _void(organization, SYSTEM_ACTOR, grant_id)


def _open(organization: OrganizationRef) -> tuple[Subscription, datetime]:
    row, now = subscription_locked(organization)
    if row is None:
        raise SubscriptionNone
    return row, now


def _leave(
    organization: OrganizationRef,
    actor: Actor,
    row: Subscription,
    after: PlanVersion | None,
    now: datetime,
) -> Subscription | None:
    """End the spell now, take back what the plan gave, and begin the free plan if there is one."""
    spell_cut(organization, row, now, returned=True)
    for grant_id in _unspent(organization, now, now):
        _void(organization, actor, grant_id)
    begun = None
    if after is None:
        caps_apply(organization, None, actor)
        change_audit(organization, actor, "subscription.leave", row)
    else:
        begun = spell_begin(organization, actor, row, after, now)
        change_audit(organization, actor, "subscription.leave", begun)
    plan_changed(organization, begun or row, after, previous=row.plan_version)
    return begun


def _unspent(organization: OrganizationRef, left_at: datetime, now: datetime) -> list[UUID]:
    """Return what plans gave before, of what has not ended; in the order balances are locked in."""
    grants = Grant.objects.filter(
        OF_PLANS, RESTS, organization_id=organization.id, effective_at__lt=left_at
    )
    return list(
        grants.filter(expires_at__gt=now).order_by("unit", "id").values_list("id", flat=True)
    )


def _void(organization: OrganizationRef, actor: Actor, grant_id: UUID) -> None:
    try:
        balance_void(
            organization=organization,
            actor=actor,
            grant_id=grant_id,
            reason="The plan was cancelled at once.",
        )
    except GrantSpent:
        # A call took the rest between the look and the lock.
        return
