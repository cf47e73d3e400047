"""Any number of labels for each row: each label is right or wrong by itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from mlworker.engine.contracts import Json
from mlworker.engine.evaluation.bootstrap import METHOD, as_figures, intervals, ratio
from mlworker.engine.evaluation.calibration import calibration
from mlworker.engine.evaluation.counts import ClassCounts, Floats, Ints, set_counts
from mlworker.engine.evaluation.curves import precision_recall
from mlworker.engine.evaluation.intervals import Interval
from mlworker.engine.evaluation.label_rivals import set_rivals
from mlworker.engine.evaluation.report import CURVES, averages_of, slices_of
from mlworker.engine.evaluation.subject import Findings, Scored, Subject, answers_table

_FIGURES = ("micro_f1", "macro_f1", "subset_accuracy")


@dataclass(frozen=True)
class _Answers:
    """Scores [R, C], and 0 and 1 [R, C] for what was true and what was called."""

    scores: Floats
    truth: Ints
    called: Ints

    @property
    def counts(self) -> ClassCounts:
        """Per label."""
        return set_counts(self.truth, self.called)

    @property
    def right(self) -> Ints:
        """1 for rows with exactly their labels."""
        return np.asarray((self.called == self.truth).all(axis=1), dtype=np.int64)


def label_metrics(
    scores: Floats, truth: Ints, labels: Sequence[str], threshold: float, loss: float
) -> dict[str, Json]:
    """Figures of scores [R, C] against 0 and 1 [R, C]."""
    answers = _Answers(scores, truth, (scores >= threshold).astype(np.int64))
    counts, rows = answers.counts, len(truth)
    columns = (counts.precision, counts.recall, counts.f1, counts.support)
    names = ("precision", "recall", "f1", "support")
    return {
        "rows": rows,
        "loss": loss,
        **{f"micro_{name}": value for name, value in _micro(counts).items()},
        "macro_f1": counts.macro(counts.f1),
        "subset_accuracy": float(answers.right.mean()) if rows else 0.0,
        "per_class": {
            label: {name: float(column[at]) for name, column in zip(names, columns, strict=True)}
            for at, label in enumerate(labels)
        },
    }


def report(subject: Subject, threshold: float) -> Findings:
    """Figures with intervals, per label, curves, calibration, slices, baselines and a verdict."""
    setup, size = subject.setup, len(subject.setup.labels)
    metrics = setup.task.evaluate(subject.logits, subject.split.targets, setup.labels)
    scores = setup.task.answers(subject.logits).numpy().astype(np.float64)
    truth = np.array(subject.split.targets, dtype=np.int64)
    answers = _Answers(scores, truth, (scores >= threshold).astype(np.int64))
    counts, right = answers.counts, answers.right
    hits = truth * answers.called
    ones = np.ones((len(truth), 1), dtype=np.int64)
    columns = [hits, truth, answers.called, right[:, None], ones]
    sums = np.concatenate(columns, axis=1).astype(np.uint8)
    found = intervals(
        sums,
        lambda drawn: _measured(drawn, size),
        seed=subject.seed,
        between=subject.look,
        shares=cases_of(counts, len(truth)),
    )
    curves = _curves(answers, counts)
    reliability = calibration(scores.ravel(), truth.ravel())
    averages: dict[str, Json] = {**averages_of(counts), "micro": dict(_micro(counts))}
    parts: dict[str, Json] = {
        "loss": metrics["loss"],
        "figures": as_figures(found, _FIGURES),
        "interval": METHOD,
        "averages": averages,
        "per_class": class_lines(
            counts, setup.labels, found, {at: area for at, (_, area) in curves.items()}
        ),
        "curves": [
            {"label": setup.labels[at], "points": [list(point) for point in points]}
            for at, (points, _) in sorted(curves.items())
        ],
        "calibration": {"ece": reliability.ece, "bins": [dict(line) for line in reliability.bins]},
        "slices": slices_of(subject.lengths, subject.cut, right),
        "errors": int((1 - right).sum()),
        **set_rivals(subject, truth, answers.called, threshold),
    }
    table = _table(answers, setup.labels, subject.row_ids)
    scored = f1_scored("micro_f1", hits, truth, answers.called)
    return Findings(parts, table.sort_by("row_id"), scored)


def answered(
    scores: Floats, truth: Ints, labels: Sequence[str], threshold: float, row_ids: Ints
) -> pa.Table:
    """Answers of scores [R, C] beside 0 and 1 [R, C]."""
    return _table(_Answers(scores, truth, (scores >= threshold).astype(np.int64)), labels, row_ids)


def class_lines(
    counts: ClassCounts,
    labels: Sequence[str],
    found: Mapping[str, Interval],
    areas: Mapping[int, float],
) -> list[Json]:
    """A report's lines per label; `found` holds the interval of each label's F1 by its place."""
    lines: list[Json] = []
    for at, label in enumerate(labels):
        around = found[f"f1.{at}"]
        lines.append(
            {
                "label": label,
                "precision": round(float(counts.precision[at]), 6),
                "recall": round(float(counts.recall[at]), 6),
                "f1": round(around.value, 6),
                "f1_low": round(around.low, 6),
                "f1_high": round(around.high, 6),
                "support": int(counts.support[at]),
                "predicted": int(counts.called[at]),
                "average_precision": round(areas[at], 6) if at in areas else None,
            }
        )
    return lines


def cases_of(counts: ClassCounts, rows: int) -> Callable[[str], int]:
    """Of how many cases each figure is a share: a label's own, or those of all rows."""

    def cases(name: str) -> int:
        _, _, at = name.partition("f1.")
        return int(counts.support[int(at)]) if at else rows

    return cases


