"""The out-of-fold predictions of a study, one line a row, as Parquet. No torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mlworker.engine.study.confident import Ints, LabelErrors

FOLDER = "cross_validation"
PREDICTIONS = "out_of_fold.parquet"


@dataclass(frozen=True)
class OutOfFold:
    """What each training row was called by the model that had not seen it."""

    answers: pa.Table
    """Of `Task.answered`, in the order of the rows."""
    folds: Ints
    errors: LabelErrors | None
    labels: Sequence[str]


def out_of_fold_write(found: OutOfFold, path: Path) -> None:
    """Write it; `quality` and `suggested` are null where the label seems right."""
    table = found.answers.add_column(1, "fold", pa.array(found.folds, pa.int32()))
    if found.errors is not None:
        rows = len(found.folds)
        quality = np.full(rows, np.nan)
        suggested = np.full(rows, -1, dtype=np.int64)
        quality[found.errors.rows] = found.errors.scores
        suggested[found.errors.rows] = found.errors.suggested
        fine = np.isnan(quality)
        table = table.append_column("suggested", pa.array(suggested, pa.int32(), mask=fine))
        table = table.append_column("quality", pa.array(quality, pa.float32(), mask=fine))
    table = table.replace_schema_metadata({"labels": json.dumps(list(found.labels))})
    pq.write_table(table, path, compression="zstd")


def label_errors_read(source: BinaryIO) -> pa.Table | None:
    """The rows that are likely labelled wrongly, the likeliest first; None where none are sought.

    That is so in tasks whose rows have no one label.
    """
    table = pq.read_table(source)
    if "quality" not in table.column_names:
        return None
    chosen = table.filter(pa.compute.is_valid(table["quality"]))
    return chosen.sort_by([("quality", "ascending"), ("row_id", "ascending")])
