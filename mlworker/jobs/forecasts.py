"""How long: a job's training from what this installation has measured, a queued job's wait."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import connection

from mlworker.jobs.contracts import QueuePlace

_TOKENS_PER_SECOND: Final = {
    "head": (6_000.0, 2_000.0),
    "lora": (1_500.0, 500.0),
    "full": (1_200.0, 400.0),
}
"""p50 and p10 before this installation has trained anything, on two processor cores."""
_OVERHEAD_SECONDS: Final = 6.0
"""Starting the trainer, reading rows, evaluating, storing the model; before any was measured."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """How long a training will take, and from how much experience that is said."""

    seconds_p50: float
    seconds_p90: float
    measured_jobs: int
    """Jobs of this base and tier whose speed it goes by; 0 = a figure that comes with Anneal."""
    device: str
    """What those jobs ran on; empty when there are none."""


def seconds_expected(*, base: str, tier: str, tokens: int) -> Forecast:
    """Return how long training ``tokens`` takes here, from the last jobs' speed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT device, p50, p10, overhead_p50, overhead_p90, jobs FROM jobs_speed(%s, %s)",
            [base, tier],
        )
        found = cursor.fetchone()
    if found is None:
        p50, p10 = _TOKENS_PER_SECOND.get(tier, _TOKENS_PER_SECOND["lora"])
        return Forecast(_OVERHEAD_SECONDS + tokens / p50, _OVERHEAD_SECONDS + tokens / p10, 0, "")
    device, p50, p10, usual, late, jobs = found
    usual = _OVERHEAD_SECONDS if usual is None else usual
    late = usual if late is None else late
    return Forecast(usual + tokens / p50, late + tokens / p10, jobs, device)


def queue_places() -> dict[UUID, QueuePlace]:
    """Return place and wait of each of the scope's queued jobs, in the queue of everybody."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT job_id, place, seconds FROM jobs_queue_places()")
        return {job_id: QueuePlace(place, seconds) for job_id, place, seconds in cursor.fetchall()}
