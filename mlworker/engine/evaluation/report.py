"""The report of one model on one split, as JSON: bounded in size whatever the rows and labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mlworker.engine.contracts import Json
from mlworker.engine.evaluation.calibration import calibration
from mlworker.engine.evaluation.counts import ClassCounts, Ints, cells_of, class_counts, log_losses
from mlworker.engine.evaluation.curves import precision_recall
from mlworker.engine.evaluation.intervals import (
    LEVEL,
    RESAMPLES,
    Interval,
    Resampled,
    resample,
    wilson,
)
from mlworker.engine.evaluation.names import DENSE_LABELS
from mlworker.engine.evaluation.predictions import Answers

FORMAT = 1
TOP_CELLS = 200
"""With more labels than a whole matrix has: the so many largest confusions."""
CURVES = 20
"""Labels with a curve: those with the most rows."""
SAMPLES = 20
"""Worst errors and best answers that are named."""
_MIN_SLICE = 4


@dataclass(frozen=True)
class Subject:
    """What is reported on: the answers and what is known of their rows."""

    answers: Answers
    labels: tuple[str, ...]
    split: str
    lengths: Ints
    """Characters of each row's text."""
    cut: Ints
    """1 where the text was longer than what the model reads."""
    seed: int
    extras: Mapping[str, Json] = field(default_factory=dict)


def build_report(subject: Subject, between: Callable[[], None]) -> dict[str, Json]:
    """Everything that follows from the answers; baselines and speed are added by the caller."""
    answers, size = subject.answers, len(subject.labels)
    called = answers.called
    counts = class_counts(answers.targets, called, size)
    drawn = resample(answers.targets, called, size, seed=subject.seed, between=between)
    accuracy = drawn.interval(counts.accuracy, drawn.accuracy, len(called))
    macro = drawn.interval(counts.macro(counts.f1), drawn.macro_f1, len(called))
    right = (answers.targets == called).astype(np.int64)
    losses = log_losses(answers.label_scores)
    ece = calibration(answers.scores, right)
    order = np.lexsort((answers.row_ids, -losses))
    wrong = [at for at in order if not right[at]][:SAMPLES]
    best = [at for at in order[::-1] if right[at]][:SAMPLES]
    curves = _curves(subject, counts, between)
    return {
        "format": FORMAT,
        "task": "text_classification",
        "split": subject.split,
        "chosen_on": subject.split != "test",
        "rows": len(called),
        "labels": list(subject.labels),
        "loss": float(losses.mean()),
        "accuracy": _interval(accuracy),
        "macro_f1": _interval(macro),
        "figures": [
            {"name": "accuracy", **_interval(accuracy)},
            {"name": "macro_f1", **_interval(macro)},
        ],
        "averages": averages_of(counts),
        "interval": {"method": "bootstrap", "resamples": RESAMPLES, "level": LEVEL},
        "per_class": _per_class(subject, counts, drawn, curves),
        "confusion": _confusion(answers.targets, called, size),
        "curves": [
            {"label": subject.labels[at], "points": [list(point) for point in points]}
            for at, (points, _) in sorted(curves.items())
        ],
        "calibration": {"ece": ece.ece, "bins": [dict(line) for line in ece.bins]},
        "slices": slices_of(subject.lengths, subject.cut, right),
        "errors": int((1 - right).sum()),
        "worst": [_sample(answers, at) for at in wrong],
        "best": [_sample(answers, at) for at in best],
        **subject.extras,
    }


def averages_of(counts: ClassCounts) -> dict[str, Json]:
    """Precision, recall and F1 averaged over labels in three ways; micro for one label a row."""
    figures = {"precision": counts.precision, "recall": counts.recall, "f1": counts.f1}
    return {
        "macro": {name: counts.macro(figure) for name, figure in figures.items()},
        "micro": dict.fromkeys(figures, counts.accuracy),
        "weighted": {name: counts.weighted(figure) for name, figure in figures.items()},
    }


def _per_class(
    subject: Subject,
    counts: ClassCounts,
    drawn: Resampled,
    curves: Mapping[int, tuple[Sequence[tuple[float, float]], float]],
) -> list[Json]:
    figures = (counts.precision, counts.recall, counts.f1)
    lines: list[Json] = []
    for at, label in enumerate(subject.labels):
        precision, recall, f1 = (float(figure[at]) for figure in figures)
        around = drawn.interval(f1, drawn.f1[:, at], int(counts.support[at]))
        lines.append(
            {
                "label": label,
                "precision": round(precision, 6),
                "recall": round(recall, 6),
                "f1": round(f1, 6),
                "f1_low": round(around.low, 6),
                "f1_high": round(around.high, 6),
                "support": int(counts.support[at]),
                "predicted": int(counts.called[at]),
                "average_precision": round(curves[at][1], 6) if at in curves else None,
            }
        )
    return lines


def _curves(
    subject: Subject, counts: ClassCounts, between: Callable[[], None]
) -> dict[int, tuple[Sequence[tuple[float, float]], float]]:
    """Points and average precision of the labels with the most rows."""
    most = np.argsort(-counts.support, kind="stable")[:CURVES]
    found: dict[int, tuple[Sequence[tuple[float, float]], float]] = {}
    for at in most[counts.support[most] > 0].tolist():
        scores = subject.answers.probabilities[:, at].astype(np.float64)
        curve = precision_recall(scores, (subject.answers.targets == at).astype(np.int64))
        found[at] = (curve.points, curve.average_precision)
        between()
    return found


def _confusion(targets: Ints, called: Ints, size: int) -> Json:
    """All counts while the table can be read, else the largest cells beside the diagonal."""
    true, predicted, counts = cells_of(targets, called, size)
    if size <= DENSE_LABELS:
        dense = np.zeros((size, size), dtype=np.int64)
        dense[true, predicted] = counts
        return {"counts": [list(line) for line in dense.tolist()], "cells": None}
    off = true != predicted
    order = np.argsort(-counts[off], kind="stable")[:TOP_CELLS]
    largest = np.stack((true[off], predicted[off], counts[off]), axis=1)[order]
    return {"counts": None, "cells": [list(cell) for cell in largest.tolist()]}


def slices_of(lengths: Ints, cut: Ints, right: Ints) -> list[Json]:
    """By quarters of length, and what the model could not read whole."""
    edges = np.unique(np.quantile(lengths, [0.25, 0.5, 0.75], method="higher"))
    place = np.searchsorted(edges, lengths)
    found = [("length", place == part) for part in range(len(edges) + 1)]
    if 0 < int(cut.sum()) < len(right):
        found += [("whole", cut == 0), ("cut", cut == 1)]
    lines: list[Json] = []
    for name, mask in found:
        rows = int(mask.sum())
        if rows < _MIN_SLICE:
            continue
        share = wilson(float(right[mask].mean()), rows)
        lines.append(
            {
                "by": name,
                "low": int(lengths[mask].min()),
                "high": int(lengths[mask].max()),
                "rows": rows,
                "accuracy": _interval(share),
            }
        )
    return lines


def _sample(answers: Answers, at: int) -> dict[str, Json]:
    """A row by its number; its text stays in the dataset version."""
    return {
        "row": int(answers.row_ids[at]),
        "label": int(answers.targets[at]),
        "predicted": int(answers.called[at]),
        "score": round(float(answers.scores[at]), 6),
        "label_score": round(float(answers.label_scores[at]), 6),
    }


def _interval(interval: Interval) -> dict[str, Json]:
    return dict(interval.as_dict())
