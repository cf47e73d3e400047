"""What time does to a subscription: one period ends and the next begins."""

from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.ids import public_id
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.rounds import Due
from anneal.kernel.scopes import OrganizationRef
from billing.ledger import functions
from billing.plans.contracts import Period
from billing.plans.models import PlanVersion, Subscription
from billing.plans.selectors import period_of
from billing.plans.services.periods import period_open
from billing.plans.services.standing import (
    account_first,
    caps_apply,
    fault_found,
    plan_changed,
)
from tenants.accounts.models import Organization
from tenants.accounts.selectors import due_of
from tenants.accounts.services import organization_announce

BATCH: Final = 200


def subscriptions_due(*, after: UUID) -> list[Due]:
    """Return subscriptions whose period is over, by id after ``after``. System scope."""
    rows = Subscription.objects.filter(
        id__gt=after, ends_at__isnull=True, renews_at__lte=clock.now()
    )
    return due_of(rows.order_by("id").values_list("id", "organization_id")[:BATCH])


def subscription_renew(*, subscription_id: UUID) -> bool:
    """Open the periods that have begun since; say whether there were any. System scope.

    Run twice, late or beside itself it opens each period once: the row is locked and its state read
    again, and a period's row is unique.
    """
    row = (
        Subscription.objects.select_related("plan_version__plan", "next_version__plan")
        .select_for_update(of=("self",), skip_locked=True)
        .filter(id=subscription_id, ends_at__isnull=True, renews_at__lte=clock.now())
        .first()
    )
    if row is None:
        return False
    slug = Organization.objects.values_list("slug", flat=True).get(id=row.organization_id)
    organization = OrganizationRef(id=row.organization_id, slug=slug)
    account_first(organization, (row.plan_version, row.next_version))
    renew_until(organization, row, clock.now())
    return True


def renew_until(
    organization: OrganizationRef, row: Subscription, now: datetime
) -> Subscription | None:
    """Open each period that has begun by ``now``; return the open spell, or None when it ended.

    Its row is locked. A change that waited and cannot be is dropped, and the members are told; else
    each tick fails.
    """
    while row.renews_at <= now:
        boundary, wanted = row.renews_at, row.next_version
        if row.ends_with_period:
            _end(organization, row, boundary)
            return None
        if wanted is not None:
            fault = fault_found(organization, wanted, assigned=row.next_assigned)
            if fault:
                _drop(organization, row, wanted, fault)
            else:
                row = _succeed(organization, row, wanted, boundary)
        caps_apply(organization, row.plan_version, SYSTEM_ACTOR)
        whole = period_of(row.anchor_date, row.time_zone, row.period_months, boundary)
        row.renews_at = whole[1]
        row.save(update_fields=["renews_at"])
        period_open(organization, row, starts_at=boundary, whole=(boundary, whole[1]))
    return row


def _drop(
    organization: OrganizationRef, row: Subscription, wanted: PlanVersion, fault: str
) -> None:
    """Stay on the plan there is, and say why."""
    row.next_version, row.next_assigned = None, False
    row.save(update_fields=["next_version", "next_assigned"])
    functions.account_notice(
        organization_id=organization.id,
        rule=f"plan:{fault}",
        subject=wanted.plan.code,
        at=row.renews_at,
    )
    audit_record(
        actor=SYSTEM_ACTOR,
        action="subscription.drop",
        target=public_id("sub_", row.id),
        detail={"plan": wanted.plan.code, "version": wanted.version, "reason": fault},
        organization=organization,
    )


def _end(organization: OrganizationRef, row: Subscription, boundary: datetime) -> None:
    """End the spell at the boundary, with no plan after it. Its units end then by themselves."""
    row.ends_at, row.ends_with_period = boundary, False
    row.save(update_fields=["ends_at", "ends_with_period"])
    caps_apply(organization, None, SYSTEM_ACTOR)
    organization_announce(organization)
    audit_record(
        actor=SYSTEM_ACTOR,
        action="subscription.end",
        target=public_id("sub_", row.id),
        detail={"plan": row.plan_version.plan.code, "version": row.plan_version.version},
        organization=organization,
    )
    plan_changed(organization, row, None, previous=row.plan_version)


def _succeed(
    organization: OrganizationRef, row: Subscription, wanted: PlanVersion, boundary: datetime
) -> Subscription:
    """End the spell at the boundary and begin the one that waited there."""
    row.ends_at, row.next_version, row.next_assigned = boundary, None, False
    row.save(update_fields=["ends_at", "next_version", "next_assigned"])
    months = Period(wanted.period).months
    same_grid, zone = months == row.period_months, ZoneInfo(row.time_zone)
    after = Subscription(
        organization_id=organization.id,
        plan_version=wanted,
        starts_at=boundary,
        renews_at=boundary,
        anchor_at=row.anchor_at if same_grid else boundary,
        anchor_date=row.anchor_date if same_grid else boundary.astimezone(zone).date(),
        time_zone=row.time_zone,
        period_months=months,
    )
    after.save(force_insert=True)
    organization_announce(organization)
    audit_record(
        actor=SYSTEM_ACTOR,
        action="subscription.succeed",
        target=public_id("sub_", after.id),
        detail={"plan": wanted.plan.code, "version": wanted.version},
        organization=organization,
    )
    plan_changed(organization, after, wanted, previous=row.plan_version)
    return after
