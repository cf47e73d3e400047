"""Whether one model is better than another on the same rows, or was lucky."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from mlworker.engine.contracts import Json
from mlworker.engine.evaluation.counts import ClassCounts, Floats, Ints, class_counts

SIGNIFICANT = 0.05
SHUFFLES = 1_999
"""So that the smallest p-value is 1 in 2,000."""
_CHUNK = 2_000_000
"""Coins thrown at a time, so that memory stays small and a stop is heard."""
_SAME = 1e-12
_LOOK = 50
"""Draws between two looks whether the run is to stop."""
SUBSETS = 19_999
"""So that a slice among hundreds can still be told: its p-value is multiplied by their number."""
_FIRST = 1_000
_PLAINLY = 100
"""So many draws as low as what was seen, and it is nothing special."""
_GROUPS = 32


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


def macro_f1_p(
    targets: Ints,
    first: Ints,
    second: Ints,
    labels: int,
    *,
    seed: int,
    between: Callable[[], None],
) -> float:
    """`randomization_p` for macro-F1 of answers with one label of many a row.

    Rows that both models call the same add the same to either side whatever the coins say, so they
    are counted once, and sums of all labels need not be kept for each row.
    """
    apart = np.flatnonzero(first != second)
    if len(apart) == 0:
        return 1.0
    same = np.flatnonzero(first == second)
    base = class_counts(targets[same], first[same], labels)
    support = np.bincount(targets, minlength=labels)
    truth, ours, theirs = targets[apart], first[apart], second[apart]

    def macro(called: Ints) -> float:
        drawn = class_counts(truth, called, labels)
        whole = ClassCounts(base.hits + drawn.hits, support, base.called + drawn.called)
        return whole.macro(whole.f1)

    seen = abs(macro(ours) - macro(theirs))
    random = np.random.default_rng(seed)
    reached = 0
    for draw in range(SHUFFLES):
        coins = random.integers(0, 2, len(apart), dtype=np.uint8).astype(bool)
        one, other = np.where(coins, ours, theirs), np.where(coins, theirs, ours)
        reached += abs(macro(one) - macro(other)) >= seen - _SAME
        if draw % _LOOK == 0:
            between()
    return (reached + 1) / (SHUFFLES + 1)


def subset_p(worth: Floats, chosen: npt.NDArray[np.bool_], *, seed: int) -> float:
    """One-sided randomization test whether some rows are worse than the others.

    `worth` says how good each row is. If being chosen said nothing about that, any subset of that
    size would be as likely: how often has one a sum as low? Of 0 and 1 this is R. A. Fisher's exact
    test, by draws (The Design of Experiments, 1935, section 11). Rows of equal worth are drawn
    together, by the multivariate hypergeometric distribution; of very many different ones groups of
    the nearest share their mean, which is decided before anybody looks who was chosen. Draws end
    early once the answer is plainly no: J. Besag, P. Clifford, Sequential Monte Carlo p-values,
    Biometrika 78:301 (1991).
    """
    values, place = grouped(worth, _GROUPS)
    counts = np.bincount(place, minlength=len(values))
    size = int(chosen.sum())
    seen = float(np.bincount(place[chosen], minlength=len(values)) @ values)
    tolerance = _SAME * (1.0 + float(np.abs(worth).sum()))
    random = np.random.default_rng(seed)
    reached = drawn = 0
    for draws in (_FIRST, SUBSETS - _FIRST):
        sums = random.multivariate_hypergeometric(counts, size, size=draws) @ values
        reached, drawn = reached + int((sums <= seen + tolerance).sum()), drawn + draws
        if reached >= _PLAINLY:
            break
    return (reached + 1) / (drawn + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values of so many questions asked together, each at least what it was.

    S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of
    Statistics 6:65 (1979): the chance of any wrong "yes" stays below the level.
    """
    order = np.argsort(np.asarray(p_values, dtype=np.float64), kind="stable")
    corrected = [1.0] * len(p_values)
    largest = 0.0
    for rank, at in enumerate(order.tolist()):
        largest = max(largest, min(1.0, p_values[at] * (len(p_values) - rank)))
        corrected[at] = largest
    return corrected


def grouped(numbers: Floats, most: int) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Different numbers and each row's place among them; above `most`, that many groups of the
    nearest as their means."""
    values, place = np.unique(numbers, return_inverse=True)
    if len(values) <= most:
        return values, place
    order = np.argsort(numbers, kind="stable")
    place = np.empty(len(numbers), dtype=np.int64)
    place[order] = np.arange(len(numbers)) * most // len(numbers)
    sums = np.bincount(place, weights=numbers, minlength=most)
    return sums / np.bincount(place, minlength=most), place
