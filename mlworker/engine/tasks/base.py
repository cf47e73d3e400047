"""What a task has to say; importable without torch.

A task speaks of whole rows (`level` "row": one line of logits a text) or of each token ("token": a
line for every token, all rows after each other). Everything else of the engine works on lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from mlworker.engine.contracts import EngineError, ErrorCode, Json
from mlworker.engine.tokenizer import EncodedText, TextTokenizer

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

    from mlworker.engine.evaluation.counts import Ints
    from mlworker.engine.evaluation.subject import Findings, Subject

Row = Mapping[str, object]
Target: TypeAlias = "int | float | Sequence[int]"
"""What the head should say of a row: a label's index, a number, a 0 or 1 for each label, or a
tag's index for each token (IGNORED where none is asked)."""

META = "meta"
"""Key of a test row's further columns, an object; no task looks at it."""
IGNORED = -100
"""Target of a token that is not asked, as stock `transformers` marks it."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a task's rows: what it holds and whether a row may lack it."""

    name: str
    kind: Literal["text", "category", "categories", "number", "spans"]
    required: bool


@dataclass(frozen=True, slots=True)
class Stock:
    """How stock `transformers` and `peft` name a model of the task."""

    architecture: str
    peft: str
    problem: str | None
    """`problem_type` of the configuration; None where the architecture has but one."""
    function: str
    """What turns logits into scores, in a pipeline's words: softmax, sigmoid or none."""


@dataclass(frozen=True, slots=True)
class Source:
    """The text an answer speaks of, and its tokens; only tasks of level "token" need it."""

    text: str
    encoded: EncodedText


class Task(Protocol):
    """Row schema, tokenizing, head, loss, metrics, report, prediction and widget of one task."""

    @property
    def name(self) -> str:
        """Its id in the API."""
        ...

    @property
    def title(self) -> str:
        """Its name in sentences."""
        ...

    @property
    def widget(self) -> str:
        """Name of the component with which the web page shows a prediction."""
        ...

    @property
    def level(self) -> Literal["row", "token"]:
        """What a line of logits speaks of."""
        ...

    @property
    def columns(self) -> tuple[Column, ...]:
        """Its rows."""
        ...

    @property
    def primary_metric(self) -> str:
        """Key of `evaluate` that early stopping and comparison look at; higher is better."""
        ...

    @property
    def headline(self) -> tuple[str, ...]:
        """Keys of `evaluate` that a model card and a list of models show."""
        ...

    @property
    def stock(self) -> Stock:
        """Its models in stock libraries."""
        ...

    @property
    def fewest_labels(self) -> int:
        """How many labels a dataset must have to be trained on."""
        ...

    @property
    def unused(self) -> frozenset[str]:
        """Hyper-parameters that mean nothing to the task."""
        ...

    @property
    def options(self) -> frozenset[str]:
        """Which of `top_k` and `threshold` a call may give."""
        ...

    def labels(self, rows: Sequence[Row]) -> tuple[str, ...]:
        """The label set of a dataset, as people name it."""
        ...

    def head_labels(self, labels: Sequence[str]) -> tuple[str, ...]:
        """Names of the head's outputs for a dataset's labels."""
        ...

    def check(self, rows: Sequence[Row], labels: Sequence[str]) -> None:
        """EngineError(invalid_data) that names the first row which cannot be trained on."""
        ...

    def encode(
        self, tokenizer: TextTokenizer, rows: Sequence[Row], max_length: int
    ) -> list[EncodedText]:
        """Model inputs of the rows."""
        ...

    def targets(
        self, rows: Sequence[Row], labels: Sequence[str], encoded: Sequence[EncodedText]
    ) -> Sequence[Target]:
        """What the head should say, one target a row."""
        ...

    def fitted(self, targets: Sequence[Target], labels: Sequence[str]) -> Task:
        """The task as a run trains it, with what it learns from the training rows beforehand.

        EngineError(invalid_data) when these targets cannot teach.
        """
        ...

    def published(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Trained tensors as the artifact holds them: what `fitted` has added is worked in."""
        ...

    def taken_up(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Tensors of an artifact as this run trains them: what `published` undoes."""
        ...

    def outputs(self, labels: Sequence[str]) -> int:
        """Width of the head."""
        ...

    def class_weights(
        self, targets: Sequence[Target], labels: Sequence[str]
    ) -> Sequence[float] | None:
        """What `class_weights: balanced` hands to `loss`."""
        ...

    def strata(self, targets: Sequence[Target], labels: Sequence[str]) -> list[int]:
        """A number for each row: folds get rows of each number in the same shares."""
        ...

    def tensor(self, targets: Sequence[Target]) -> Tensor:
        """Targets of some rows as `loss` takes them."""
        ...

    def size(self, targets: Sequence[Target]) -> int:
        """How many terms `loss` sums over these rows; what the trainer divides by."""
        ...

    def loss(
        self, logits: Tensor, targets: Tensor, weights: Tensor | None, smoothing: float
    ) -> Tensor:
        """Sum of the losses (the trainer divides): a line of logits for each line of targets."""
        ...

    def guessing_loss(self, labels: Sequence[str]) -> float:
        """Mean loss of somebody who knows nothing: training far above it is lost."""
        ...

    def answers(self, logits: Tensor) -> Tensor:
        """Logits to the numbers that travel to whoever asked, a line each, float32."""
        ...

    def evaluate(
        self, logits: Tensor, targets: Sequence[Target], labels: Sequence[str]
    ) -> dict[str, Json]:
        """Figures of an evaluation; contains `loss`, `rows` and the primary metric."""
        ...

    def answered(
        self,
        logits: Tensor,
        targets: Sequence[Target],
        labels: Sequence[str],
        row_ids: Ints,
    ) -> pa.Table:
        """Answers beside what is true, a line a row: the columns of `Findings.answers`."""
        ...

    def report(self, subject: Subject) -> Findings:
        """The parts of an evaluation report that make sense for the task, and the rows' answers."""
        ...

    def prediction(
        self,
        values: Sequence[float],
        labels: Sequence[str],
        *,
        source: Source | None = None,
        top_k: int | None = None,
        threshold: float | None = None,
    ) -> dict[str, Json]:
        """One answer in the API's shape, from a row's `answers`."""
        ...

    def abstains(self, values: Sequence[float], threshold: float) -> bool:
        """Whether an answer says nothing at this threshold, and is free."""
        ...

    def pipeline(
        self,
        values: Sequence[float],
        labels: Sequence[str],
        *,
        source: Source | None = None,
        top_k: int | None = None,
    ) -> list[Json]:
        """One answer as a Hugging Face pipeline gives it."""
        ...


def invalid_data(title: str, reason: str) -> EngineError:
    """The refusal of rows that a task cannot train on."""
    return EngineError(ErrorCode.INVALID_DATA, f"{title} cannot start: {reason}.")


def texts_of(rows: Sequence[Row], title: str) -> list[str]:
    """The column `text` of every row; EngineError(invalid_data) names the first without one."""
    texts = []
    for number, row in enumerate(rows, start=1):
        text = row.get("text")
        if not isinstance(text, str) or not text.strip():
            raise invalid_data(title, f"row {row.get('row_id', number)} has no text")
        texts.append(text)
    return texts


def rounded(value: float) -> float:
    """A score as answers print it."""
    return round(value, 6)
