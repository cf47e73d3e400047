"""Precision against recall of one label while its threshold falls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlworker.engine.evaluation.counts import Floats, Ints

POINTS = 40


@dataclass(frozen=True, slots=True)
class Curve:
    """(recall, precision) points, recall ascending, and the area by steps."""

    points: tuple[tuple[float, float], ...]
    average_precision: float


def precision_recall(scores: Floats, positive: Ints, points: int = POINTS) -> Curve:
    """The curve of a label, thinned to at most `points`; `positive` is 1 for its own rows.

    Rows with equal scores are taken together. Average precision = sum of precision times the gain
    in recall, without interpolation, as scikit-learn defines it.
    """
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(positive[order])
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    total = int(hits[-1])
    if total == 0:
        return Curve((), 0.0)
    recall = hits[last] / total
    precision = hits[last] / (last + 1)
    area = float(np.sum(np.diff(np.append(0.0, recall)) * precision))
    kept = np.unique(np.searchsorted(recall, np.linspace(recall[0], recall[-1], points)))
    kept = np.minimum(kept, len(recall) - 1)
    return Curve(
        tuple((round(float(recall[at]), 5), round(float(precision[at]), 5)) for at in kept), area
    )
