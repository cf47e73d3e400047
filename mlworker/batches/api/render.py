"""Batches as the API shows them."""

from typing import Any

from anneal.kernel.ids import public_id
from mlworker.batches.contracts import BatchInfo, Estimate
from mlworker.batches.states import BatchState
from tenants.datasets.contracts import FILE_PREFIX

_MOMENTS = (
    BatchState.IN_PROGRESS,
    BatchState.FINALIZING,
    BatchState.COMPLETED,
    BatchState.FAILED,
    BatchState.EXPIRED,
    BatchState.CANCELLING,
    BatchState.CANCELLED,
)


def render_batch(batch: BatchInfo) -> dict[str, Any]:
    """Return a batch in OpenAI's shape."""
    moments = {}
    for state in _MOMENTS:
        reached = batch.moments.get(state.value)
        moments[f"{state}_at"] = int(reached.timestamp()) if reached else None
    output, error = batch.output_file_id, batch.error_file_id
    return {
        "id": batch.public_id,
        "object": "batch",
        "endpoint": batch.endpoint,
        "errors": (
            {"object": "list", "data": [dict(each) for each in batch.errors]}
            if batch.errors
            else None
        ),
        "input_file_id": public_id(FILE_PREFIX, batch.input_file_id),
        "completion_window": f"{batch.window_hours}h",
        "status": batch.state.value,
        "output_file_id": public_id(FILE_PREFIX, output) if output else None,
        "error_file_id": public_id(FILE_PREFIX, error) if error else None,
        "created_at": int(batch.created_at.timestamp()),
        "expires_at": int(batch.expires_at.timestamp()),
        **moments,
        "request_counts": {
            "total": batch.total,
            "completed": batch.completed,
            "failed": batch.failed,
        },
        "metadata": dict(batch.metadata),
        "model": batch.model or None,
        "form": batch.form.value,
        "text_column": batch.text_column or None,
        "items": batch.items,
        "charged": batch.charged,
    }


def render_estimate(estimate: Estimate) -> dict[str, Any]:
    """Return an estimate."""
    return {
        "object": "batch.estimate",
        "form": estimate.form.value,
        "requests": estimate.requests,
        "items": estimate.items,
        "bad": estimate.bad,
        "exact": estimate.exact,
        "model": estimate.model,
        "columns": list(estimate.columns),
        "text_column": estimate.text_column or None,
        "price": f"{estimate.price:f}",
        "online_price": f"{estimate.online_price:f}",
        "currency": estimate.currency,
        "allowed": estimate.allowed,
        "reason": estimate.reason,
    }
