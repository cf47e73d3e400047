"""One label of a fixed set for each text; sentiment analysis is the best known case."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, cast

from mlworker.engine.contracts import EngineError, Json
from mlworker.engine.evaluation.names import DENSE_LABELS
from mlworker.engine.tasks.base import Column, Row, Source, Stock, Target, invalid_data, rounded
from mlworker.engine.tokenizer import EncodedText, TextTokenizer

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

    from mlworker.engine.evaluation.counts import Ints
    from mlworker.engine.evaluation.subject import Findings, Subject
    from mlworker.engine.tasks.base import Task

MAX_LABELS = 1_000
_TINY = 1e-12


class TextClassification:
    """The task; it has no state."""

    name = "text_classification"
    title = "Text classification"
    widget = "text_classifier"
    level: Literal["row", "token"] = "row"
    columns = (Column("text", "text", required=True), Column("label", "category", required=True))
    primary_metric = "accuracy"
    headline = ("accuracy", "macro_f1")
    stock = Stock(
        "BertForSequenceClassification", "SEQ_CLS", "single_label_classification", "softmax"
    )
    fewest_labels = 2
    unused: frozenset[str] = frozenset()
    options = frozenset({"top_k", "threshold"})

    def labels(self, rows: Sequence[Row]) -> tuple[str, ...]:
        """Distinct labels in alphabetical order."""
        return tuple(sorted({str(row["label"]) for row in rows}))

    def head_labels(self, labels: Sequence[str]) -> tuple[str, ...]:
        """One output per label."""
        return tuple(labels)

    def check(self, rows: Sequence[Row], labels: Sequence[str]) -> None:
        """Every row needs a text and a known label; training needs two labels or more."""
        if len(labels) < 2 or len(set(labels)) != len(labels) or len(labels) > MAX_LABELS:
            raise _invalid(f"needs 2 to {MAX_LABELS} different labels, has {len(set(labels))}")
        known = set(labels)
        for number, row in enumerate(rows, start=1):
            name = row.get("row_id", number)
            text, label = row.get("text"), row.get("label")
            if not isinstance(text, str) or not text.strip():
                raise _invalid(f"row {name} has no text")
            if label not in known:
                raise _invalid(f"row {name} has the unknown label {str(label)[:80]!r}")

    def encode(
        self, tokenizer: TextTokenizer, rows: Sequence[Row], max_length: int
    ) -> list[EncodedText]:
        """Token ids of the column `text`."""
        return tokenizer.encode([str(row["text"]) for row in rows], max_length)

    def targets(
        self, rows: Sequence[Row], labels: Sequence[str], encoded: Sequence[EncodedText]
    ) -> list[int]:
        """Index of each row's label."""
        index = {label: position for position, label in enumerate(labels)}
        return [index[str(row["label"])] for row in rows]

    def fitted(self, targets: Sequence[Target], labels: Sequence[str]) -> Task:
        """Nothing is learned beforehand; a label that no row teaches would never be answered."""
        absent = sorted(set(range(len(labels))) - set(cast("Sequence[int]", targets)))
        if absent:
            raise _invalid(
                f"the training rows have none with the label {labels[absent[0]][:80]!r}. "
                "Add rows of it, or leave the label out"
            )
        return self

    def published(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As trained."""
        return dict(tensors)

    def taken_up(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """As published."""
        return dict(tensors)

    def outputs(self, labels: Sequence[str]) -> int:
        """One output per label."""
        return len(labels)

    def class_weights(self, targets: Sequence[Target], labels: Sequence[str]) -> list[float]:
        """Each label as often as the mean one: mean 1 over rows."""
        counts = [0] * len(labels)
        for target in cast("Sequence[int]", targets):
            counts[target] += 1
        return [len(targets) / (len(labels) * max(count, 1)) for count in counts]

    def strata(self, targets: Sequence[Target], labels: Sequence[str]) -> list[int]:
        """Each row's label."""
        return list(cast("Sequence[int]", targets))

    def tensor(self, targets: Sequence[Target]) -> Tensor:
        """[R] indices."""
        import torch  # noqa: PLC0415 - the web process reads tasks, and it never imports torch

        return torch.tensor(targets)

    def size(self, targets: Sequence[Target]) -> int:
        """One term a row."""
        return len(targets)

    def loss(
        self, logits: Tensor, targets: Tensor, weights: Tensor | None, smoothing: float
    ) -> Tensor:
        """Cross entropy, summed over rows."""
        # not at the top: the web process reads tasks, and it never imports torch
        from torch.nn.functional import cross_entropy  # noqa: PLC0415 - see the line above

        return cross_entropy(
            logits, targets, weight=weights, label_smoothing=smoothing, reduction="sum"
        )

    def guessing_loss(self, labels: Sequence[str]) -> float:
        """Every label alike."""
        return math.log(max(2, len(labels)))

    def answers(self, logits: Tensor) -> Tensor:
        """The probabilities."""
        return self.probabilities(logits)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Softmax over labels."""
        return logits.float().softmax(dim=-1)

    def evaluate(
        self, logits: Tensor, targets: Sequence[Target], labels: Sequence[str]
    ) -> dict[str, Json]:
        """`metrics` of logits."""
        found = self.probabilities(logits).tolist()
        return self.metrics(found, cast("Sequence[int]", targets), labels)

    def answered(
        self,
        logits: Tensor,
        targets: Sequence[Target],
        labels: Sequence[str],
        row_ids: Ints,
    ) -> pa.Table:
        """Both labels by their places."""
        import numpy as np  # noqa: PLC0415 - the web process reads tasks and needs no arrays

        from mlworker.engine.evaluation.predictions import (  # noqa: PLC0415 - same
            Answers,
            answers_of,
        )

        truth = np.array(targets, dtype=np.int64)
        return answers_of(Answers(row_ids, truth, self.probabilities(logits).numpy()))

    def report(self, subject: Subject) -> Findings:
        """All parts: confusion, curves, calibration, baselines and a verdict."""
        from mlworker.engine.evaluation.classes import report  # noqa: PLC0415 - imports torch

        return report(subject)

    def metrics(
        self,
        probabilities: Sequence[Sequence[float]],
        targets: Sequence[int],
        labels: Sequence[str],
    ) -> dict[str, Json]:
        """Accuracy, macro F1, mean log loss, per-class figures and the confusion matrix.

        `confusion[i][j]` counts rows of label i that were called j; None with so many labels that
        only the report's largest cells can be read.
        """
        size = len(labels)
        confusion = [[0] * size for _ in range(size)]
        loss = 0.0
        for row, target in zip(probabilities, targets, strict=True):
            confusion[target][max(range(size), key=row.__getitem__)] += 1
            loss -= math.log(max(row[target], _TINY))
        per_class = {label: _class_figures(confusion, i) for i, label in enumerate(labels)}
        rows = len(targets)
        present = [figures["f1"] for figures in per_class.values() if figures["support"]]
        return {
            "rows": rows,
            "loss": loss / rows if rows else 0.0,
            "accuracy": sum(confusion[i][i] for i in range(size)) / rows if rows else 0.0,
            "macro_f1": sum(present) / len(present) if present else 0.0,
            "per_class": {label: dict(figures) for label, figures in per_class.items()},
            "confusion": ([list(counts) for counts in confusion] if size <= DENSE_LABELS else None),
        }

    def prediction(
        self,
        values: Sequence[float],
        labels: Sequence[str],
        *,
        source: Source | None = None,
        top_k: int | None = None,
        threshold: float | None = None,
    ) -> dict[str, Json]:
        """The best label (null when its score is below `threshold`) and the scores."""
        ranked = sorted(zip(values, labels, strict=True), key=lambda pair: -pair[0])
        score, label = ranked[0]
        shown = ranked if top_k is None else ranked[:top_k]
        return {
            "label": None if threshold is not None and score < threshold else label,
            "score": score,
            "scores": {name: value for value, name in shown},
        }

    def abstains(self, values: Sequence[float], threshold: float) -> bool:
        """No label reaches the threshold."""
        return max(values) < threshold

    def pipeline(
        self,
        values: Sequence[float],
        labels: Sequence[str],
        *,
        source: Source | None = None,
        top_k: int | None = None,
    ) -> list[Json]:
        """Labels and scores, best first."""
        return ranked_scores(values, labels, top_k)


def ranked_scores(values: Sequence[float], labels: Sequence[str], top_k: int | None) -> list[Json]:
    """A text-classification pipeline's list: label and score, best first."""
    pairs = sorted(zip(values, labels, strict=True), key=lambda pair: -pair[0])
    return [{"label": label, "score": rounded(score)} for score, label in pairs[:top_k]]


def _class_figures(confusion: list[list[int]], index: int) -> dict[str, float]:
    hits = confusion[index][index]
    support = sum(confusion[index])
    called = sum(row[index] for row in confusion)
    precision = hits / called if called else 0.0
    recall = hits / support if support else 0.0
    both = precision + recall
    f1 = 2 * precision * recall / both if both else 0.0
    return {"precision": precision, "recall": recall, "f1": f1, "support": float(support)}


def _invalid(reason: str) -> EngineError:
    return invalid_data("Text classification", reason)


TASK = TextClassification()
