"""Writing rows of the log, and counting what a day's calls left."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db import connection

from anneal.kernel.ids import uuid7
from anneal.kernel.scopes import OrganizationRef, require_scope
from mlworker.predictions.contracts import LogDayInfo
from mlworker.predictions.rows import KeptRow

_ALIVE: Final = """
SELECT (log->>'texts')::boolean FROM serving_deployment
WHERE organization_id = %s AND id = %s AND deleted_at IS NULL AND (log->>'enabled')::boolean
FOR SHARE
"""
"""Asked again here: a gateway may not have heard yet that the log was turned off or the deployment
deleted. The lock keeps either from happening before the rows are there to be found."""

_ADD: Final = """
INSERT INTO predictions_prediction (id, organization_id, deployment_id, created_at, model, text,
                                    text_cut, hidden, answer, labels, score)
SELECT id, %s, %s, created_at, model, CASE WHEN %s THEN text END, text_cut, hidden, answer,
       labels, score
FROM jsonb_to_recordset(%s::jsonb)
  AS r(id uuid, created_at timestamptz, model text, text text, text_cut boolean, hidden integer,
       answer jsonb, labels text[], score float8)
ON CONFLICT (id) DO NOTHING
"""
_COUNT: Final = """
INSERT INTO predictions_logday AS d (id, organization_id, deployment_id, created_at, day,
                                     answered, kept, dropped)
VALUES (%s, %s, %s, clock_timestamp(), %s, %s, %s, %s)
ON CONFLICT (organization_id, deployment_id, day) DO UPDATE
SET answered = d.answered + excluded.answered, kept = d.kept + excluded.kept,
    dropped = d.dropped + excluded.dropped
RETURNING kept
"""

_json: Final = msgspec.json.Encoder()


def log_write(
    *,
    organization: OrganizationRef,
    deployment_id: UUID,
    rows: Sequence[KeptRow],
    counted: LogDayInfo,
) -> int:
    """Add a deployment's rows, and what was counted of its day; return how many that day has.

    Nothing is added where the deployment keeps no log any more.
    """
    require_scope(organization)
    of: list[Any] = [organization.id, deployment_id]
    with connection.cursor() as cursor:
        cursor.execute(_ALIVE, of)
        alive = cursor.fetchone()
        if alive is None:
            return 0
        kept = 0
        if rows:
            cursor.execute(_ADD, [*of, alive[0], _json.encode(rows).decode()])
            kept = cursor.rowcount
        counts: list[Any] = [counted.day, counted.answered, kept, counted.dropped]
        cursor.execute(_COUNT, [uuid7(), *of, *counts])
        return int(cursor.fetchone()[0])
