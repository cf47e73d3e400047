"""Who works on what: the fair-share claim, across organizations.

The next job is of the organization with the fewest running jobs, then of the one whose last claim
is longest ago; within an organization first come, first served. A plan's priority is a head start
there: each point below another's counts as six seconds of waiting, ten minutes at most, so that no
flood of a better plan keeps another out for longer. An organization with as many jobs running as
its plan allows waits. Claims are serialized, so that two workers asking at once see each other's
choice.
"""

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import connection

from anneal.kernel import clock
from anneal.kernel.scopes import OrganizationRef, system_scope
from billing.plans.selectors import limits_default
from mlworker.jobs.contracts import Claim
from mlworker.jobs.limits import LEASE_SECONDS
from mlworker.jobs.models import FineTuningJob
from mlworker.jobs.ring import fence_next
from mlworker.jobs.rows import DatabaseClock, event_add, job_move
from mlworker.jobs.states import JobState, Phase

_LOCK: Final = 0x616E6E65616C  # "anneal": the advisory lock of claims
_CANDIDATES: Final = """
WITH waiting AS (
    SELECT DISTINCT organization_id FROM jobs_finetuningjob WHERE state = 'queued'
), load AS (
    SELECT w.organization_id,
        CASE WHEN l.plan IS NULL THEN %(concurrency)s ELSE l.concurrency END AS most,
        coalesce(l.priority, %(priority)s) * interval '6 seconds' AS handicap,
        (SELECT count(*) FROM jobs_finetuningjob AS r
          WHERE r.organization_id = w.organization_id AND r.state = 'running') AS running,
        (SELECT max(s.claimed_at) FROM jobs_finetuningjob AS s
          WHERE s.organization_id = w.organization_id) AS served
    FROM waiting AS w LEFT JOIN plan_limits_of(w.organization_id) AS l ON true
)
SELECT j.id
FROM load
CROSS JOIN LATERAL (
    SELECT id, queued_at FROM jobs_finetuningjob
    WHERE organization_id = load.organization_id AND state = 'queued'
    ORDER BY queued_at, id
    LIMIT 4
) AS j
WHERE load.most IS NULL OR load.running < load.most
ORDER BY load.running, load.served + load.handicap NULLS FIRST,
    j.queued_at + load.handicap, j.id
LIMIT 16
"""


def job_claim(*, worker: str) -> Claim | None:
    """Take the next job for ``worker``, or None when nothing waits. Opens its own scope."""
    with system_scope("job claim"):
        for job_id in _candidates():
            row = (
                FineTuningJob.objects.select_for_update(skip_locked=True)
                .filter(id=job_id, state=JobState.QUEUED)
                .first()
            )
            if row is not None:
                return _take(row, worker)
    return None


def _candidates() -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        limits = limits_default().limits
        cursor.execute(
            _CANDIDATES, {"concurrency": limits.concurrency, "priority": limits.priority}
        )
        return [row[0] for row in cursor.fetchall()]


def _take(row: FineTuningJob, worker: str) -> Claim:
    job_move(row, JobState.RUNNING, Phase.STARTING)
    row.attempt += 1
    row.fence = fence_next()
    row.worker = worker
    row.started_at = row.started_at or clock.now()
    again = row.attempt > 1
    event_add(
        row,
        "Fine-tuning job continues." if again else "Fine-tuning job started.",
        code="job.restarted" if again else "job.started",
        data={"attempt": row.attempt},
    )
    row.lease_until = DatabaseClock() + timedelta(seconds=LEASE_SECONDS)
    row.claimed_at = DatabaseClock()
    row.save()
    organization = OrganizationRef(row.organization_id, row.organization_slug)
    return Claim(row.id, organization, row.fence, row.attempt)
