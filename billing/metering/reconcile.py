"""Proof that keys, events and their hourly sums tell the same story: one statement, one snapshot.

All of it is sums, so ten million events need no more memory here than ten.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.db import connection

from billing.metering.contracts import UsageDrift

_CHECKS: Final = """
WITH counted AS (
  SELECT organization_id, count(*) AS n, bit_xor(hashtextextended(
           concat_ws('/', id, source, event_id), 0)) AS names,
         bit_xor(hashtextextended(id || encode(usage_hash(
           meter, units, model, deployment_id, api_key_id, dims), 'hex'), 0)) AS contents,
         count(*) FILTER (WHERE tableoid = 'metering_usageevent_rest'::regclass) AS rest
  FROM metering_usageevent GROUP BY organization_id
), keys AS (
  SELECT organization_id, count(*) AS n, bit_xor(hashtextextended(
           concat_ws('/', id, source, event_id), 0)) AS names,
         bit_xor(hashtextextended(id || encode(payload_hash, 'hex'), 0)) AS contents
  FROM metering_usageeventkey GROUP BY organization_id
), sealed AS (
  SELECT max(sealed_until) AS until FROM metering_rollupmark
), late AS (
  SELECT DISTINCT organization_id, hour FROM metering_usagelatehour
), hours AS (
  SELECT e.organization_id, date_trunc('hour', e.occurred_at, 'UTC') AS hour, e.meter,
         sum(e.units) AS units, count(*) AS n
  FROM metering_usageevent e WHERE e.occurred_at < (SELECT until FROM sealed) GROUP BY 1, 2, 3
), rolled AS (
  SELECT organization_id, hour, meter, sum(units) AS units, sum(events) AS n
  FROM metering_usagerollup GROUP BY 1, 2, 3
), sums AS (
  SELECT organization_id, meter || ' ' || to_char(hour AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24')
           AS subject, h.units, h.n, r.units AS rolled_units, r.n AS rolled_n
  FROM hours h FULL JOIN rolled r USING (organization_id, hour, meter)
       LEFT JOIN (SELECT *, true AS known FROM late) l USING (organization_id, hour)
  WHERE l.known IS NULL
    AND (coalesce(h.units, 0), coalesce(h.n, 0)) <> (coalesce(r.units, 0), coalesce(r.n, 0))
), checks (name, organization_id, subject, expected, found) AS (
  SELECT 'keys.events', organization_id, 'count', c.n, k.n
  FROM counted c FULL JOIN keys k USING (organization_id)
  UNION ALL
  -- The same number of events under other names.
  SELECT 'keys.names', organization_id, 'checksum', c.names, k.names
  FROM counted c JOIN keys k USING (organization_id) WHERE c.n = k.n
  UNION ALL
  -- Under their names they count something else than when they came.
  SELECT 'keys.contents', organization_id, 'checksum', c.contents, k.contents
  FROM counted c JOIN keys k USING (organization_id) WHERE c.n = k.n AND c.names = k.names
  UNION ALL
  SELECT 'months.rest', organization_id, 'events without a month', 0, rest FROM counted
  UNION ALL
  SELECT 'rollups.units', organization_id, subject, units, rolled_units FROM sums
  UNION ALL
  SELECT 'rollups.events', organization_id, subject, n, rolled_n FROM sums
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
MOST: Final = 10_000
"""Differences told at once: with more, something is wrong as a whole."""


_TABLES: Final = (
    "metering_usageevent",
    "metering_usageeventkey",
    "metering_usagerollup",
    "metering_usagelatehour",
)


_COLUMNS: Final = {"metering_usageevent": "*, tableoid"}


def narrowed(checks: str, *tables: str) -> str:
    """Return checks over some organizations' rows: their ids come first, once per table.

    Each table is hidden by an expression of its name, which the planner looks through.
    """
    rows = ", ".join(
        f"{table} AS NOT MATERIALIZED (SELECT {_COLUMNS.get(table, '*')} FROM {table}"  # noqa: S608 # names of ours
        " WHERE organization_id = ANY(%s))"
        for table in tables
    )
    return checks.replace("WITH ", f"WITH {rows}, ", 1)


_CHECKS_OF_SOME: Final = narrowed(_CHECKS, *_TABLES)


def usage_drift(some: Sequence[UUID] | None = None) -> tuple[UsageDrift, ...]:
    """Return what differs in the open scope: one organization's, the system's for all or ``some``.

    More than `MOST` are cut, but for one of each check and organization.
    """
    with connection.cursor() as cursor:
        if some is None:
            cursor.execute(_CHECKS, [MOST])
        else:
            cursor.execute(_CHECKS_OF_SOME, [*[list(some)] * len(_TABLES), MOST])
        return tuple(UsageDrift(*row) for row in cursor.fetchall())
