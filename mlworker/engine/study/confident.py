"""Likely label errors, by confident learning. numpy alone.

C. Northcutt, L. Jiang, I. Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels,
Journal of Artificial Intelligence Research 70, 2021, section 3.1: a row counts as confidently of
label j when its score for j reaches the mean score that rows given j have for it (the threshold of
equation 2); among several such labels the one with the highest score counts. Rows counted off the
diagonal of that confident joint (equation 1) carry a label that is likely wrong. Our own few lines:
the package of the authors needs scikit-learn and pandas, which the locks leave out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LabelErrors:
    """Rows that are likely labelled wrongly, the likeliest first; three arrays of one length."""

    rows: Ints
    suggested: Ints
    scores: Floats
    """Label quality, 0 to 1: the score of the given label against the suggested one's."""


def label_errors(targets: Ints, probabilities: Floats) -> LabelErrors:
    """Find them from out-of-fold scores [R, C]: scores of a model that has seen the row would not
    tell, since it has learned the label as it is.
    """
    count = probabilities.shape[1]
    given = probabilities[np.arange(len(targets)), targets]
    sums = np.bincount(targets, weights=given, minlength=count)
    rows = np.bincount(targets, minlength=count)
    # a label that no row carries has no threshold that a score could reach
    thresholds = np.where(rows > 0, sums / np.maximum(rows, 1), np.inf)
    reached = np.where(probabilities >= thresholds - 1e-9, probabilities, -1.0)
    best = reached.argmax(axis=1)
    confident = reached.max(axis=1) >= 0
    # the model must also call it so: with uneven thresholds the given label may still be its answer
    called = probabilities.argmax(axis=1)
    found = np.flatnonzero(confident & (best != targets) & (called != targets))
    suggested = best[found]
    quality = _quality(given[found], probabilities[found, suggested])
    order = np.argsort(quality, kind="stable")
    return LabelErrors(found[order], suggested[order], quality[order])


def _quality(given: Floats, suggested: Floats) -> Floats:
    """The normalized margin (p_given - p_suggested + 1) / 2 of the paper's ranking."""
    return (given - suggested + 1) / 2
