"""A model's logits on a split, in the split's own order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from mlworker.engine.contracts import Json
from mlworker.engine.data.batches import micro_batches, plan_batches
from mlworker.engine.data.packing import TRAINING, PackedRows, pack_rows
from mlworker.engine.data.rows import EncodedSplit
from mlworker.engine.device import ByDevice
from mlworker.engine.tasks.base import Task
from mlworker.engine.training.lanes import beside, read_together
from mlworker.engine.training.pace import Pace

EVAL_TOKENS = ByDevice(cpu=2_048, accelerator=16_384)
"""Tokens read at once where nothing is learned."""


def collect(
    ids: Sequence[Sequence[int]],
    forward: Callable[[PackedRows], Tensor],
    pace: Pace,
    device: torch.device,
    level: Literal["row", "token"] = "row",
) -> Tensor:
    """`forward` of every row, [R, ...] float32 on the CPU in the order of `ids`.

    `forward` answers in packed order, a line a row or, at level "token", a line a token: then the
    result is [T, ...], all rows after each other. Rows are read longest last, so that an
    interrupted pass has done the cheap ones.
    """
    lengths = [len(row) for row in ids]
    ends = torch.tensor(lengths).cumsum(0)
    starts = ends - torch.tensor(lengths)

    def read(rows: list[int]) -> tuple[Tensor, Tensor]:
        packed = pack_rows([ids[index] for index in rows], device, TRAINING.on(device))
        with torch.inference_mode():
            part = forward(packed).float().cpu()
        if level == "row":
            return torch.tensor([rows[place] for place in packed.order]), part
        first = starts[[rows[place] for place in packed.order]]
        places = first.index_select(0, packed.row_of_token.cpu())
        return places + packed.positions[: packed.tokens].cpu(), part

    out: Tensor | None = None
    budget = EVAL_TOKENS.on(device)
    for batch in plan_batches(lengths, token_budget=budget):
        for micro in micro_batches(batch, lengths, pace.micro_tokens(budget)):
            pace.begin()
            for places, part in beside(read, read_together(micro, lengths, device)):
                if out is None:
                    out = torch.empty(
                        len(ids) if level == "row" else int(ends[-1]), *part.shape[1:]
                    )
                out[places] = part[: len(places)]
            pace.end(sum(lengths[index] for index in micro))
    if out is None:
        raise ValueError("collect needs at least one row")
    return out


def metrics_of(
    task: Task, logits: Tensor, split: EncodedSplit, labels: Sequence[str]
) -> dict[str, Json]:
    """The task's figures for the logits of a split."""
    return task.evaluate(logits, split.targets, labels)
