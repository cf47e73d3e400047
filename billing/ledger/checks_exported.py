"""What Stripe's meters are told, held against the usage of the same hours."""

from typing import Final

from billing.ledger.checks_sold import TAIL, Check
from billing.metering.reconcile import narrowed

# Usage that came about the time of the last look, or later, is frozen by the next one.
_ROWS: Final = """
WITH spans AS (
  SELECT * FROM payments_meterexportspan WHERE frozen_until > starts_at
), used AS (
  SELECT e.organization_id, e.meter, date_trunc('hour', e.counts_at, 'UTC') AS hour,
         sum(e.units) AS units, max(e.recorded_at) < s.looked_at - interval '1 hour' AS settled
  FROM spans s JOIN metering_usageevent e
    ON e.meter = s.meter AND e.counts_at >= s.starts_at AND e.counts_at < s.frozen_until
  JOIN accounts_organization o ON o.id = e.organization_id AND o.kind = 'customer'
  GROUP BY 1, 2, 3, s.id, s.looked_at
), told AS (
  SELECT x.organization_id, x.meter, x.hour, sum(x.units) AS units
  FROM payments_meterexport x JOIN spans s
    ON s.meter = x.meter AND x.hour >= s.starts_at AND x.hour < s.frozen_until
  GROUP BY 1, 2, 3
), checks (name, organization_id, subject, expected, found) AS (
"""

_CHECKS: Final = (
    Check(
        "exports.units",
        "used u FULL JOIN told t USING (organization_id, meter, hour)"
        " WHERE u.settled OR coalesce(t.units, 0) > coalesce(u.units, 0)",
        "organization_id",
        "meter || ' ' || to_char(hour AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24')",
        "u.units",
        "t.units",
    ),
)

EXPORTED: Final = _ROWS + "\n  UNION ALL ".join(check.sql() for check in _CHECKS) + TAIL

_NARROWED: Final = ("metering_usageevent", "payments_meterexport")
EXPORTED_OF_SOME: Final = narrowed(EXPORTED, *_NARROWED)
"""The same of some: their ids come first, once per table."""
EXPORTED_TABLES: Final = len(_NARROWED)
