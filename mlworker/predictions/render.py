"""The log as the API shows it."""

from dataclasses import asdict
from typing import Any

from anneal.kernel.ids import public_id
from mlworker.predictions.contracts import LoggedPrediction, LogState
from mlworker.serving.contracts import DEPLOYMENT_PREFIX, PREDICTION_PREFIX


def render_log(state: LogState) -> dict[str, Any]:
    """Return a deployment's settings and figures."""
    log = state.log
    return {
        "enabled": log.enabled,
        "percent": log.percent,
        "days": log.days,
        "texts": log.texts,
        "redact": list(log.redact),
        "words": list(log.words),
        "rows": state.rows,
        "days_counted": [{**asdict(day), "day": day.day.isoformat()} for day in state.days],
    }


def render_prediction(info: LoggedPrediction) -> dict[str, Any]:
    """Return a kept prediction."""
    return {
        "id": public_id(PREDICTION_PREFIX, info.id),
        "object": "prediction",
        "deployment": public_id(DEPLOYMENT_PREFIX, info.deployment_id),
        "model": info.model,
        "text": info.text,
        "text_cut": info.text_cut,
        "hidden": info.hidden,
        "answer": dict(info.answer),
        "labels": list(info.labels),
        "score": info.score,
        "created_at": int(info.created_at.timestamp()),
    }
