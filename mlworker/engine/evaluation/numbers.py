"""One number for each row: how far off the answers are, and whether they rank rows rightly."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from torch import Tensor

from mlworker.engine.contracts import Json
from mlworker.engine.evaluation.baselines import Baseline, tf_idf_of
from mlworker.engine.evaluation.bootstrap import METHOD, as_figures, intervals, ratio
from mlworker.engine.evaluation.counts import Floats, Ints
from mlworker.engine.evaluation.frozen import frozen_base
from mlworker.engine.evaluation.rivals import Contest, Judged, rival_parts
from mlworker.engine.evaluation.subject import Findings, Scored, Subject, answers_table
from mlworker.engine.evaluation.tfidf import NUMBER

_FIGURES = ("r2", "spearman", "mae", "rmse")
_POINTS = 500
"""Rows that the chart of answers against true numbers shows."""


def number_metrics(found: Sequence[float], true: Sequence[float]) -> dict[str, Json]:
    """MAE, RMSE, R2 (1 - squared errors / squared deviations) and Spearman's rank correlation."""
    if not true:
        return {"rows": 0, **dict.fromkeys(_FIGURES, 0.0)}
    sums = _sums(np.array(found, dtype=np.float64), np.array(true, dtype=np.float64))
    figures = _measured(sums.sum(axis=0, keepdims=True))
    return {"rows": len(true), **{name: float(figures[name][0]) for name in _FIGURES}}


def report(subject: Subject) -> Findings:
    """Errors and correlations with intervals, answers beside true numbers, rivals, a verdict."""
    setup = subject.setup
    found = setup.task.answers(subject.logits)[:, 0].numpy().astype(np.float64)
    true = np.array(subject.split.targets, dtype=np.float64)
    known = np.array(setup.train.targets, dtype=np.float64)
    figures = intervals(_sums(found, true), _measured, seed=subject.seed, between=subject.look)
    metrics = setup.task.evaluate(subject.logits, subject.split.targets, setup.labels)
    chosen = np.random.default_rng(subject.seed).permutation(len(true))[:_POINTS]
    mean = np.full(len(true), known.mean())
    parts: dict[str, Json] = {
        "loss": metrics["loss"],
        "figures": as_figures(figures, _FIGURES),
        "interval": METHOD,
        "numbers": {
            "points": [[float(true[at]), float(found[at])] for at in sorted(chosen.tolist())],
            "mean": {
                "mae": float(np.abs(mean - true).mean()),
                "rmse": math.sqrt(float(((mean - true) ** 2).mean())),
            },
        },
        **_rivals(subject, true, found, known),
    }
    table = setup.task.answered(
        subject.logits, subject.split.targets, setup.labels, subject.row_ids
    )
    # R2 compares with the spread inside a slice, so it tells nothing between slices.
    off, ones = np.abs(found - true), np.ones(len(true))
    scored = Scored("mae", higher_is_better=False, above=off, below=ones, cases=0 * ones)
    return Findings(parts, table.sort_by("row_id"), scored)


def answered(answers: Tensor, targets: Sequence[float], row_ids: Ints) -> pa.Table:
    """Both numbers as text; the farther off an answer, the lower its `label_score`."""
    found = answers[:, 0].numpy().astype(np.float64)
    true = np.array(targets, dtype=np.float64)
    return answers_table(
        row_ids,
        [repr(one) for one in true.tolist()],
        [f"{one:.6g}" for one in found.tolist()],
        score=found.tolist(),
        label_score=(-np.abs(found - true)).tolist(),
    )


def _rivals(subject: Subject, true: Floats, found: Floats, known: Floats) -> dict[str, Json]:
    """The parts `baselines` and `comparison`: who is nearer to the numbers."""
    task, targets = subject.setup.task, subject.setup.train.targets

    def answered(logits: Tensor) -> Floats:
        found: Floats = task.answers(logits)[:, 0].numpy().astype(np.float64)
        return found

    baselines = [
        Baseline("mean", np.full(len(true), known.mean()), len(known)),
        tf_idf_of(subject, task.tensor(targets).tolist(), NUMBER, answered),
        frozen_base(subject, answered),
    ]
    contest = Contest(lambda numbers: _judged(numbers, true), lambda sums: _measured(sums)["r2"])
    return rival_parts(subject, contest, found, baselines)


def _judged(found: Floats, true: Floats) -> Judged:
    sums = _sums(found, true)
    figures = _measured(sums.sum(axis=0, keepdims=True))
    return Judged({name: float(figures[name][0]) for name in _FIGURES}, sums, -np.abs(found - true))


def _sums(found: Floats, true: Floats) -> Floats:
    """Of each row what `_measured` adds up. Numbers are taken from their mean: squares of large
    ones would drown their differences."""
    middle = true.mean()
    near, own = found - middle, true - middle
    error = found - true
    first, second = _ranks(found), _ranks(true)
    columns = [
        np.ones(len(true)), np.abs(error), error**2, own, own**2, near,
        first, second, first**2, second**2, first * second,
    ]  # fmt: skip
    return np.stack(columns, axis=1)


def _measured(drawn: Floats) -> dict[str, Floats]:
    """Figures of sums [B, 11]; ranks keep their place in the whole split."""
    rows = drawn[:, 0]
    mean = drawn / rows[:, None]
    spread = np.maximum(mean[:, 4] - mean[:, 3] ** 2, 0.0)
    unexplained = ratio(mean[:, 2], spread)
    both = mean[:, 10] - mean[:, 6] * mean[:, 7]
    each = (mean[:, 8] - mean[:, 6] ** 2) * (mean[:, 9] - mean[:, 7] ** 2)
    return {
        "mae": mean[:, 1],
        "rmse": np.sqrt(mean[:, 2]),
        "r2": np.where(spread > 0, 1 - unexplained, 0.0),
        "spearman": ratio(both, np.sqrt(np.maximum(each, 0.0))).clip(-1.0, 1.0),
    }


def _ranks(values: Floats) -> Floats:
    """Ranks between 0 and 1, equal values sharing the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = counts.cumsum()
    shared: Floats = (ends - (counts + 1) / 2) / max(len(values) - 1, 1)
    return shared[place]
