"""The Celery side: doorbells and the reaper. What they say is never trusted, only acted upon."""

from uuid import UUID

from anneal.kernel.scopes import OrganizationRef
from anneal.kernel.tasks import task
from mlworker.jobs.reaping import jobs_reap
from mlworker.jobs.ring import ring_at_once
from mlworker.jobs.storage_use import storage_count
from mlworker.jobs.supervisor.run import work_next
from mlworker.jobs.validation import job_validate


@task(name="jobs.ring", queue="train", every=5.0)
def ring() -> None:
    """Work while something waits. Rung at each submit, and every five seconds for lost rings.

    After each job the task rings itself and ends, so that the rings which came meanwhile, and have
    expired, leave the broker; without a broker it simply goes on.
    """
    while work_next():
        if ring_at_once():
            return


@task(name="jobs.validate", queue="default")
def validate(job_id: str, organization_id: str, slug: str) -> None:
    """Read a job's files."""
    job_validate(organization=OrganizationRef(UUID(organization_id), slug), job_id=UUID(job_id))


@task(name="jobs.reap", queue="default", every=5.0)
def reap() -> None:
    """Take back the jobs of dead workers, ask again for lost validations, sweep the storage."""
    jobs_reap()


@task(name="jobs.storage_use", queue="default", every=600.0)
def storage_use() -> None:
    """Count what is stored this hour, where it is not counted: six chances an hour, one count."""
    storage_count()
