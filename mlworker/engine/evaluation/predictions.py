"""The answers behind a report, one line a row, as Parquet. No torch: the web process reads them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from mlworker.engine.evaluation.counts import Floats, Ints

TOP = 20
"""Scores kept of a row: all of them up to so many labels, else the highest."""
_PART = 5_000_000
"""Scores that are sorted at a time."""


@dataclass(frozen=True)
class Answers:
    """What a model said of the rows of one split. Labels are indices."""

    row_ids: Ints
    targets: Ints
    probabilities: npt.NDArray[np.float32]
    """[R, C]"""

    @property
    def called(self) -> Ints:
        """The label with the highest score."""
        return np.asarray(self.probabilities.argmax(axis=1), dtype=np.int64)

    @property
    def scores(self) -> Floats:
        """The highest score."""
        return np.asarray(self.probabilities.max(axis=1), dtype=np.float64)

    @property
    def label_scores(self) -> Floats:
        """What the true label was given."""
        picked = self.probabilities[np.arange(len(self.targets)), self.targets]
        return np.asarray(picked, dtype=np.float64)


def answers_of(answers: Answers) -> pa.Table:
    """The rows as they come, without the scores of other labels."""
    return pa.table(
        {
            "row_id": pa.array(answers.row_ids, pa.int64()),
            "label": pa.array(answers.targets, pa.int32()),
            "predicted": pa.array(answers.called, pa.int32()),
            "score": pa.array(answers.scores, pa.float32()),
            "label_score": pa.array(answers.label_scores, pa.float32()),
        }
    )


def predictions_table(answers: Answers) -> pa.Table:
    """The rows by number; columns as in `predictions_read`."""
    order = np.argsort(answers.row_ids, kind="stable")
    shares = answers.probabilities[order]
    width = min(TOP, shares.shape[1])
    top = np.concatenate([_highest(part, width) for part in _parts(shares)])
    kept = np.take_along_axis(shares, top.astype(np.int64), axis=1)
    table = answers_of(answers).take(pa.array(order))
    tops = {
        "top_labels": pa.FixedSizeListArray.from_arrays(pa.array(top.ravel()), width),
        "top_scores": pa.FixedSizeListArray.from_arrays(pa.array(kept.ravel()), width),
    }
    for name, column in tops.items():
        table = table.append_column(name, column)
    return table


def predictions_write(table: pa.Table, path: Path) -> None:
    """Write the answers of a split."""
    pq.write_table(table, path, compression="zstd")


def predictions_read(source: BinaryIO) -> pa.Table:
    """row_id, label, predicted, score, label_score: what finding rows needs, by row number."""
    return pq.read_table(source, columns=["row_id", "label", "predicted", "score", "label_score"])


def _parts(shares: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    """Rows in parts: places of all scores at once would take twice the scores' own memory."""
    return np.array_split(shares, max(1, shares.size // _PART))


def _highest(shares: npt.NDArray[np.float32], width: int) -> npt.NDArray[np.int32]:
    """Places of the highest scores of each row, the highest first."""
    found = np.argpartition(-shares, width - 1, axis=1)[:, :width]
    order = np.argsort(-np.take_along_axis(shares, found, axis=1), axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1).astype(np.int32)
