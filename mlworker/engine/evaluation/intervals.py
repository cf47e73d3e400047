"""Bootstrap confidence intervals: how far the figures would move on other rows of the same kind.

Percentile method (B. Efron, R. Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13).
Drawing R rows with replacement and counting them by (true, predicted) is one draw from the
multinomial distribution with the cells' shares; so the cells are drawn and never the rows, which
makes 100,000 rows as cheap as 100.

Rows without an error are drawn without one a thousand times: "100 % to 100 %" would be a false
promise. There, and for parts of few rows, stands Wilson's score interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from mlworker.engine.evaluation.counts import Floats, Ints, cells_of

RESAMPLES = 1_000
LEVEL = 0.95
_CHUNK = 2_000_000
"""Counts drawn at a time, so that memory stays small and a stop is heard."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and the range that holds it in 95 of 100 draws."""

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """The report's shape."""
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Resampled:
    """Figures of each resample: accuracy [B], macro F1 [B], F1 by label [B, C]."""

    accuracy: Floats
    macro_f1: Floats
    f1: Floats

    def interval(self, value: float, draws: Floats, rows: int) -> Interval:
        """The percentile interval, widened to the figure itself where a skewed one misses it."""
        low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        if low == high and rows > 0:
            return wilson(value, rows)
        return Interval(value, min(float(low), value), max(float(high), value))


def resample(
    targets: Ints,
    called: Ints,
    labels: int,
    *,
    seed: int,
    between: Callable[[], None],
    resamples: int = RESAMPLES,
) -> Resampled:
    """Draw the rows anew so many times; `between` is called between parts."""
    true, predicted, counts = cells_of(targets, called, labels)
    rows = len(targets)
    random = np.random.default_rng(seed)
    by_predicted = np.argsort(predicted, kind="stable")
    same = true == predicted
    parts: list[tuple[Floats, Floats, Floats]] = []
    step = max(1, _CHUNK // len(counts))
    for start in range(0, resamples, step):
        draws = random.multinomial(rows, counts / rows, size=min(step, resamples - start))
        support = _summed(draws, true, labels)
        both = support + _summed(draws[:, by_predicted], predicted[by_predicted], labels)
        hits = np.zeros_like(support)
        hits[:, true[same]] = draws[:, same]
        f1 = 2 * hits / np.maximum(both, 1)
        present = support > 0
        macro = (f1 * present).sum(1) / np.maximum(present.sum(1), 1)
        parts.append((hits.sum(1) / rows, macro, f1))
        between()
    return Resampled(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def wilson(share: float, rows: int) -> Interval:
    """Score interval of a share of so many rows (E. B. Wilson, JASA 22:158, 1927)."""
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    whole = 1 + z * z / rows
    middle = (share + z * z / (2 * rows)) / whole
    half = z / whole * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    return Interval(share, min(max(middle - half, 0.0), share), max(min(middle + half, 1.0), share))


def _summed(draws: Ints, keys: Ints, labels: int) -> Ints:
    """Columns with the same key added up; `keys` ascend."""
    names, starts = np.unique(keys, return_index=True)
    out = np.zeros((draws.shape[0], labels), dtype=np.int64)
    out[:, names] = np.add.reduceat(draws, starts, axis=1)
    return out
