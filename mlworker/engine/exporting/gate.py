"""The gate that 8 bits have to pass: both files answer rows that the model never learned from.

What is measured is the task's own: its first figure, as its evaluation counts it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from mlworker.engine.artifact_manifest import ArtifactManifest
from mlworker.engine.data.batches import plan_batches
from mlworker.engine.exporting.contracts import MAX_LOSS
from mlworker.engine.exporting.onnx import INPUTS
from mlworker.engine.tasks import task_named
from mlworker.engine.tasks.base import Task
from mlworker.engine.tasks.multi_label_classification import THRESHOLD
from mlworker.engine.tokenizer import TextTokenizer

_TOKENS: Final = 2_048
_BATCH: Final = 64


@dataclass(frozen=True, slots=True)
class Gate:
    """What int8 costs and brings, on rows with known answers."""

    rows: int
    split: str
    metric: str
    """The figure that is compared: the task's first one, higher is better."""
    score: float
    score_int8: float
    agreement: float | None
    """Share of the rows on which both say the same; None where answers are numbers."""
    speed_up: float
    """Time of float32 over time of int8, one thread of the exporting machine."""

    @property
    def passed(self) -> bool:
        """Whether 8 bits answer well enough. A figure that is no number passes nothing."""
        return self.score - self.score_int8 <= MAX_LOSS


def gate_run(
    full: Path, small: Path, tokenizer: TextTokenizer, rows: Path, manifest: ArtifactManifest
) -> Gate:
    """Answer the rows with both files and compare."""
    lines = [json.loads(line) for line in rows.read_text("utf-8").splitlines()]
    task, labels = task_named(manifest.task), manifest.labels
    encoded = task.encode(tokenizer, lines, manifest.max_length)
    targets = task.targets(lines, labels, encoded)
    ids = [item.ids for item in encoded]
    found, seconds = _logits(full, ids, task.level)
    found_small, seconds_small = _logits(small, ids, task.level)
    figures = [task.evaluate(torch.cat(each), targets, labels) for each in (found, found_small)]
    score, score_int8 = (float(each[task.primary_metric]) for each in figures)  # type: ignore[arg-type]  # a number, says the task
    return Gate(
        rows=len(lines),
        split=str(lines[0]["split"]),
        metric=task.primary_metric,
        score=score,
        score_int8=score_int8,
        agreement=agreement(task, found, found_small),
        speed_up=seconds / seconds_small,
    )


def agreement(task: Task, found: Sequence[Tensor], other: Sequence[Tensor]) -> float | None:
    """Share of the rows whose logits come down to the same; None where answers are numbers."""
    if task.stock.function == "none":
        return None
    pairs = zip(found, other, strict=True)
    same = [torch.equal(_said(task, one), _said(task, two)) for one, two in pairs]
    return sum(same) / len(same)


def _said(task: Task, logits: Tensor) -> Tensor:
    """What a row's logits come down to: the labels that hold, or the best one of each line."""
    return (
        logits.sigmoid() >= THRESHOLD if task.stock.function == "sigmoid" else logits.argmax(dim=-1)
    )


def _logits(model: Path, rows: Sequence[Sequence[int]], level: str) -> tuple[list[Tensor], float]:
    """Each row's lines of logits, without what is padding, and the seconds of all."""
    import onnxruntime  # noqa: PLC0415 # only int8 needs it

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    answers: list[Tensor] = [torch.empty(0)] * len(rows)
    begin = time.perf_counter()
    for batch in plan_batches([len(row) for row in rows], token_budget=_TOKENS, max_rows=_BATCH):
        width = max(len(rows[place]) for place in batch)
        ids = np.zeros((len(batch), width), dtype=np.int64)
        mask = np.zeros_like(ids)
        for line, place in enumerate(batch):
            ids[line, : len(rows[place])] = rows[place]
            mask[line, : len(rows[place])] = 1
        logits = session.run(["logits"], dict(zip(INPUTS, (ids, mask), strict=True)))[0]
        for line, place in enumerate(batch):
            own = logits[line, : len(rows[place])] if level == "token" else logits[line : line + 1]
            answers[place] = torch.from_numpy(np.array(own, dtype=np.float32))
    return answers, time.perf_counter() - begin
