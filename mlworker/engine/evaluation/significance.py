"""Whether one model is better than another on the same rows, or was lucky."""

from __future__ import annotations

import math

import numpy as np


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
