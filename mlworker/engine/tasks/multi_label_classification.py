"""Any number of labels for each text, none among them: each label is a question of its own."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, cast

from mlworker.engine.contracts import EngineError, Json
from mlworker.engine.tasks.base import (
    Column,
    Row,
    Source,
    Stock,
    Target,
    invalid_data,
    texts_of,
)
from mlworker.engine.tasks.text_classification import MAX_LABELS, ranked_scores
from mlworker.engine.tokenizer import EncodedText, TextTokenizer

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

    from mlworker.engine.evaluation.counts import Ints
    from mlworker.engine.evaluation.subject import Findings, Subject
    from mlworker.engine.tasks.base import Task

THRESHOLD = 0.5
"""A label is given from this probability on."""
_TITLE = "Multi-label classification"


class MultiLabelClassification:
    """The task; it has no state."""

    name = "multi_label_classification"
    title = _TITLE
    widget = "label_bars"
    level: Literal["row", "token"] = "row"
    columns = (Column("text", "text", required=True), Column("label", "categories", required=True))
    primary_metric = "micro_f1"
    headline = ("micro_f1", "macro_f1", "subset_accuracy")
    stock = Stock(
        "BertForSequenceClassification", "SEQ_CLS", "multi_label_classification", "sigmoid"
    )
    fewest_labels = 1
    unused: frozenset[str] = frozenset()
    options = frozenset({"top_k", "threshold"})

    def labels(self, rows: Sequence[Row]) -> tuple[str, ...]:
        """Distinct labels in alphabetical order."""
        return tuple(sorted({label for row in rows for label in _labels_of(row)}))

    def head_labels(self, labels: Sequence[str]) -> tuple[str, ...]:
        """One output per label."""
        return tuple(labels)

    def check(self, rows: Sequence[Row], labels: Sequence[str]) -> None:
        """Every row needs a text and a list of known labels, which may be empty."""
        known = set(labels)
        if not labels or len(known) != len(labels) or len(labels) > MAX_LABELS:
            raise _invalid(f"needs 1 to {MAX_LABELS} different labels, has {len(known)}")
        texts_of(rows, _TITLE)
        for number, row in enumerate(rows, start=1):
            for label in _labels_of(row, number):
                if label not in known:
                    name = row.get("row_id", number)
                    raise _invalid(f"row {name} has the unknown label {label[:80]!r}")

    def encode(
        self, tokenizer: TextTokenizer, rows: Sequence[Row], max_length: int
    ) -> list[EncodedText]:
        """Token ids of the column `text`."""
        return tokenizer.encode([str(row["text"]) for row in rows], max_length)

    def targets(
        self, rows: Sequence[Row], labels: Sequence[str], encoded: Sequence[EncodedText]
    ) -> list[tuple[int, ...]]:
        """1 for each label a row has, 0 for each other."""
        found = []
        for row in rows:
            own = set(_labels_of(row))
            found.append(tuple(int(label in own) for label in labels))
        return found

    def fitted(self, targets: Sequence[Target], labels: Sequence[str]) -> Task:
        """Each label needs a row that has it; one row at least must lack a label."""
        rows = cast("Sequence[Sequence[int]]", targets)
        counts = [sum(column) for column in zip(*rows, strict=True)]
        for label, count in zip(labels, counts, strict=True):
            if count == 0:
                raise _invalid(
                    f"the training rows have none with the label {label[:80]!r}. "
                    "Add rows of it, or leave the label out"
                )
        if min(counts) == len(rows):
            raise _invalid("every training row has every label; there is nothing to tell apart")
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
        """Rows without a label for each row that has it: what its hits count."""
        rows = cast("Sequence[Sequence[int]]", targets)
        counts = [sum(column) for column in zip(*rows, strict=True)]
        return [(len(rows) - count) / max(count, 1) for count in counts]

    def strata(self, targets: Sequence[Target], labels: Sequence[str]) -> list[int]:
        """The rarest of a row's labels; rows without one have a number of their own."""
        rows = cast("Sequence[Sequence[int]]", targets)
        counts = [sum(column) for column in zip(*rows, strict=True)]
        return [
            min(
                (at for at, given in enumerate(row) if given),
                key=lambda at: (counts[at], at),
                default=len(labels),
            )
            for row in rows
        ]

    def tensor(self, targets: Sequence[Target]) -> Tensor:
        """[R, C] of 0 and 1."""
        import torch  # noqa: PLC0415 - the web process reads tasks, and it never imports torch

        return torch.tensor(targets, dtype=torch.float32)

    def size(self, targets: Sequence[Target]) -> int:
        """One term a row: the mean over its labels."""
        return len(targets)

    def loss(
        self, logits: Tensor, targets: Tensor, weights: Tensor | None, smoothing: float
    ) -> Tensor:
        """Binary cross entropy, the mean over labels, summed over rows."""
        from torch.nn.functional import (  # noqa: PLC0415 - see `tensor`
            binary_cross_entropy_with_logits,
        )

        wanted = targets * (1 - smoothing) + smoothing / 2
        each = binary_cross_entropy_with_logits(
            logits, wanted, pos_weight=weights, reduction="none"
        )
        return each.mean(dim=-1).sum()

    def guessing_loss(self, labels: Sequence[str]) -> float:
        """A coin for each label."""
        return math.log(2)

    def answers(self, logits: Tensor) -> Tensor:
        """The probability of each label."""
        return logits.float().sigmoid()

    def evaluate(
        self, logits: Tensor, targets: Sequence[Target], labels: Sequence[str]
    ) -> dict[str, Json]:
        """Micro and macro F1, share of rows with exactly their labels, figures per label."""
        import numpy as np  # noqa: PLC0415 - the web process reads tasks and needs no arrays

        from mlworker.engine.evaluation.labelsets import label_metrics  # noqa: PLC0415 - same

        truth = np.array(targets, dtype=np.int64).reshape(len(targets), len(labels))
        wanted = self.tensor(targets).reshape(logits.shape)
        loss = float(self.loss(logits.float(), wanted, None, 0.0)) / max(len(targets), 1)
        return label_metrics(self.answers(logits).numpy(), truth, labels, THRESHOLD, loss)

    def answered(
        self,
        logits: Tensor,
        targets: Sequence[Target],
        labels: Sequence[str],
        row_ids: Ints,
    ) -> pa.Table:
        """Both label sets as JSON lists."""
        import numpy as np  # noqa: PLC0415 - the web process reads tasks and needs no arrays

        from mlworker.engine.evaluation.labelsets import answered  # noqa: PLC0415 - same

        truth = np.array(targets, dtype=np.int64).reshape(len(targets), len(labels))
        scores = self.answers(logits).numpy().astype(np.float64)
        return answered(scores, truth, labels, THRESHOLD, row_ids)

    def report(self, subject: Subject) -> Findings:
        """F1 with intervals, figures and curves per label, calibration, worst rows."""
        from mlworker.engine.evaluation.labelsets import report  # noqa: PLC0415 - numpy

        return report(subject, THRESHOLD)

    def prediction(
        self,
        values: Sequence[float],
        labels: Sequence[str],
        *,
        source: Source | None = None,
        top_k: int | None = None,
        threshold: float | None = None,
    ) -> dict[str, Json]:
        """The labels from the threshold on (0.5 unless given), best first, and the scores."""
        least = THRESHOLD if threshold is None else threshold
        ranked = sorted(zip(values, labels, strict=True), key=lambda pair: -pair[0])
        return {
            "labels": [label for score, label in ranked if score >= least],
            "scores": {label: score for score, label in ranked[:top_k]},
        }

    def abstains(self, values: Sequence[float], threshold: float) -> bool:
        """Never: "none of these labels" is an answer."""
        return False

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


def _labels_of(row: Row, number: int = 0) -> list[str]:
    """A list of labels, or its JSON text."""
    given = row.get("label")
    try:
        found = json.loads(given) if isinstance(given, str) else given
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(isinstance(label, str) for label in found):
        raise _invalid(f"row {row.get('row_id', number)} has no list of labels")
    return found


def _invalid(reason: str) -> EngineError:
    return invalid_data(_TITLE, reason)


TASK = MultiLabelClassification()
