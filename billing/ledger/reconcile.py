"""Proof that every number of the ledger tells the same story: one statement, so one snapshot.

Each check compares what a projection says (found) with what it projects (expected).
"""

from typing import Final

from django.db import connection

from billing.ledger.contracts import Drift

_CHECKS: Final = """
WITH booked AS (
  SELECT organization_id, unit,
         -coalesce(sum(amount) FILTER (WHERE account = 'issued'), 0) AS granted,
         coalesce(sum(amount) FILTER (WHERE account = 'revenue'), 0) AS consumed,
         coalesce(sum(amount) FILTER (WHERE account = 'breakage'), 0) AS expired
  FROM ledger_ledgerentry GROUP BY organization_id, unit
), booked_grants AS (
  SELECT grant_id, sum(amount) FILTER (WHERE account = 'revenue') AS consumed,
         sum(amount) FILTER (WHERE account = 'breakage') AS expired
  FROM ledger_ledgerentry GROUP BY grant_id
), open_holds AS (
  SELECT organization_id, unit, sum(amount) AS held FROM ledger_hold WHERE state = 'held'
  GROUP BY organization_id, unit
), pinned AS (
  SELECT (d ->> 0)::uuid AS grant_id, sum((d ->> 1)::numeric) AS held
  FROM ledger_hold CROSS JOIN jsonb_array_elements(draws) d WHERE state = 'held' GROUP BY 1
), counted AS (
  SELECT hold_id, sum(units) AS units FROM metering_usageevent WHERE hold_id IS NOT NULL
  GROUP BY hold_id
), charged AS (
  SELECT hold_id, sum(amount) AS units FROM ledger_ledgerentry
  WHERE account = 'revenue' GROUP BY hold_id
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
  SELECT 'grants.held', g.organization_id, g.id::text, p.held, g.held
  FROM ledger_grant g LEFT JOIN pinned p ON p.grant_id = g.id
  UNION ALL
  SELECT 'grants.consumed', g.organization_id, g.id::text, k.consumed, g.consumed
  FROM ledger_grant g LEFT JOIN booked_grants k ON k.grant_id = g.id
  UNION ALL
  SELECT 'grants.expired', g.organization_id, g.id::text, k.expired, g.expired
  FROM ledger_grant g LEFT JOIN booked_grants k ON k.grant_id = g.id
  UNION ALL
  SELECT 'holds.charged', h.organization_id, h.id::text, c.units, h.captured
  FROM ledger_hold h LEFT JOIN charged c ON c.hold_id = h.id
  UNION ALL
  SELECT 'usage.counted', h.organization_id, h.id::text, h.captured, c.units
  FROM ledger_hold h LEFT JOIN counted c ON c.hold_id = h.id
  UNION ALL
  SELECT 'journals.zero', organization_id, journal_id::text, 0, sum(amount)
  FROM ledger_ledgerentry GROUP BY organization_id, journal_id, unit
)
SELECT name, organization_id, subject, coalesce(expected, 0), coalesce(found, 0) FROM checks
WHERE coalesce(expected, 0) <> coalesce(found, 0) ORDER BY name, organization_id, subject
"""


def ledger_drift() -> tuple[Drift, ...]:
    """Return every difference in the open scope: one organization's, or the system's for all."""
    with connection.cursor() as cursor:
        cursor.execute(_CHECKS)
        return tuple(Drift(*row) for row in cursor.fetchall())
