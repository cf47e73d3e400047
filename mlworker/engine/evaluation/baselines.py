"""What the model has to beat: the commonest answer, TF-IDF with a line, the base without training.

Each baseline is fitted to the training rows and answers the rows of the report. One that cannot end
within its time is skipped and says why: a job must not wait for its comparators, unless a fee
depends on them.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mlworker.engine.contracts import Json
from mlworker.engine.evaluation.counts import Ints, class_counts
from mlworker.engine.evaluation.significance import macro_f1_p, mcnemar_mid_p, verdict_of
from mlworker.engine.evaluation.tfidf import Goal, fit_tfidf

if TYPE_CHECKING:
    from torch import Tensor

    from mlworker.engine.evaluation.subject import Subject

TF_IDF = "tf_idf"
TFIDF_SECONDS = 15.0
TFIDF_ROWS = 20_000


@dataclass(frozen=True)
class Baseline:
    """A comparator: what it called each row, or why it did not."""

    name: str
    called: npt.NDArray[Any] | None
    """As the task has its answers: labels' places, 0 and 1 for each label, numbers, tags."""
    rows: int = 0
    """Training rows it was fitted to."""
    seconds: float = 0.0
    skipped: str | None = None

    def as_dict(self, figures: Mapping[str, float]) -> dict[str, Json]:
        """The report's shape; of one that was skipped there are no figures."""
        shown = {} if self.called is None else figures
        return {
            "name": self.name,
            "figures": [{"name": name, "value": value} for name, value in shown.items()],
            "accuracy": shown.get("accuracy"),
            "macro_f1": shown.get("macro_f1"),
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
    train: Sequence[tuple[str, object]],
    texts: Sequence[str],
    outputs: int,
    *,
    goal: Goal,
    called: Callable[[Tensor], npt.NDArray[Any]],
    seed: int,
    between: Callable[[], None],
    seconds: float = TFIDF_SECONDS,
) -> Baseline:
    """TF-IDF and a linear model of at most `TFIDF_ROWS` rows; `called` reads its logits."""
    begun = time.monotonic()
    chosen = train
    if len(train) > TFIDF_ROWS:
        chosen = Random(seed).sample(train, TFIDF_ROWS)  # noqa: S311 - a repeatable sample
    model = fit_tfidf(
        [text for text, _ in chosen],
        [target for _, target in chosen],
        outputs,
        goal=goal,
        seconds=seconds,
        between=between,
    )
    if model is None:
        return Baseline(TF_IDF, None, skipped="no_words")
    found = called(model.logits(texts, between))
    return Baseline(TF_IDF, found, len(chosen), time.monotonic() - begun)


def tf_idf_of(
    subject: Subject,
    targets: Sequence[object],
    goal: Goal,
    called: Callable[[Tensor], npt.NDArray[Any]],
) -> Baseline:
    """`tf_idf` of a run; `targets` are those of its training rows, as `goal` takes them."""
    texts = [str(row["text"]) for row in subject.train]
    return tf_idf(
        list(zip(texts, targets, strict=True)),
        [str(row["text"]) for row in subject.rows],
        subject.setup.task.outputs(subject.setup.labels),
        goal=goal,
        called=called,
        seed=subject.seed,
        between=subject.look,
        seconds=math.inf if subject.patient else TFIDF_SECONDS,
    )


def best_labels(logits: Tensor) -> Ints:
    """Of each line of logits the label with the highest."""
    return logits.argmax(dim=1).numpy().astype(np.int64)


def class_figures(base: Baseline, targets: Ints, labels: int) -> dict[str, float]:
    """Figures of a baseline that gives each row one label."""
    if base.called is None:
        return {}
    counts = class_counts(targets, base.called, labels)
    return {"accuracy": counts.accuracy, "macro_f1": counts.macro(counts.f1)}


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
    return {
        "baseline": best.name,
        "figure": "accuracy",
        "difference": float(right.mean()) - accuracy,
        "model_only": ours,
        "baseline_only": other,
        **verdict_of(mcnemar_mid_p(ours, other), ours - other, "mcnemar_mid_p"),
    }


def compare_macro_f1(
    targets: Ints,
    called: Ints,
    baselines: Sequence[Baseline],
    labels: int,
    *,
    seed: int,
    between: Callable[[], None],
) -> dict[str, Json] | None:
    """The model against the baseline with the best macro-F1, on the same rows; None without any."""

    def macro(answers: Ints) -> float:
        counts = class_counts(targets, answers, labels)
        return counts.macro(counts.f1)

    rivals = [
        (macro(base.called), base.name, base.called)
        for base in baselines
        if base.called is not None
    ]
    if not rivals:
        return None
    theirs, name, best = max(rivals, key=lambda rival: rival[0])
    p_value = macro_f1_p(targets, called, best, labels, seed=seed, between=between)
    ours = macro(called)
    right, other = called == targets, best == targets
    return {
        "baseline": name,
        "figure": "macro_f1",
        "value": ours,
        "difference": ours - theirs,
        "model_only": int((right & ~other).sum()),
        "baseline_only": int((~right & other).sum()),
        **verdict_of(p_value, ours - theirs, "approximate_randomization"),
    }
