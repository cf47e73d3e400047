"""Deployments as the API shows them."""

from typing import Any

from anneal.kernel.ids import public_id
from mlworker.serving.contracts import (
    DEPLOYMENT_PREFIX,
    CanaryInfo,
    DeploymentInfo,
    OutputInfo,
    RevisionInfo,
    RuleInfo,
    ShadowInfo,
)
from mlworker.serving.models import Deployment, Side
from mlworker.serving.selectors import deployment_info
from mlworker.serving.tallying import Comparison, Tally, quantile


def render_deployment(info: DeploymentInfo) -> dict[str, Any]:
    """Return a deployment as the API shows it."""
    return {
        "id": public_id(DEPLOYMENT_PREFIX, info.id),
        "object": "deployment",
        "name": info.name,
        "model": info.model,
        "canary": _render_split(info.canary),
        "shadow": _render_split(info.shadow),
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
        "canary": _render_split(entry.canary),
        "shadow": _render_split(entry.shadow),
        "action": entry.action,
        "reason": entry.reason,
        "actor": entry.actor,
        "created_at": int(entry.created_at.timestamp()),
    }


def render_output(output: OutputInfo) -> dict[str, Any]:
    """Return what a deployment makes of the answers."""
    return {
        "labels": dict(output.labels),
        "threshold": output.threshold,
        "abstain_label": output.abstain_label,
        "top_k": output.top_k,
        "fields": dict(output.fields),
    }


def render_rule(rule: RuleInfo) -> dict[str, Any]:
    """Return one rule."""
    return {
        "name": rule.name,
        "pattern": rule.pattern,
        "label": rule.label,
        "when": rule.when,
        "if_label": rule.if_label,
    }


def render_comparison(found: Comparison) -> dict[str, Any]:
    """Return one comparison."""
    sides: dict[str, dict[str, Any] | None] = dict.fromkeys(Side.values)
    for side, (model, tally) in found.sides.items():
        sides[side] = _render_side(model, tally)
        if side == Side.SHADOW:
            sides[side] = {**_render_side(model, tally), **_render_differences(tally)}
    return {"since_revision": found.since, **sides}


def _render_side(model: str, tally: Tally) -> dict[str, Any]:
    return {
        "model": model,
        "calls": tally.calls,
        "items": tally.items,
        "failed": tally.failed,
        "error_rate": _share(tally.failed, tally.calls + tally.failed),
        "inference_ms": _share(tally.inference_ms, tally.calls),
        "inference_ms_p50": quantile(tally.latency, 0.5),
        "inference_ms_p95": quantile(tally.latency, 0.95),
    }


def _render_differences(tally: Tally) -> dict[str, Any]:
    return {
        "skipped": tally.skipped,
        "compared": tally.compared,
        "agreement": _share(tally.agreed, tally.judged),
        "score_difference": _share(tally.difference, tally.compared),
        "score_difference_absolute": _share(tally.difference_absolute, tally.compared),
        "changes": [
            {"before": before, "after": after, "items": count}
            for (before, after), count in tally.changes.most_common()
        ],
    }


def _share(part: float, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None


def _render_split(split: CanaryInfo | ShadowInfo | None) -> dict[str, Any] | None:
    return {"model": split.model, "percent": split.percent} if split else None
