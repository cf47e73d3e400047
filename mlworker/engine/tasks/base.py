"""What a task has to say; importable without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from mlworker.engine.contracts import Json
from mlworker.engine.tokenizer import EncodedText, TextTokenizer

if TYPE_CHECKING:
    from torch import Tensor

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a task's rows: what it holds and whether a row may lack it."""

    name: str
    kind: Literal["text", "category"]
    required: bool


class Task(Protocol):
    """Row schema, tokenizing, head, loss, metrics, prediction and widget of one task."""

    name: str
    title: str
    widget: str
    """Name of the component with which the web page shows a prediction."""
    columns: tuple[Column, ...]
    primary_metric: str
    """Key of `metrics` that early stopping and comparison look at; higher is better."""

    def labels(self, rows: Sequence[Row]) -> tuple[str, ...]:
        """The label set of a dataset, in the order of the head's outputs."""
        ...

    def check(self, rows: Sequence[Row], labels: Sequence[str]) -> None:
        """EngineError(invalid_data) that names the first row which cannot be trained on."""
        ...

    def encode(
        self, tokenizer: TextTokenizer, rows: Sequence[Row], max_length: int
    ) -> list[EncodedText]:
        """Model inputs of the rows."""
        ...

    def targets(self, rows: Sequence[Row], labels: Sequence[str]) -> list[int]:
        """What the head should say, one target a row."""
        ...

    def outputs(self, labels: Sequence[str]) -> int:
        """Width of the head."""
        ...

    def loss(
        self, logits: Tensor, targets: Tensor, weights: Tensor | None, smoothing: float
    ) -> Tensor:
        """Sum of the rows' losses (the trainer divides): logits [R, C], targets [R]."""
        ...

    def probabilities(self, logits: Tensor) -> Tensor:
        """Logits [R, C] to what a customer sees, float32."""
        ...

    def metrics(
        self,
        probabilities: Sequence[Sequence[float]],
        targets: Sequence[int],
        labels: Sequence[str],
    ) -> dict[str, Json]:
        """Figures of an evaluation; contains `loss`, `rows` and the primary metric."""
        ...

    def prediction(
        self,
        probabilities: Sequence[float],
        labels: Sequence[str],
        *,
        top_k: int | None = None,
        threshold: float | None = None,
    ) -> dict[str, Json]:
        """One answer in the API's shape."""
        ...
