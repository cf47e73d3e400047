"""What webhooks hear of batches, by OpenAI's names."""

from typing import Final

from anneal.kernel.ids import public_id
from mlworker.batches.contracts import BATCH_PREFIX, BatchEnded
from mlworker.batches.states import BatchState
from tenants.webhooks.contracts import Fact
from tenants.webhooks.registry import public_events_register

_TYPES: Final = {
    BatchState.COMPLETED: "batch.completed",
    BatchState.FAILED: "batch.failed",
    BatchState.CANCELLED: "batch.cancelled",
    BatchState.EXPIRED: "batch.expired",
}


def register() -> None:
    """Let webhooks hear of batches that ended."""
    public_events_register(
        BatchEnded,
        types={
            _TYPES[BatchState.COMPLETED]: "A batch has its files: answers, and errors if any.",
            _TYPES[BatchState.FAILED]: "A batch failed; what was answered before is kept.",
            _TYPES[BatchState.CANCELLED]: "A batch was cancelled; what was answered is kept.",
            _TYPES[BatchState.EXPIRED]: "A batch's window ended; what was answered is kept.",
        },
        fact=_fact,
    )


def _fact(event: BatchEnded) -> Fact:
    return Fact(
        event.organization, _TYPES[event.state], {"id": public_id(BATCH_PREFIX, event.batch_id)}
    )
