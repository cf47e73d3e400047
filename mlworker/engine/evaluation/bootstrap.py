"""Intervals of figures that are sums over rows, whatever the task.

A resample of R rows is a count for each row; so every figure that follows from sums over rows
follows from counts times the rows' own sums, one matrix product for many resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from mlworker.engine.contracts import Json
from mlworker.engine.evaluation.counts import Floats
from mlworker.engine.evaluation.intervals import LEVEL, RESAMPLES, Interval, wilson

Bits = npt.NDArray[np.uint8]
_COLUMNS = 64
_CHUNK = 2_000_000
"""Counts drawn at a time, so that memory stays small and a stop is heard."""
METHOD: dict[str, Json] = {"method": "bootstrap", "resamples": RESAMPLES, "level": LEVEL}

Measure = Callable[[Floats], Mapping[str, Floats]]
"""From sums [B, S] to figures [B]."""


def intervals(
    sums: Floats | Bits,
    measure: Measure,
    *,
    seed: int,
    between: Callable[[], None],
    shares: Callable[[str], int] | None = None,
) -> dict[str, Interval]:
    """Each figure of the rows whose sums [R, S] these are, with its percentile interval.

    `shares` says of how many cases a figure is a share: one that no resample has moved gets
    Wilson's interval, since "100 % to 100 %" would be a false promise.
    """
    rows = len(sums)
    values = measure(_product(np.ones((1, rows)), sums))
    random = np.random.default_rng(seed)
    parts: list[Mapping[str, Floats]] = []
    step = max(1, _CHUNK // rows)
    for start in range(0, RESAMPLES, step):
        size = min(step, RESAMPLES - start)
        counts = random.multinomial(rows, np.full(rows, 1 / rows), size=size)
        parts.append(measure(_product(counts, sums)))
        between()
    edges = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    found = {}
    for name, value in values.items():
        low, high = np.quantile(np.concatenate([part[name] for part in parts]), edges)
        own = float(value[0])
        if low == high and shares is not None and shares(name):
            found[name] = wilson(own, shares(name))
            continue
        found[name] = Interval(own, min(float(low), own), max(float(high), own))
    return found


def _product(counts: npt.NDArray[Any], sums: Floats | Bits) -> Floats:
    """counts @ sums; small numbers are widened a few columns at a time, for memory's sake."""
    weights = counts.astype(np.float64)
    parts = [
        weights @ sums[:, at : at + _COLUMNS].astype(np.float64)
        for at in range(0, sums.shape[1], _COLUMNS)
    ]
    return np.concatenate(parts, axis=1)


def as_figures(found: Mapping[str, Interval], names: tuple[str, ...]) -> list[Json]:
    """The report's list of figures: name, value and interval."""
    return [{"name": name, **found[name].as_dict()} for name in names]


def ratio(part: Floats, whole: Floats) -> Floats:
    """Part of whole; 0 where there is nothing."""
    return np.asarray(part / np.where(whole == 0, 1, whole), dtype=np.float64)
