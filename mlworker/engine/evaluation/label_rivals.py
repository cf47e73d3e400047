"""What a model that gives label sets has to beat."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from torch import Tensor

from mlworker.engine.contracts import Json
from mlworker.engine.evaluation.baselines import Baseline, tf_idf_of
from mlworker.engine.evaluation.bootstrap import ratio
from mlworker.engine.evaluation.counts import ClassCounts, Floats, Ints
from mlworker.engine.evaluation.frozen import frozen_base
from mlworker.engine.evaluation.rivals import Contest, Judged, rival_parts
from mlworker.engine.evaluation.subject import Subject
from mlworker.engine.evaluation.tfidf import LABELS

Bits = npt.NDArray[np.uint8]


def set_rivals(subject: Subject, truth: Ints, called: Ints, threshold: float) -> dict[str, Json]:
    """The parts `baselines` and `comparison`; sets are 0 and 1 [R, C]."""
    known = np.array(subject.setup.train.targets, dtype=np.uint8)
    read = _reader(threshold)
    baselines = [
        frequency(known, len(truth)),
        tf_idf_of(subject, known.tolist(), LABELS, read),
        frozen_base(subject, read),
    ]
    contest = Contest(lambda sets: judged(truth, sets), micro_f1)
    return rival_parts(subject, contest, called, baselines)


def frequency(known: Bits, rows: int) -> Baseline:
    """For every text the same commonest labels: as many as give the training rows the best F1."""
    counts = known.sum(axis=0, dtype=np.int64)
    order = np.argsort(-counts, kind="stable")
    hits = counts[order].cumsum()
    sizes = np.arange(1, len(order) + 1) * len(known)
    best = int((2 * hits / np.maximum(sizes + counts.sum(), 1)).argmax()) + 1
    called = np.zeros((rows, len(order)), dtype=np.int64)
    called[:, order[:best]] = 1
    return Baseline("frequency", called, len(known))


def judged(truth: Ints, called: Ints) -> Judged:
    """Sets [R, C] against the true ones."""
    hits = truth * called
    counts = ClassCounts(hits.sum(axis=0), truth.sum(axis=0), called.sum(axis=0))
    sums = np.stack([part.sum(axis=1) for part in (hits, truth, called)], axis=1)
    right = (called == truth).all(axis=1)
    return Judged(
        {
            "micro_f1": float(micro_f1(sums.sum(axis=0, keepdims=True).astype(np.float64))[0]),
            "macro_f1": counts.macro(counts.f1),
            "subset_accuracy": float(right.mean()),
        },
        sums.astype(np.float64),
        right.astype(np.float64),
    )


def micro_f1(sums: Floats) -> Floats:
    """F1 of hits, true and called ones [B, 3]."""
    return ratio(2 * sums[:, 0], sums[:, 1] + sums[:, 2])


def _reader(threshold: float) -> Callable[[Tensor], Ints]:
    def read(logits: Tensor) -> Ints:
        return (logits.float().sigmoid() >= threshold).numpy().astype(np.int64)

    return read
