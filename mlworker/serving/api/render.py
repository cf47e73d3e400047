"""Deployments as the API shows them."""

from typing import Any

from anneal.kernel.ids import public_id
from mlworker.serving.contracts import (
    DEPLOYMENT_PREFIX,
    CanaryInfo,
    DeploymentInfo,
    RevisionInfo,
)
from mlworker.serving.models import Deployment
from mlworker.serving.selectors import deployment_info


def render_deployment(info: DeploymentInfo) -> dict[str, Any]:
    """Return a deployment as the API shows it."""
    return {
        "id": public_id(DEPLOYMENT_PREFIX, info.id),
        "object": "deployment",
        "name": info.name,
        "model": info.model,
        "canary": _render_canary(info.canary),
        "paused_at": int(info.paused_at.timestamp()) if info.paused_at else None,
        "revision": info.revision,
        "created_at": int(info.created_at.timestamp()),
        "updated_at": int(info.updated_at.timestamp()),
    }


def render_row(row: Deployment) -> dict[str, Any]:
    """Return a row of the list."""
    return render_deployment(deployment_info(row))


def render_revision(entry: RevisionInfo) -> dict[str, Any]:
    """Return one entry of the history."""
    return {
        "revision": entry.number,
        "model": entry.model,
        "canary": _render_canary(entry.canary),
        "action": entry.action,
        "reason": entry.reason,
        "actor": entry.actor,
        "created_at": int(entry.created_at.timestamp()),
    }


def _render_canary(canary: CanaryInfo | None) -> dict[str, Any] | None:
    return {"model": canary.model, "percent": canary.percent} if canary else None
