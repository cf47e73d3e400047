"""Writing rows of the log, and counting what a day's calls left."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db import connection

from anneal.kernel.ids import uuid7
from anneal.kernel.scopes import OrganizationRef, require_scope
from mlworker.predictions.contracts import LogDayInfo
from mlworker.predictions.rows import KeptRow, row_allowed
from mlworker.serving.contracts import LogInfo

_ALIVE: Final = """
SELECT log::text, log_from FROM serving_deployment
WHERE organization_id = %s AND id = %s AND deleted_at IS NULL AND (log->>'enabled')::boolean
FOR SHARE
"""
"""Asked again here: a gateway may not have heard yet that the log was turned off or emptied, the
deployment deleted, or more is to be hidden. The lock keeps it from happening before the rows are
there."""

_ADD: Final = """
INSERT INTO predictions_prediction (id, organization_id, deployment_id, created_at, model, text,
                                    text_cut, hidden, answer, labels, score)
SELECT id, %s, %s, created_at, model, text, text_cut, hidden, answer, labels, score
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
_asked: Final = msgspec.json.Decoder(LogInfo)


def log_write(
    *,
    organization: OrganizationRef,
    deployment_id: UUID,
    rows: Sequence[KeptRow],
    counted: LogDayInfo,
) -> int:
    """Add a deployment's rows, and what was counted of its day; return how many that day has.

    Nothing is added where the deployment keeps no log any more, no row of before it was forgotten,
    and no text that would have to be hidden by more than it was.
    """
    require_scope(organization)
    of: list[Any] = [organization.id, deployment_id]
    with connection.cursor() as cursor:
        cursor.execute(_ALIVE, of)
        found = cursor.fetchone()
        if found is None:
            return 0
        kept = 0
        if rows:
            asked, first = _asked.decode(found[0]), found[1]
            allowed = [row_allowed(row, asked) for row in rows if not first or row.id >= first]
            cursor.execute(_ADD, [*of, _json.encode(allowed).decode()])
            kept = cursor.rowcount
        counts: list[Any] = [counted.day, counted.answered, kept, counted.dropped]
        cursor.execute(_COUNT, [uuid7(), *of, *counts])
        return int(cursor.fetchone()[0])
