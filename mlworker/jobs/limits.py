"""Times and sizes of the jobs, from the environment where an operator may want others."""

import json
import os
from typing import Any, Final


def _seconds(name: str, default: float) -> float:
    return float(os.environ.get(name) or default)


LEASE_SECONDS: Final = _seconds("ANNEAL_JOB_LEASE_SECONDS", 30.0)
"""How long a silent worker keeps its job. It renews after a third of this."""
CHECKPOINT_SECONDS: Final = _seconds("ANNEAL_JOB_CHECKPOINT_SECONDS", 30.0)
"""Training time between two checkpoints: what a crash can cost."""
DRAIN_SECONDS: Final = _seconds("ANNEAL_JOB_DRAIN_SECONDS", 7.0)
"""How long a stopping worker waits for the last checkpoint; below what ends it by force."""
PAUSE_SECONDS: Final = _seconds("ANNEAL_JOB_PAUSE_SECONDS", 60.0)
"""How long a pause waits for the trainer's checkpoint before it falls back to the last one."""
SILENCE_SECONDS: Final = _seconds("ANNEAL_JOB_SILENCE_SECONDS", 900.0)
"""A trainer that says nothing for so long is taken for hung."""
TRAIN_THREADS: Final = int(os.environ.get("ANNEAL_TRAIN_THREADS") or 0) or len(
    os.sched_getaffinity(0)
)
"""Cores a trainer may use when nobody is being served."""
TRAIN_BACKGROUND: Final = os.environ.get("ANNEAL_TRAIN_BACKGROUND", "1") != "0"
"""Whether a trainer leaves the cores to whatever else wants them."""
MEMORY_BYTES: Final = int(os.environ.get("ANNEAL_TRAINER_MEMORY_MB") or 0) * 1024**2
"""What a trainer may hold before its supervisor ends it; 0 = whatever the system gives."""
HOLD_SECONDS: Final = 30 * 24 * 3600
"""How long the price of a job stays held; extended at each claim and resume."""
VALIDATION_LEASE_SECONDS: Final = 300.0
"""How long a validation may take before another worker tries."""
RING_AGAIN_SECONDS: Final = 15.0
"""How long an unfinished validation waits before it is asked for again."""
COUNT_AT_ONCE_ROWS: Final = 20_000
"""Training rows counted within a request; more are counted in the background."""
SAMPLE_ROWS: Final = 4_000
"""Rows an estimate counts when there are too many to count at once."""
KEEP_CHECKPOINTS: Final = 2
"""Checkpoints kept per job."""

TEST_HOOKS: Final[dict[str, Any]] = json.loads(os.environ.get("ANNEAL_TRAINER_TEST_HOOKS") or "{}")
"""Delays that fault tests put into the trainer; empty everywhere else."""
