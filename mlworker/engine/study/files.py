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

from mlworker.engine.study.confident import Floats, Ints, LabelErrors

FOLDER = "cross_validation"
PREDICTIONS = "out_of_fold.parquet"


@dataclass(frozen=True)
class OutOfFold:
    """What each training row was called by the model that had not seen it."""

    row_ids: Ints
    folds: Ints
    targets: Ints
    probabilities: Floats
    errors: LabelErrors
    labels: Sequence[str]


def out_of_fold_write(found: OutOfFold, path: Path) -> None:
    """Write it; `quality` and `suggested` are null where the label seems right."""
    rows = len(found.targets)
    quality = np.full(rows, np.nan)
    suggested = np.full(rows, -1, dtype=np.int64)
    quality[found.errors.rows] = found.errors.scores
    suggested[found.errors.rows] = found.errors.suggested
    fine = np.isnan(quality)
    called = found.probabilities.argmax(axis=1)
    lines = np.arange(rows)
    table = pa.table(
        {
            "row_id": pa.array(found.row_ids, pa.int64()),
            "fold": pa.array(found.folds, pa.int32()),
            "label": pa.array(found.targets, pa.int32()),
            "predicted": pa.array(called, pa.int32()),
            "score": pa.array(found.probabilities[lines, called], pa.float32()),
            "label_score": pa.array(found.probabilities[lines, found.targets], pa.float32()),
            "suggested": pa.array(suggested, pa.int32(), mask=fine),
            "quality": pa.array(quality, pa.float32(), mask=fine),
        }
    )
    table = table.replace_schema_metadata({"labels": json.dumps(list(found.labels))})
    pq.write_table(table, path, compression="zstd")


def label_errors_read(source: BinaryIO) -> pa.Table:
    """The rows that are likely labelled wrongly, the likeliest first."""
    table = pq.read_table(source)
    chosen = table.filter(pa.compute.is_valid(table["quality"]))
    return chosen.sort_by([("quality", "ascending"), ("row_id", "ascending")])
