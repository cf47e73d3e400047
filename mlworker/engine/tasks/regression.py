"""One number for each text: a price, a grade, a degree of agreement.

Numbers are trained in standard deviations from their mean, so that grades of 1 to 5 and prices of
thousands learn at the same rate; the finished head answers in the data's own unit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, cast

from mlworker.engine.contracts import EngineError, Json
from mlworker.engine.tasks.base import (
    Column,
    Row,
    Source,
    Stock,
    Target,
    invalid_data,
    rounded,
    texts_of,
)
from mlworker.engine.tokenizer import EncodedText, TextTokenizer

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

    from mlworker.engine.evaluation.counts import Ints
    from mlworker.engine.evaluation.subject import Findings, Subject
    from mlworker.engine.tasks.base import Task

VALUE = "value"
"""Name of the head's only output."""
LARGEST = 1e30
"""Float32, in which heads are kept, ends at 3e38, and errors are squared."""
STRATA = 10
"""Parts of the numbers that each fold gets rows of."""
_TITLE = "Regression"


@dataclass(frozen=True, slots=True)
class Regression:
    """The task; `fitted` adds what the training numbers are scaled by."""

    mean: float = 0.0
    deviation: float = 1.0

    name: ClassVar[str] = "regression"
    title: ClassVar[str] = _TITLE
    widget: ClassVar[str] = "number"
    level: ClassVar[Literal["row", "token"]] = "row"
    columns: ClassVar[tuple[Column, ...]] = (
        Column("text", "text", required=True),
        Column("label", "number", required=True),
    )
    primary_metric: ClassVar[str] = "r2"
    headline: ClassVar[tuple[str, ...]] = ("r2", "spearman", "mae", "rmse")
    stock: ClassVar[Stock] = Stock("BertForSequenceClassification", "SEQ_CLS", "regression", "none")
    fewest_labels: ClassVar[int] = 0
    unused: ClassVar[frozenset[str]] = frozenset({"class_weights", "label_smoothing"})
    options: ClassVar[frozenset[str]] = frozenset()

    def labels(self, rows: Sequence[Row]) -> tuple[str, ...]:
        """None: numbers are no labels."""
        return ()

    def head_labels(self, labels: Sequence[str]) -> tuple[str, ...]:
        """One output."""
        return (VALUE,)

    def check(self, rows: Sequence[Row], labels: Sequence[str]) -> None:
        """Every row needs a text and a finite number."""
        if tuple(labels) != (VALUE,):
            raise _invalid(f"its one output is named {VALUE!r}, not {list(labels)[:3]}")
        texts_of(rows, _TITLE)
        for number, row in enumerate(rows, start=1):
            _number_of(row, number)

    def encode(
        self, tokenizer: TextTokenizer, rows: Sequence[Row], max_length: int
    ) -> list[EncodedText]:
        """Token ids of the column `text`."""
        return tokenizer.encode([str(row["text"]) for row in rows], max_length)

    def targets(
        self, rows: Sequence[Row], labels: Sequence[str], encoded: Sequence[EncodedText]
    ) -> list[float]:
        """Each row's number, in its own unit."""
        return [_number_of(row) for row in rows]

    def fitted(self, targets: Sequence[Target], labels: Sequence[str]) -> Task:
        """The scale of the training numbers; they must differ."""
        numbers = cast("Sequence[float]", targets)
        mean = math.fsum(numbers) / len(numbers)
        deviation = math.sqrt(math.fsum((one - mean) ** 2 for one in numbers) / len(numbers))
        if not deviation > abs(mean) * 1e-6:
            raise _invalid(
                "all training rows have the same number, or nearly so; there is nothing to learn"
            )
        return Regression(mean, deviation)

    def published(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The head answers in the data's own unit: the scale goes into its weights."""
        return {
            **tensors,
            "head.weight": tensors["head.weight"] * self.deviation,
            "head.bias": tensors["head.bias"] * self.deviation + self.mean,
        }

    def taken_up(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The head speaks in this run's deviations again."""
        return {
            **tensors,
            "head.weight": tensors["head.weight"] / self.deviation,
            "head.bias": (tensors["head.bias"] - self.mean) / self.deviation,
        }

    def outputs(self, labels: Sequence[str]) -> int:
        """One number."""
        return 1

    def class_weights(self, targets: Sequence[Target], labels: Sequence[str]) -> None:
        """There are no classes."""
        return

    def strata(self, targets: Sequence[Target], labels: Sequence[str]) -> list[int]:
        """Which tenth of the numbers a row's lies in."""
        numbers = cast("Sequence[float]", targets)
        found = [0] * len(numbers)
        for rank, row in enumerate(sorted(range(len(numbers)), key=numbers.__getitem__)):
            found[row] = rank * STRATA // len(numbers)
        return found

    def tensor(self, targets: Sequence[Target]) -> Tensor:
        """[R], scaled."""
        import torch  # noqa: PLC0415 - the web process reads tasks, and it never imports torch

        numbers = torch.tensor(targets, dtype=torch.float64)
        return ((numbers - self.mean) / self.deviation).float()

    def size(self, targets: Sequence[Target]) -> int:
        """One term a row."""
        return len(targets)

    def loss(
        self, logits: Tensor, targets: Tensor, weights: Tensor | None, smoothing: float
    ) -> Tensor:
        """Squared error in standard deviations, summed over rows."""
        return (logits[:, 0] - targets).square().sum()

    def guessing_loss(self, labels: Sequence[str]) -> float:
        """The mean for every row."""
        return 1.0

    def answers(self, logits: Tensor) -> Tensor:
        """[R, 1] in the data's own unit."""
        return logits.float() * self.deviation + self.mean

    def evaluate(
        self, logits: Tensor, targets: Sequence[Target], labels: Sequence[str]
    ) -> dict[str, Json]:
        """MAE, RMSE, R2 and Spearman's rank correlation; `loss` is in squared deviations."""
        from mlworker.engine.evaluation.numbers import number_metrics  # noqa: PLC0415 - numpy

        loss = float(self.loss(logits.float(), self.tensor(targets), None, 0.0))
        found = self.answers(logits)[:, 0].tolist()
        numbers = cast("Sequence[float]", targets)
        return {"loss": loss / max(len(targets), 1), **number_metrics(found, numbers)}

    def answered(
        self,
        logits: Tensor,
        targets: Sequence[Target],
        labels: Sequence[str],
        row_ids: Ints,
    ) -> pa.Table:
        """Both numbers as text."""
        from mlworker.engine.evaluation.numbers import answered  # noqa: PLC0415 - numpy

        return answered(self.answers(logits), cast("Sequence[float]", targets), row_ids)

    def report(self, subject: Subject) -> Findings:
        """Errors with intervals, the mean as baseline, worst rows."""
        from mlworker.engine.evaluation.numbers import report  # noqa: PLC0415 - numpy

        return report(subject)

    def prediction(
        self,
        values: Sequence[float],
        labels: Sequence[str],
        *,
        source: Source | None = None,
        top_k: int | None = None,
        threshold: float | None = None,
    ) -> dict[str, Json]:
        """The number."""
        return {"value": values[0]}

    def abstains(self, values: Sequence[float], threshold: float) -> bool:
        """Never."""
        return False

    def pipeline(
        self,
        values: Sequence[float],
        labels: Sequence[str],
        *,
        source: Source | None = None,
        top_k: int | None = None,
    ) -> list[Json]:
        """The number as the score of the one label, as stock pipelines give it."""
        return [{"label": VALUE, "score": rounded(values[0])}]


def _number_of(row: Row, number: int = 0) -> float:
    given = row.get("label")
    try:
        if isinstance(given, bool) or not isinstance(given, int | float | str):
            raise ValueError("no number")
        found = float(given)
    except (ValueError, OverflowError):
        found = math.nan
    if not abs(found) <= LARGEST:
        raise _invalid(f"row {row.get('row_id', number)} has no number as its label")
    return found


def _invalid(reason: str) -> EngineError:
    return invalid_data(_TITLE, reason)


TASK = Regression()
