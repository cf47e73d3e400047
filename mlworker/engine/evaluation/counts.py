"""Figures that follow from (true, predicted) counts alone. Numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_TINY = 1e-12


@dataclass(frozen=True)
class ClassCounts:
    """Per label: rows that were it and called so, rows that were it, rows called so."""

    hits: Ints
    support: Ints
    called: Ints

    @property
    def precision(self) -> Floats:
        """Share of the calls that were right; 0 where a label was never called."""
        return _ratio(self.hits, self.called)

    @property
    def recall(self) -> Floats:
        """Share of the label's rows that were found; 0 where it has none."""
        return _ratio(self.hits, self.support)

    @property
    def f1(self) -> Floats:
        """Harmonic mean of the two: 2 hits / (support + called)."""
        return _ratio(2 * self.hits, self.support + self.called)

    @property
    def accuracy(self) -> float:
        """Share of all rows that were called right; also micro precision, recall and F1."""
        return float(self.hits.sum() / max(int(self.support.sum()), 1))

    def macro(self, figure: Floats) -> float:
        """Mean over the labels that have rows, each counting the same."""
        present = self.support > 0
        return float(figure[present].mean()) if present.any() else 0.0

    def weighted(self, figure: Floats) -> float:
        """Mean over labels, each counting as many times as it has rows."""
        return float((figure * self.support).sum() / max(int(self.support.sum()), 1))


def class_counts(targets: Ints, called: Ints, labels: int) -> ClassCounts:
    """Counts of a split; both arrays hold label indices."""
    return ClassCounts(
        hits=np.bincount(targets[targets == called], minlength=labels),
        support=np.bincount(targets, minlength=labels),
        called=np.bincount(called, minlength=labels),
    )


def set_counts(truth: Ints, called: Ints) -> ClassCounts:
    """Counts of label sets; both are 0 and 1 [R, C]."""
    return ClassCounts((truth * called).sum(axis=0), truth.sum(axis=0), called.sum(axis=0))


def cells_of(targets: Ints, called: Ints, labels: int) -> tuple[Ints, Ints, Ints]:
    """(true, predicted, count) of the confusion matrix's cells that are not 0, by true label."""
    codes, counts = np.unique(targets * labels + called, return_counts=True)
    return codes // labels, codes % labels, counts


def log_losses(label_scores: Floats) -> Floats:
    """Minus the logarithm of what each row's true label was given."""
    return -np.log(np.maximum(label_scores, _TINY))


def _ratio(part: Ints, whole: Ints) -> Floats:
    return np.asarray(part / np.maximum(whole, 1), dtype=np.float64)
