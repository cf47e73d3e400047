"""A model's probabilities on a split, in the split's own order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from mlworker.engine.contracts import Json
from mlworker.engine.data.batches import micro_batches, plan_batches
from mlworker.engine.data.packing import COARSE, PackedRows, pack_rows
from mlworker.engine.data.rows import EncodedSplit
from mlworker.engine.tasks.base import Task
from mlworker.engine.training.pace import Pace

EVAL_TOKENS = 2048


def collect(
    ids: Sequence[Sequence[int]],
    forward: Callable[[PackedRows], Tensor],
    pace: Pace,
    device: torch.device,
) -> Tensor:
    """`forward` of every row, [R, ...] float32 on the CPU in the order of `ids`.

    `forward` answers in packed order. Rows are read longest last, so that an interrupted pass has
    done the cheap ones.
    """
    lengths = [len(row) for row in ids]
    out: Tensor | None = None
    for batch in plan_batches(lengths, token_budget=EVAL_TOKENS):
        for micro in micro_batches(batch, lengths, pace.micro_tokens(EVAL_TOKENS)):
            pace.begin()
            packed = pack_rows([ids[index] for index in micro], device, COARSE)
            with torch.inference_mode():
                part = forward(packed).index_select(0, packed.inverse).float().cpu()
            if out is None:
                out = torch.empty(len(ids), *part.shape[1:])
            out[torch.tensor(micro)] = part
            pace.end(sum(lengths[index] for index in micro))
    if out is None:
        raise ValueError("collect needs at least one row")
    return out


def metrics_of(
    task: Task, logits: Tensor, split: EncodedSplit, labels: Sequence[str]
) -> dict[str, Json]:
    """The task's figures for logits [R, C] of a split."""
    return task.metrics(task.probabilities(logits).tolist(), split.targets, labels)
