"""Small helpers for what a run reports."""

from __future__ import annotations

from collections.abc import Mapping

from mlworker.engine.contracts import Json


def figures(metrics: Mapping[str, Json]) -> dict[str, float]:
    """The scalar figures of an evaluation."""
    return {
        name: float(value)
        for name, value in metrics.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
