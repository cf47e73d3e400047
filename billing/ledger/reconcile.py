"""Proof that every number of the ledger tells the same story: one statement, so one snapshot.

Each check compares what a projection says (found) with what it projects (expected). It never
mends: an account whose numbers differ takes no new holds until a person has looked.
"""

import hashlib
import json
import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.core.mail import send_mail
from django.db import connection
from django.db.models import Q

from anneal.kernel import clock
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger.contracts import Drift, ReconcileReport
from billing.ledger.models import CustomerAccount
from billing.ledger.services.parking import account_park
from billing.metering.models import ReconcileRun
from billing.metering.reconcile import MOST, usage_drift
from tenants.accounts.models import Organization, User

logger = logging.getLogger(__name__)

KEPT: Final = 100
"""Differences a run's row keeps; the log has them all."""
CACHES: Final = ("rollups.", "months.")
"""Checks of what no bill depends on: they alert and park nobody."""

_CHECKS: Final = """
WITH booked AS (
  SELECT organization_id, unit,
         -coalesce(sum(amount) FILTER (WHERE account = 'issued'), 0) AS granted,
         coalesce(sum(amount) FILTER (WHERE account IN ('revenue', 'receivable')), 0) AS consumed,
         coalesce(sum(amount) FILTER (WHERE account IN ('breakage', 'lapsed')), 0) AS expired
  FROM ledger_ledgerentry GROUP BY organization_id, unit
), booked_grants AS (
  SELECT grant_id, -sum(amount) FILTER (WHERE account = 'issued') AS issued,
         sum(amount) FILTER (WHERE account IN ('revenue', 'receivable')) AS consumed,
         sum(amount) FILTER (WHERE account IN ('breakage', 'lapsed')) AS expired
  FROM ledger_ledgerentry GROUP BY grant_id
), pinned AS (
  SELECT (d ->> 0)::uuid AS grant_id, sum((d ->> 1)::numeric) AS held
  FROM ledger_hold CROSS JOIN jsonb_array_elements(draws || charges) d WHERE state = 'held'
  GROUP BY 1
), open_holds AS (
  SELECT g.organization_id, g.unit, sum(p.held) AS held
  FROM pinned p JOIN ledger_grant g ON g.id = p.grant_id GROUP BY g.organization_id, g.unit
), counted AS (
  SELECT hold_id, sum(units) AS units FROM metering_usageevent WHERE hold_id IS NOT NULL
  GROUP BY hold_id
), charged AS (
  SELECT hold_id, unit, sum(amount) AS amount FROM ledger_ledgerentry
  WHERE account IN ('revenue', 'receivable') GROUP BY hold_id, unit
), refunded AS (
  SELECT hold_id, sum(units) AS units, sum(charge) AS charge FROM ledger_capturerefund
  GROUP BY hold_id
), rated AS (
  SELECT rated_usage_id, sum(rated_captured) AS used, sum(charged + uncovered) AS cost,
         sum(rated - rated_captured) FILTER (WHERE state = 'held') AS pending
  FROM ledger_hold WHERE rated_usage_id IS NOT NULL GROUP BY rated_usage_id
), limited AS (
  SELECT l.key::uuid AS count_id, sum(l.value::numeric) AS held
  FROM ledger_hold CROSS JOIN jsonb_each_text(limits) l WHERE state = 'held' GROUP BY 1
), counted_limits AS (
  SELECT n.id AS count_id, sum(
           CASE WHEN s.unit = h.unit THEN h.captured - h.refunded
                ELSE h.charged - h.charge_refunded END
           - coalesce((h.limits_from ->> l.key)::numeric, 0)) AS used
  FROM ledger_hold h CROSS JOIN jsonb_object_keys(h.limits) AS l (key)
  JOIN ledger_limitcount n ON n.id = l.key::uuid
  JOIN ledger_spendinglimit s ON s.id = n.limit_id
  WHERE h.limits <> '{}' GROUP BY n.id
), checks (name, organization_id, subject, expected, found) AS (
  SELECT 'ledger.granted', organization_id, unit, k.granted, b.granted
  FROM booked k FULL JOIN ledger_balance b USING (organization_id, unit)
  UNION ALL
  SELECT 'ledger.consumed', organization_id, unit, k.consumed, b.consumed
  FROM booked k FULL JOIN ledger_balance b USING (organization_id, unit)
  UNION ALL
  SELECT 'ledger.expired', organization_id, unit, k.expired, b.expired
  FROM booked k FULL JOIN ledger_balance b USING (organization_id, unit)
  UNION ALL
  SELECT 'holds.held', organization_id, unit, h.held, b.held
  FROM open_holds h FULL JOIN ledger_balance b USING (organization_id, unit)
  UNION ALL
  SELECT 'grants.issued', g.organization_id, g.id::text, k.issued,
         CASE WHEN g.active THEN g.amount - g.voided ELSE 0 END
  FROM ledger_grant g LEFT JOIN booked_grants k ON k.grant_id = g.id
  UNION ALL
  SELECT 'grants.held', g.organization_id, g.id::text, p.held, g.held
  FROM ledger_grant g LEFT JOIN pinned p ON p.grant_id = g.id
  UNION ALL
  SELECT 'grants.consumed', g.organization_id, g.id::text, k.consumed, g.consumed
  FROM ledger_grant g LEFT JOIN booked_grants k ON k.grant_id = g.id
  UNION ALL
  SELECT 'grants.expired', g.organization_id, g.id::text, k.expired, g.expired
  FROM ledger_grant g LEFT JOIN booked_grants k ON k.grant_id = g.id
  UNION ALL
  SELECT 'holds.drawn', h.organization_id, h.id::text, c.amount,
         h.captured - h.rated_captured - (h.refunded - h.rated_refunded)
  FROM ledger_hold h LEFT JOIN charged c ON c.hold_id = h.id AND c.unit = h.unit
  UNION ALL
  SELECT 'holds.charged', h.organization_id, h.id::text, c.amount, h.charged - h.charge_refunded
  FROM ledger_hold h LEFT JOIN charged c ON c.hold_id = h.id AND c.unit = h.currency
  UNION ALL
  SELECT 'holds.refunded', h.organization_id, h.id::text, r.units, h.refunded
  FROM ledger_hold h LEFT JOIN refunded r ON r.hold_id = h.id
  UNION ALL
  SELECT 'holds.charge_refunded', h.organization_id, h.id::text, r.charge, h.charge_refunded
  FROM ledger_hold h LEFT JOIN refunded r ON r.hold_id = h.id
  UNION ALL
  SELECT 'rated.used', u.organization_id, u.id::text, r.used, u.used
  FROM ledger_ratedusage u LEFT JOIN rated r ON r.rated_usage_id = u.id
  UNION ALL
  SELECT 'rated.cost', u.organization_id, u.id::text, price_rate(p, u.used), r.cost
  FROM ledger_ratedusage u LEFT JOIN rated r ON r.rated_usage_id = u.id
  LEFT JOIN prices_price p ON p.id = u.price_id
  UNION ALL
  SELECT 'rated.pending', u.organization_id, u.id::text, r.pending, u.pending
  FROM ledger_ratedusage u LEFT JOIN rated r ON r.rated_usage_id = u.id
  UNION ALL
  SELECT 'limits.held', c.organization_id, c.id::text, l.held, c.held
  FROM ledger_limitcount c LEFT JOIN limited l ON l.count_id = c.id
  UNION ALL
  SELECT 'limits.used', c.organization_id, c.id::text, l.used, c.used
  FROM ledger_limitcount c LEFT JOIN counted_limits l ON l.count_id = c.id
  UNION ALL
  SELECT 'usage.counted', h.organization_id, h.id::text, h.captured, c.units
  FROM ledger_hold h LEFT JOIN counted c ON c.hold_id = h.id
  UNION ALL
  SELECT 'journals.zero', organization_id, journal_id::text, 0, sum(amount)
  FROM ledger_ledgerentry GROUP BY organization_id, journal_id, unit
)
SELECT name, organization_id, subject, expected, found FROM (
  SELECT name, organization_id, subject, coalesce(expected, 0) AS expected,
         coalesce(found, 0) AS found,
         row_number() OVER (ORDER BY name, organization_id, subject) AS place,
         row_number() OVER (PARTITION BY name, organization_id ORDER BY subject) AS nth
  FROM checks WHERE coalesce(expected, 0) <> coalesce(found, 0)
) differ
-- However many differ, of each organization and check there is one, so that its account is parked.
WHERE place <= %s OR nth = 1 ORDER BY name, organization_id, subject
"""


