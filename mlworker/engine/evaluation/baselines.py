"""What the model has to beat: the commonest label, TF-IDF with a line, the base without training.

Each baseline is fitted to the training rows and answers the rows of the report. One that cannot end
within its time is skipped and says why: a job must not wait for its comparators.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from mlworker.engine.contracts import Json
from mlworker.engine.evaluation.counts import Ints, class_counts
from mlworker.engine.evaluation.significance import mcnemar_mid_p
from mlworker.engine.evaluation.tfidf import fit_tfidf

TFIDF_SECONDS = 15.0
TFIDF_ROWS = 20_000
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Baseline:
    """A comparator: what it called each row, or why it did not."""

    name: str
    called: Ints | None
    rows: int = 0
    """Training rows it was fitted to."""
    seconds: float = 0.0
    skipped: str | None = None

    def as_dict(self, targets: Ints, labels: int) -> dict[str, Json]:
        """The report's shape."""
        figures: dict[str, Json] = {"accuracy": None, "macro_f1": None}
        if self.called is not None:
            counts = class_counts(targets, self.called, labels)
            figures = {"accuracy": counts.accuracy, "macro_f1": counts.macro(counts.f1)}
        return {
            "name": self.name,
            **figures,
            "fitted_rows": self.rows,
            "seconds": round(self.seconds, 3),
            "skipped": self.skipped,
        }


def majority(train_targets: Sequence[int], rows: int) -> Baseline:
    """Always the commonest label of the training rows; of equals the first."""
    counted = Counter(train_targets)
    label = min(counted, key=lambda at: (-counted[at], at))
    return Baseline("majority", np.full(rows, label, dtype=np.int64), len(train_targets))


def tf_idf(
    train: Sequence[tuple[str, int]],
    texts: Sequence[str],
    labels: int,
    *,
    seed: int,
    between: Callable[[], None],
) -> Baseline:
    """TF-IDF and logistic regression on at most `TFIDF_ROWS` training rows."""
    begun = time.monotonic()
    chosen = train
    if len(train) > TFIDF_ROWS:
        chosen = Random(seed).sample(train, TFIDF_ROWS)  # noqa: S311 - a repeatable sample
    model = fit_tfidf(
        [text for text, _ in chosen],
        [target for _, target in chosen],
        labels,
        seconds=TFIDF_SECONDS,
        between=between,
    )
    if model is None:
        return Baseline("tf_idf", None, skipped="no_words")
    called = np.array(model.calls(texts, between), dtype=np.int64)
    return Baseline("tf_idf", called, len(chosen), time.monotonic() - begun)


def compare(targets: Ints, called: Ints, baselines: Sequence[Baseline]) -> dict[str, Json] | None:
    """The model against the most accurate baseline, on the same rows; None without any."""
    right = called == targets
    rivals = [
        (float((base.called == targets).mean()), base)
        for base in baselines
        if base.called is not None
    ]
    if not rivals:
        return None
    accuracy, best = max(rivals, key=lambda pair: pair[0])
    theirs = best.called == targets
    ours, other = int((right & ~theirs).sum()), int((~right & theirs).sum())
    p_value = mcnemar_mid_p(ours, other)
    verdict = "not_separable"
    if p_value < SIGNIFICANT:
        verdict = "better" if ours > other else "worse"
    return {
        "baseline": best.name,
        "difference": float(right.mean()) - accuracy,
        "model_only": ours,
        "baseline_only": other,
        "p_value": p_value,
        "method": "mcnemar_mid_p",
        "level": SIGNIFICANT,
        "verdict": verdict,
    }
