"""Whether a score of 0.9 is right nine times in ten."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlworker.engine.evaluation.counts import Floats, Ints

BINS = 15


@dataclass(frozen=True, slots=True)
class Calibration:
    """The expected calibration error and the bins of the reliability diagram."""

    ece: float
    bins: tuple[dict[str, float], ...]
    """`low`, `high`, `rows`, `confidence` (mean score) and `accuracy`; empty bins are left out."""


def calibration(scores: Floats, right: Ints, bins: int = BINS) -> Calibration:
    """Expected calibration error over bins of equal width.

    C. Guo, G. Pleiss, Y. Sun, K. Weinberger, On Calibration of Modern Neural Networks, ICML 2017,
    equation 3: ECE = sum over bins of |rows in bin| / n * |accuracy(bin) - confidence(bin)|, bin m
    holding the scores in ((m - 1) / M, m / M].
    """
    place = np.clip(np.ceil(scores * bins).astype(np.int64) - 1, 0, bins - 1)
    rows = np.bincount(place, minlength=bins)
    confidence = np.bincount(place, weights=scores, minlength=bins)
    hits = np.bincount(place, weights=right, minlength=bins)
    ece = float(np.abs(hits - confidence).sum() / max(len(scores), 1))
    return Calibration(
        ece=ece,
        bins=tuple(
            {
                "low": index / bins,
                "high": (index + 1) / bins,
                "rows": int(rows[index]),
                "confidence": float(confidence[index] / rows[index]),
                "accuracy": float(hits[index] / rows[index]),
            }
            for index in np.flatnonzero(rows)
        ),
    )
