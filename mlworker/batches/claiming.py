"""Who works on what: the organization that is served least, then the batch that waits longest."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import Q

from anneal.kernel.scopes import OrganizationRef, system_scope
from mlworker.batches.contracts import Claim
from mlworker.batches.limits import LEASE_SECONDS
from mlworker.batches.models import Batch
from mlworker.batches.rows import DatabaseClock

_CANDIDATES: Final = """
SELECT b.id
FROM batches_batch AS b JOIN (
    SELECT organization_id,
           count(*) FILTER (WHERE lease_until >= clock_timestamp()) AS running,
           (SELECT max(a.claimed_at) FROM batches_batch AS a
            WHERE a.organization_id = o.organization_id) AS last
    FROM batches_batch AS o WHERE finished_at IS NULL GROUP BY organization_id
) AS s USING (organization_id)
WHERE b.finished_at IS NULL AND (b.lease_until IS NULL OR b.lease_until < clock_timestamp())
ORDER BY b.state <> 'cancelling', s.running, s.last NULLS FIRST, b.claimed_at NULLS FIRST, b.id
LIMIT 16
"""
"""``last`` counts what has ended, too: else whoever always brings new batches is always first."""


def batch_claim(*, worker: str) -> Claim | None:
    """Take the next batch for ``worker``, or None when nothing waits. Opens its own scope."""
    with system_scope("batch claim"):
        for batch_id in _candidates():
            row: Batch | None = (
                Batch.objects.select_for_update(skip_locked=True)
                .filter(_free(), id=batch_id, finished_at__isnull=True)
                .first()
            )
            if row is None:
                continue
            row.fence += 1
            row.stalled += 1
            row.worker = worker[:200]
            row.lease_until = DatabaseClock() + timedelta(seconds=LEASE_SECONDS)
            row.claimed_at = DatabaseClock()
            row.save()
            organization = OrganizationRef(row.organization_id, row.organization_slug)
            return Claim(row.id, organization, row.fence)
    return None


def batches_wait() -> bool:
    """Say whether a batch waits for a worker. Opens its own scope."""
    with system_scope("batch claim"):
        return bool(_candidates())


def _candidates() -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(_CANDIDATES)
        return [row[0] for row in cursor.fetchall()]


def _free() -> Q:
    return Q(lease_until__isnull=True) | Q(lease_until__lt=DatabaseClock())
