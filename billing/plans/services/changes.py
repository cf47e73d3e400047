"""The steps of which changes of plan are made."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import connection

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.errors import Conflict
from anneal.kernel.events import PeriodCut, publish
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef
from billing.ledger import functions
from billing.plans.contracts import Period
from billing.plans.models import PlanVersion, Subscription, SubscriptionPeriod
from billing.plans.rows import plan_terms
from billing.plans.selectors import period_of
from billing.plans.services.periods import period_open
from billing.plans.services.renewal import renew_until
from billing.plans.services.standing import caps_apply
from tenants.accounts.services import organization_announce


def subscription_locked(organization: OrganizationRef) -> tuple[Subscription | None, datetime]:
    """Return the open spell, its row and the account locked, and as of when; None without a plan.

    The moment is read after the wait: what another change began meanwhile began before it.
    """
    with connection.cursor() as cursor:
        # Before any row: of two first plans one may make the account's row, and the other then wait
        # for it with its own spell written, for which the first waits. And whoever waits for a row
        # that ends meanwhile goes away with nothing, but with its lock.
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"plan:{organization.id}"]
        )
    # A renewal, which takes no such lock, may have put another in place of the one waited for.
    row = _open_spell(organization) or _open_spell(organization)
    if row is None:
        return None, clock.now()
    # Whatever comes may need the account: it is opened before anything is granted.
    functions.account_open(organization_id=organization.id)
    now = clock.now()
    return renew_until(organization, row, now), now


def _open_spell(organization: OrganizationRef) -> Subscription | None:
    row: Subscription | None = (
        Subscription.objects.filter(organization_id=organization.id, ends_at__isnull=True)
        .select_related("plan_version__plan", "next_version__plan")
        .select_for_update(of=("self",))
        .first()
    )
    return row


def spell_new(
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


def spell_cut(
    organization: OrganizationRef, row: Subscription, now: datetime, *, returned: bool = False
) -> None:
    """End a spell and its period now; ``returned``: what plans gave until now is taken back.

    Raises Conflict for one that has only just begun, which two calls at once can ask for.
    """
    cut = SubscriptionPeriod.objects.filter(
        organization_id=organization.id, subscription_id=row.id, ends_at__gt=now
    )
    if row.starts_at >= now or cut.filter(starts_at__gte=now).exists():
        raise Conflict("Another change of plan was made at this moment: look again.")
    row.ends_at, row.next_version, row.next_assigned = now, None, False
    row.ends_with_period, row.returned = False, returned
    row.save(
        update_fields=["ends_at", "next_version", "next_assigned", "ends_with_period", "returned"]
    )
    periods = list(cut.values_list("id", flat=True))
    cut.update(ends_at=now)
    for period_id in periods:
        publish(PeriodCut(organization=organization, period_id=period_id, left=returned))


def spell_begin(
    organization: OrganizationRef,
    actor: Actor,
    row: Subscription,
    wanted: PlanVersion,
    now: datetime,
) -> Subscription:
    """Begin the spell after ``row``, which is cut, on its grid if the periods are as long.

    Where what the plans before gave was taken back, what this one includes is given whole, less
    what was used of theirs in the period. Else what is more than theirs, in proportion.
    """
    after = spell_new(organization, wanted, row.time_zone, now)
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
        after=plan_terms(row.plan_version) if same_grid and not row.returned else None,
    )
    return after


def change_keep(organization: OrganizationRef, actor: Actor, row: Subscription) -> Subscription:
    """Take back the change that waits."""
    row.next_version, row.next_assigned, row.ends_with_period = None, False, False
    row.save(update_fields=["next_version", "next_assigned", "ends_with_period"])
    change_audit(organization, actor, "subscription.keep", row)
    return row


def change_audit(
    organization: OrganizationRef, actor: Actor, action: str, row: Subscription
) -> None:
    """Write what changed to the audit trail, and let the gateways look at the plan anew."""
    detail = {"plan": row.plan_version.plan.code, "version": row.plan_version.version}
    if row.next_version is not None or row.ends_with_period:
        detail["next"] = row.next_version.plan.code if row.next_version else None
        detail["from"] = row.renews_at.isoformat()
    organization_announce(organization)  # the gateways keep the plan's limits with its keys
    audit_record(
        actor=actor,
        action=action,
        target=public_id("sub_", row.id),
        detail=detail,
        organization=organization,
    )
