"""What webhooks hear of fine-tuning jobs, by OpenAI's names."""

from typing import Final

from anneal.kernel.ids import public_id
from mlworker.jobs.contracts import JOB_PREFIX, JobEnded
from mlworker.jobs.states import JobState
from tenants.webhooks.contracts import Fact
from tenants.webhooks.registry import public_events_register

_TYPES: Final = {
    JobState.SUCCEEDED: "fine_tuning.job.succeeded",
    JobState.FAILED: "fine_tuning.job.failed",
    JobState.CANCELLED: "fine_tuning.job.cancelled",
}


def register() -> None:
    """Let webhooks hear of jobs that ended."""
    public_events_register(
        JobEnded,
        types={
            _TYPES[JobState.SUCCEEDED]: "A fine-tuning job left a model.",
            _TYPES[JobState.FAILED]: "A fine-tuning job failed; it costs nothing.",
            _TYPES[JobState.CANCELLED]: "A fine-tuning job was cancelled.",
        },
        fact=_fact,
    )


def _fact(event: JobEnded) -> Fact:
    return Fact(
        event.organization, _TYPES[event.state], {"id": public_id(JOB_PREFIX, event.job_id)}
    )
