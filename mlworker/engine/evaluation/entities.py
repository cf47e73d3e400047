"""Labelled spans of texts, counted as conlleval does: a span is right when both its ends and its
label are."""

from __future__ import annotations

import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np
import pyarrow as pa
from torch import Tensor

from mlworker.engine.contracts import Json
from mlworker.engine.data.rows import EncodedSplit
from mlworker.engine.data.spans import OUTSIDE, Span, labels_of, spans_of
from mlworker.engine.evaluation.baselines import Baseline, best_labels
from mlworker.engine.evaluation.bootstrap import METHOD, as_figures, intervals
from mlworker.engine.evaluation.counts import ClassCounts, Floats, Ints
from mlworker.engine.evaluation.frozen import frozen_base
from mlworker.engine.evaluation.labelsets import cases_of, class_lines, f1_figures, f1_scored
from mlworker.engine.evaluation.report import slices_of
from mlworker.engine.evaluation.rivals import Contest, Judged, rival_parts
from mlworker.engine.evaluation.subject import Findings, Subject, answers_table
from mlworker.engine.tasks.base import IGNORED

_FIGURES = ("f1", "precision", "recall")
Pair = tuple[list[Span], list[Span]]
"""True and found spans of a row, in words."""


def span_metrics(
    tags: Sequence[int], rows: Sequence[Sequence[int]], labels: Sequence[str]
) -> dict[str, Json]:
    """Figures of the tags of all tokens, rows after each other, against the rows' targets."""
    pairs = span_pairs(tags, rows)
    hits, support, called = _counted(pairs, len(labels)).sum(axis=0)
    counts = ClassCounts(hits, support, called)
    figures = f1_figures(*(part[None].astype(np.float64) for part in (hits, support, called)))
    columns = (counts.precision, counts.recall, counts.f1, counts.support)
    names = ("precision", "recall", "f1", "support")
    asked = [(tag, target) for tag, target in _asked(tags, rows)]
    return {
        "rows": len(rows),
        **{name: float(figures[name][0]) for name in (*_FIGURES, "macro_f1")},
        "word_accuracy": sum(tag == target for tag, target in asked) / max(len(asked), 1),
        "entities": int(support.sum()),
        "per_class": {
            label: {name: float(column[at]) for name, column in zip(names, columns, strict=True)}
            for at, label in enumerate(labels)
        },
    }


def span_pairs(tags: Sequence[int], rows: Sequence[Sequence[int]]) -> list[Pair]:
    """Of each row the true spans and those that the tags make."""
    pairs, start = [], 0
    for row in rows:
        places = [at for at, target in enumerate(row) if target != IGNORED]
        found = spans_of([tags[start + at] for at in places])
        pairs.append((spans_of([row[at] for at in places]), found))
        start += len(row)
    return pairs


def report(subject: Subject) -> Findings:
    """Span figures with intervals, by label and by length of the text, baselines and a verdict."""
    setup = subject.setup
    labels = labels_of(setup.labels)
    rows = cast("Sequence[Sequence[int]]", subject.split.targets)
    metrics = setup.task.evaluate(subject.logits, rows, setup.labels)
    answers = setup.task.answers(subject.logits)
    tags = answers[:, 0].int().tolist()
    pairs = span_pairs(tags, rows)
    counted, size = _counted(pairs, len(labels)), len(labels)
    counts = ClassCounts(*counted.sum(axis=0))
    found = intervals(
        counted.reshape(len(rows), -1).astype(np.float64),
        lambda drawn: f1_figures(*(drawn[:, at * size : (at + 1) * size] for at in range(3))),
        seed=subject.seed,
        between=subject.look,
        shares=cases_of(counts, len(rows)),
    )
    right = np.array([true == said for true, said in pairs], dtype=np.int64)
    parts: dict[str, Json] = {
        "labels": list(labels),
        "loss": metrics["loss"],
        "figures": as_figures(found, _FIGURES),
        "interval": METHOD,
        "per_class": class_lines(counts, labels, found, {}),
        "slices": slices_of(subject.lengths, subject.cut, right),
        "errors": int((1 - right).sum()),
        **_rivals(subject, np.array(tags, dtype=np.int64)),
    }
    table = answered(answers, rows, labels, subject.row_ids)
    scored = f1_scored("f1", *counted.transpose(1, 0, 2))
    return Findings(parts, table.sort_by("row_id"), scored)


