"""What an evaluation is about, and what a task makes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from torch import Tensor

from mlworker.engine.base.bert import Bert
from mlworker.engine.contracts import Json
from mlworker.engine.data.rows import EncodedSplit
from mlworker.engine.evaluation.counts import Floats, Ints
from mlworker.engine.tasks.base import Row
from mlworker.engine.training.setup import Setup, Trained


@dataclass(frozen=True)
class Subject:
    """A finished run and the split it is judged on."""

    setup: Setup
    trained: Trained
    name: str
    """Of the split."""
    split: EncodedSplit
    logits: Tensor
    rows: Sequence[Row]
    row_ids: Ints
    train: Sequence[Row]
    """Training rows, as the run has cut them."""
    bert: Bert
    """The base as it came."""

    @property
    def seed(self) -> int:
        """The run's own."""
        return self.setup.config.seed

    @property
    def look(self) -> Callable[[], None]:
        """To be called between two pieces of work, so that a stop is heard."""
        return self.setup.pace.look

    @property
    def patient(self) -> bool:
        """Whether baselines take as long as they take."""
        return self.setup.spec.patient_baselines

    @property
    def lengths(self) -> Ints:
        """Characters of each row's text."""
        return np.array([len(str(row["text"])) for row in self.rows], dtype=np.int64)

    @property
    def cut(self) -> Ints:
        """1 where the text was longer than what the model reads.

        A row as long as may be has most likely been cut; that one in many was not matters little.
        """
        config = self.setup.config
        limit = min(config.max_length, self.setup.bert.config.max_position_embeddings)
        return np.array([len(ids) >= limit for ids in self.split.ids], dtype=np.int64)


@dataclass(frozen=True)
class Scored:
    """What each row adds to a figure that is a quotient of sums: accuracy, F1, a mean error."""

    figure: str
    higher_is_better: bool
    above: Floats
    """[R]"""
    below: Floats
    """[R]"""
    cases: Floats
    """[R]: of how many cases the figure is a share; 0 where it is none."""


@dataclass(frozen=True)
class Findings:
    """A task's parts of the report, and its answers row by row."""

    parts: dict[str, Json]
    answers: pa.Table
    """By row number: row_id, label, predicted, score, label_score, and what else the task keeps."""
    scored: Scored
    """What the rows are worth, for slices by further columns."""


def answers_table(
    row_ids: Ints,
    label: Sequence[str],
    predicted: Sequence[str],
    *,
    score: Sequence[float],
    label_score: Sequence[float],
) -> pa.Table:
    """Answers that are no single label of a set: both sides as text.

    The lower `label_score`, the worse the answer; rows whose two texts agree are right.
    """
    return pa.table(
        {
            "row_id": pa.array(row_ids, pa.int64()),
            "label": pa.array(label, pa.string()),
            "predicted": pa.array(predicted, pa.string()),
            "score": pa.array(score, pa.float32()),
            "label_score": pa.array(label_score, pa.float32()),
        }
    )
