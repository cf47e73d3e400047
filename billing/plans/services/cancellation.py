"""Leaving a plan that is paid, at the period's end or at once, and staying after all."""

from datetime import datetime
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.principal import Actor
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
from billing.plans.services.standing import caps_apply, must_be_paid, plan_changed


def subscription_cancel(
    *, organization: OrganizationRef, actor: Actor, at_once: bool = False
) -> SubscriptionInfo | None:
    """Leave a plan that is paid: for the free plan that is offered, or for none.

    At the period's end, until when ``subscription_keep`` takes it back; or ``at_once``, which takes
    the plan's unspent units and its credit line back, and no fee. Returns the subscription there is
    then. Raises SubscriptionNone, SubscriptionFree.
    """
    require_scope(organization)
    now = clock.now()
    row = _open(organization, now)
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
    row = _open(organization, clock.now())
    following = row.next_version
    if not row.ends_with_period and (following is None or must_be_paid(following)):
        raise CancellationNone
    return subscription_info(change_keep(organization, actor, row))


def _open(organization: OrganizationRef, now: datetime) -> Subscription:
    row = subscription_locked(organization, now)
    if row is None:
        raise SubscriptionNone
    return row


def _leave(
    organization: OrganizationRef,
    actor: Actor,
    row: Subscription,
    after: PlanVersion | None,
    now: datetime,
) -> Subscription | None:
    """End the spell now, take back what the plan gave, and begin the free plan if there is one."""
    spell_cut(organization, row, now)
    for grant_id in _unspent(organization, now):
        _void(organization, actor, grant_id)
    begun = None
    if after is None:
        caps_apply(organization, None, actor)
        change_audit(organization, actor, "subscription.leave", row)
    else:
        begun = spell_begin(organization, actor, row, after, now, returned=True)
        change_audit(organization, actor, "subscription.leave", begun)
    plan_changed(organization, begun or row, after, previous=row.plan_version)
    return begun


def _unspent(organization: OrganizationRef, now: datetime) -> list[UUID]:
    """Return what plans gave that has not ended, in the order in which calls lock balances."""
    grants = Grant.objects.filter(
        OF_PLANS, organization_id=organization.id, expires_at__gt=now
    ).order_by("unit", "id")
    return [
        grant.id
        for grant in grants
        if grant.amount > grant.held + grant.consumed + grant.expired + grant.voided
    ]


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