def ledger_drift() -> tuple[Drift, ...]:
    """Return what differs in the open scope: one organization's, or the system's for all.

    More than `MOST` are cut, but for one of each check and organization.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CHECKS, [MOST])
        return tuple(Drift(*row) for row in cursor.fetchall())


def reconcile(*, organization: OrganizationRef | None = None) -> ReconcileReport:
    """Compare everything, of one organization or of all; park, log and record what differs.

    Opens its own scopes, so none may be open: one to read in, one to write what was found.
    """
    started = clock.now()
    if organization is None:
        with system_scope("reconcile"):
            drifts = drifts_read()
    else:
        with tenant_scope(organization):
            drifts = drifts_read()
    with system_scope("reconcile"):
        parked = _park(drifts)
        run_id, fresh = _record(started, organization, drifts, parked)
    for drift in drifts:
        logger.error(
            "drift: %s of %s, %s: expected %s, found %s",
            drift.check,
            drift.organization_id,
            drift.subject,
            drift.expected,
            drift.found,
        )
    return ReconcileReport(run_id, drifts, tuple(ref.slug for ref in parked), fresh)


def operators_alert(report: ReconcileReport) -> int:
    """Write to the operators what differs; return to how many.

    It is one message to all, so that a fault sends nobody a second one. Then the run is marked:
    what could not be sent is fresh again at the next run. No scope is open while it is sent.
    """
    emails = list(
        User.objects.filter(is_staff=True, is_active=True).values_list("email", flat=True)
    )
    if not report.drifts or not emails:
        return 0
    lines = [
        f"{drift.check}  organization {drift.organization_id}  {drift.subject}:"
        f" expected {drift.expected}, found {drift.found}"
        for drift in report.drifts[:KEPT]
    ]
    with system_scope("reconcile alert"):
        # Also those of earlier runs: the alert of the run that parked them may not have been sent.
        stopped = CustomerAccount.objects.filter(
            parked_at__isnull=False,
            organization_id__in={drift.organization_id for drift in report.drifts},
        ).values("organization_id")
        slugs = Organization.objects.filter(id__in=stopped).order_by("slug")
        parked = ", ".join(slugs.values_list("slug", flat=True)) or "none"
    text = (
        f"The books differ in {len(report.drifts)} places. Nothing was changed.\n"
        f"Accounts parked, which take no new holds: {parked}.\n\n" + "\n".join(lines) + "\n\n"
        "See Reconciliations in the console, and `manage.py reconcile --organization SLUG`.\n"
    )
    send_mail("Anneal: the books differ", text, None, emails)
    with system_scope("reconcile alert"):
        ReconcileRun.objects.filter(id=report.run_id).update(alerted_at=clock.now())
    return len(emails)


def drifts_read() -> tuple[Drift, ...]:
    """Return every difference, of ledger and usage, in the open scope."""
    usage = (
        Drift(each.check, each.organization_id, each.subject, each.expected, each.found)
        for each in usage_drift()
    )
    return (*ledger_drift(), *usage)


def _park(drifts: Iterable[Drift]) -> tuple[OrganizationRef, ...]:
    """Park the accounts whose money or usage differs; return those that were not parked before."""
    first: dict[UUID, Drift] = {}
    for drift in drifts:
        if not drift.check.startswith(CACHES):
            first.setdefault(drift.organization_id, drift)
    rows = Organization.objects.filter(id__in=first).order_by("id").values_list("id", "slug")
    return tuple(
        ref
        for ref in (OrganizationRef(*row) for row in rows)
        if account_park(
            organization=ref,
            actor=SYSTEM_ACTOR,
            reason=f"reconcile: {first[ref.id].check} {first[ref.id].subject}"[:500],
        )
    )


def _record(
    started: datetime,
    organization: OrganizationRef | None,
    drifts: tuple[Drift, ...],
    parked: tuple[OrganizationRef, ...],
) -> tuple[UUID, bool]:
    """Keep the run; say whether the operators have yet to hear of it.

    They have when the last run they were told of found the same, and none since found nothing.
    """
    details: list[dict[str, Any]] = [drift_json(drift) for drift in drifts]
    digest = hashlib.sha256(json.dumps(details).encode()).hexdigest() if details else ""
    scope = organization.id if organization else None
    told = (
        ReconcileRun.objects.filter(Q(alerted_at__isnull=False) | Q(drifts=0))
        .filter(organization_id=scope)
        .order_by("-id")
        .first()
    )
    run = ReconcileRun(
        created_at=started,
        finished_at=clock.now(),
        organization_id=scope,
        drifts=len(drifts),
        parked=len(parked),
        details=details[:KEPT],
        digest=digest,
    )
    run.save(force_insert=True)
    return run.id, bool(drifts) and (told is None or told.digest != digest)


def drift_json(drift: Drift) -> dict[str, str]:
    """Render one difference."""
    return {
        "check": drift.check,
        "organization": str(drift.organization_id),
        "subject": drift.subject,
        "expected": f"{drift.expected.normalize():f}",
        "found": f"{drift.found.normalize():f}",
    }
