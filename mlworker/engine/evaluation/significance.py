"""Whether one model is better than another on the same rows, or was lucky."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from mlworker.engine.contracts import Json
from mlworker.engine.evaluation.counts import Floats

SIGNIFICANT = 0.05
SHUFFLES = 1_999
"""So that the smallest p-value is 1 in 2,000."""
_CHUNK = 2_000_000
"""Coins thrown at a time, so that memory stays small and a stop is heard."""
_SAME = 1e-12


def verdict_of(p_value: float, gain: float, method: str) -> dict[str, Json]:
    """The end of a comparison; `gain` is above 0 where the model did better."""
    verdict = "not_separable"
    if p_value < SIGNIFICANT:
        verdict = "better" if gain > 0 else "worse"
    return {"p_value": p_value, "method": method, "level": SIGNIFICANT, "verdict": verdict}


def mcnemar_mid_p(only_first: int, only_second: int) -> float:
    """Two-sided mid-p McNemar test for paired answers.

    `only_first` rows were right with the first model alone, `only_second` with the second alone.
    M. Fagerland, S. Lydersen, P. Laake, The McNemar test for binary matched-pairs data: mid-p and
    asymptotic are better than exact conditional, BMC Medical Research Methodology 13:91 (2013):
    the exact conditional p-value minus the probability of what was observed.
    """
    pairs, low = only_first + only_second, min(only_first, only_second)
    if pairs == 0:
        return 1.0
    # The logarithm of C(n, k) / 2^n for k = 0 .. low: n may be far too large for whole numbers.
    steps = np.arange(1, low + 1)
    logs = np.concatenate(([0.0], np.cumsum(np.log((pairs - steps + 1) / steps))))
    chances = np.exp(logs - pairs * math.log(2))
    return float(min(1.0, 2 * chances.sum() - chances[-1]))


def randomization_p(
    first: Floats,
    second: Floats,
    measure: Callable[[Floats], Floats],
    *,
    seed: int,
    between: Callable[[], None],
) -> float:
    """Two-sided approximate randomization test for figures that no row has by itself, such as F1.

    `first` and `second` are what two models' rows add up to [R, S]; `measure` makes figures [B] of
    sums [B, S]. If neither model were better, it would not matter which of the two gave a row's
    answer: how often does swapping rows by a coin give a difference as large as the one seen?
    A. Yeh, More accurate tests for the statistical significance of result differences, COLING 2000.
    """
    theirs, gaps = second.sum(axis=0), first - second
    gaps = gaps[np.abs(gaps).max(axis=1) > 0]
    if len(gaps) == 0:
        return 1.0
    both = theirs + first.sum(axis=0)

    def difference(one: Floats) -> Floats:
        return np.abs(measure(one) - measure(both - one))

    seen = float(difference(first.sum(axis=0, keepdims=True))[0])
    random = np.random.default_rng(seed)
    step, reached = max(1, _CHUNK // len(gaps)), 0
    for start in range(0, SHUFFLES, step):
        size = (min(step, SHUFFLES - start), len(gaps))
        coins = random.integers(0, 2, size, dtype=np.uint8).astype(np.float64)
        reached += int((difference(theirs + coins @ gaps) >= seen - _SAME).sum())
        between()
    return (reached + 1) / (SHUFFLES + 1)