def f1_scored(figure: str, hits: Ints, truth: Ints, called: Ints) -> Scored:
    """What rows add to F1 over all labels; each is a count [R, C]."""
    found, true, said = (part.sum(axis=1).astype(np.float64) for part in (hits, truth, called))
    return Scored(figure, higher_is_better=True, above=2 * found, below=true + said, cases=true)


def f1_figures(hits: Floats, support: Floats, called: Floats) -> dict[str, Floats]:
    """Micro precision, recall and F1 of counts [B, C], macro F1, and each label's own F1."""
    each = ratio(2 * hits, support + called)
    present = (support > 0).astype(np.float64)
    totals = [part.sum(axis=1) for part in (hits, support, called)]
    return {
        "precision": ratio(totals[0], totals[2]),
        "recall": ratio(totals[0], totals[1]),
        "f1": ratio(2 * totals[0], totals[1] + totals[2]),
        "macro_f1": ratio((each * present).sum(axis=1), present.sum(axis=1)),
        **{f"f1.{at}": each[:, at] for at in range(each.shape[1])},
    }


def _measured(drawn: Floats, size: int) -> dict[str, Floats]:
    hits, support, called = (drawn[:, at * size : (at + 1) * size] for at in range(3))
    figures = f1_figures(hits, support, called)
    exact = ratio(drawn[:, -2], drawn[:, -1])
    return {**figures, "micro_f1": figures["f1"], "subset_accuracy": exact}


def _micro(counts: ClassCounts) -> dict[str, float]:
    hits, support, called = (
        float(part.sum()) for part in (counts.hits, counts.support, counts.called)
    )
    return {
        "precision": hits / called if called else 0.0,
        "recall": hits / support if support else 0.0,
        "f1": 2 * hits / (support + called) if support + called else 0.0,
    }


def _curves(
    answers: _Answers, counts: ClassCounts
) -> dict[int, tuple[tuple[tuple[float, float], ...], float]]:
    """Points and average precision of the labels with the most rows."""
    most = np.argsort(-counts.support, kind="stable")[:CURVES]
    found = {}
    for at in most[counts.support[most] > 0].tolist():
        curve = precision_recall(answers.scores[:, at], answers.truth[:, at])
        found[at] = (curve.points, curve.average_precision)
    return found


def _table(answers: _Answers, labels: Sequence[str], row_ids: Ints) -> pa.Table:
    """Both label sets as JSON lists; how sure the model was of the set it gave, and of the true."""

    def names(line: Ints) -> str:
        return json.dumps([labels[at] for at in np.flatnonzero(line).tolist()], ensure_ascii=False)

    def sure(of: Ints) -> Floats:
        """The chance of the least likely of a set's decisions."""
        each = np.where(of == 1, answers.scores, 1 - answers.scores)
        return np.asarray(each.min(axis=1), dtype=np.float64)

    return answers_table(
        row_ids,
        [names(line) for line in answers.truth],
        [names(line) for line in answers.called],
        score=sure(answers.called).tolist(),
        label_score=sure(answers.truth).tolist(),
    )
