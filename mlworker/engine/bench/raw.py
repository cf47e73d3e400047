"""The engine's own forward in a bare loop: what all serving overhead is measured against."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mlworker.engine.adapters.merge import merged
from mlworker.engine.artifact import Artifact
from mlworker.engine.base.bert import Bert
from mlworker.engine.data.packing import COARSE, EXACT, pack_rows
from mlworker.engine.heads import attention_feature, query_of

_WARM = 3


@dataclass(frozen=True, slots=True)
class RawResult:
    """Figures of one loop; core_ms counts the CPU time of all threads of this process."""

    rows: int
    rows_per_second: float
    core_ms_per_row: float
    p50_ms: float
    """Median wall time of one call."""
    probabilities: list[list[float]]
    """In the order of the rows given, to be checked equal before speeds are compared."""


def raw_model(bert: Bert, artifact: Artifact) -> Callable[[Sequence[Sequence[int]]], Tensor]:
    """A function from token rows to probabilities with the adapter merged into the base."""
    model = merged(bert, artifact)
    device = bert.pooler.weight.device
    weight, bias = (artifact.tensors[name].to(device) for name in ("head.weight", "head.bias"))
    layers = artifact.manifest.layers
    grain = EXACT if bert.pooler.weight.dtype == torch.float32 else COARSE

    def run(rows: Sequence[Sequence[int]]) -> Tensor:
        packed = pack_rows(rows, device, grain)
        if artifact.manifest.pooling == "cls":
            first = model(packed, first_tokens=True)
            pooled = torch.tanh(model.pooler(first)).float()
        else:
            hidden = model(packed, layers=layers)
            query = query_of(artifact.tensors, model.config).to(device)
            pooled = attention_feature(hidden, packed, query, model.config.layer_norm_eps)
        logits = pooled @ weight.t() + bias
        return logits.softmax(dim=-1).index_select(0, packed.inverse)

    return run


def raw_loop(
    run: Callable[[Sequence[Sequence[int]]], Tensor],
    rows: Sequence[Sequence[int]],
    *,
    batch: int = 64,
) -> RawResult:
    """Sorted batches of `batch` rows; 1 measures the idle case."""
    order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    cuts = [order[start : start + batch] for start in range(0, len(order), batch)]
    answers: list[list[float]] = [[] for _ in rows]
    with torch.inference_mode():
        for cut in cuts[:_WARM]:
            run([rows[index] for index in cut])
        times: list[float] = []
        cpu, wall = time.process_time(), time.perf_counter()
        for cut in cuts:
            since = time.perf_counter()
            found = run([rows[index] for index in cut]).tolist()
            times.append(time.perf_counter() - since)
            for index, row in zip(cut, found, strict=True):
                answers[index] = row
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return RawResult(
        rows=len(rows),
        rows_per_second=len(rows) / wall,
        core_ms_per_row=1000 * cpu / len(rows),
        p50_ms=1000 * statistics.median(times),
        probabilities=answers,
    )