def answered(
    answers: Tensor, rows: Sequence[Sequence[int]], labels: Sequence[str], row_ids: Ints
) -> pa.Table:
    """Tags and scores of all tokens as spans of their rows, beside the true ones."""
    pairs = span_pairs(answers[:, 0].int().tolist(), rows)
    scores = _least(answers[:, 1].tolist(), rows)
    return answers_table(
        row_ids,
        [_shown(true, labels) for true, _ in pairs],
        [_shown(said, labels) for _, said in pairs],
        score=scores,
        # the surer a wrong row, the worse; the surer a right one, the better
        label_score=[
            score if true == said else 1 - score
            for score, (true, said) in zip(scores, pairs, strict=True)
        ],
    )


def _rivals(subject: Subject, tags: Ints) -> dict[str, Json]:
    """The parts `baselines` and `comparison`; answers are the tags of all tokens."""
    rows = cast("Sequence[Sequence[int]]", subject.split.targets)
    size = len(labels_of(subject.setup.labels))

    def judge(called: Ints) -> Judged:
        pairs = span_pairs(called.tolist(), rows)
        sums = _counted(pairs, size).sum(axis=2).astype(np.float64)
        figures = f1_figures(*(sums[:, at].sum()[None, None] for at in range(3)))
        right = np.array([true == said for true, said in pairs], dtype=np.float64)
        return Judged({name: float(figures[name][0]) for name in _FIGURES}, sums, right)

    def measure(sums: Floats) -> Floats:
        return f1_figures(*(sums[:, at : at + 1] for at in range(3)))["f1"]

    baselines = [
        word_tag(subject.setup.train, subject.split),
        frozen_base(subject, best_labels),
    ]
    return rival_parts(subject, Contest(judge, measure), tags, baselines)


def word_tag(train: EncodedSplit, split: EncodedSplit) -> Baseline:
    """Each word gets the tag it had most often in training, of equals the first; O if unknown."""
    seen: defaultdict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    for ids, targets in _rows_of(train):
        for at, word in _words(ids, targets):
            seen[word][targets[at]] += 1
    best = {word: min(tags, key=lambda tag: (-tags[tag], tag)) for word, tags in seen.items()}
    called: list[int] = []
    for ids, targets in _rows_of(split):
        line = [OUTSIDE] * len(ids)
        for at, word in _words(ids, targets):
            line[at] = best.get(word, OUTSIDE)
        called += line
    return Baseline("word_tag", np.array(called, dtype=np.int64), len(train))


def _rows_of(split: EncodedSplit) -> Iterator[tuple[Sequence[int], Sequence[int]]]:
    return zip(split.ids, cast("Sequence[Sequence[int]]", split.targets), strict=True)


def _words(ids: Sequence[int], targets: Sequence[int]) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Of each word where it begins and its pieces; the row's last token is no word's."""
    begins = [at for at, target in enumerate(targets) if target != IGNORED]
    for at, end in itertools.pairwise([*begins, len(ids) - 1]):
        yield at, tuple(ids[at:end])


def _counted(pairs: Sequence[Pair], size: int) -> Ints:
    """[R, 3, C]: spans of each label found rightly, there, and called, row by row."""
    counts = np.zeros((len(pairs), 3, size), dtype=np.int64)
    for row, (true, said) in enumerate(pairs):
        for at, spans in enumerate((set(true) & set(said), true, said)):
            for span in spans:
                counts[row, at, span.label] += 1
    return counts


def _asked(tags: Sequence[int], rows: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """(tag, target) of every word."""
    targets = [target for row in rows for target in row]
    return [pair for pair in zip(tags, targets, strict=True) if pair[1] != IGNORED]


def _least(scores: Sequence[float], rows: Sequence[Sequence[int]]) -> list[float]:
    """The chance of the least likely tag of each row."""
    found, start = [], 0
    for row in rows:
        asked = [scores[start + at] for at, target in enumerate(row) if target != IGNORED]
        found.append(min(asked, default=1.0))
        start += len(row)
    return found


def _shown(spans: Sequence[Span], labels: Sequence[str]) -> str:
    """Spans as [first word, word after the last, label], words counted from 0."""
    return json.dumps(
        [[span.start, span.end, labels[span.label]] for span in spans], ensure_ascii=False
    )
