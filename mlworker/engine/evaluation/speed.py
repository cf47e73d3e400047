"""How fast the finished model answers here: measured with the engine that serves it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median

import torch

from mlworker.engine.contracts import Json
from mlworker.engine.inference.resident import Resident, TokenRow

_SINGLES = 40
_SINGLE_SECONDS = 1.0
_WARM = 3
_BATCH = 64
_BATCHES = 8
_BATCH_SECONDS = 1.5


def measure_speed(
    resident: Resident, ids: Sequence[Sequence[int]], between: Callable[[], None]
) -> dict[str, Json]:
    """Milliseconds of a lone call (median, 95th percentile) and rows/s in batches of 64.

    Of the model in slot 0, in the number format that this machine serves it in.
    """
    rows = [TokenRow(row, 0) for row in ids]
    for row in rows[:_WARM]:
        resident.forward([row])
    singles: list[float] = []
    begun = time.perf_counter()
    for row in rows[:_SINGLES]:
        at = time.perf_counter()
        resident.forward([row])
        singles.append((time.perf_counter() - at) * 1000)
        between()
        if time.perf_counter() - begun > _SINGLE_SECONDS:
            break
    done, spent = 0, 0.0
    for start in range(0, min(len(rows), _BATCH * _BATCHES), _BATCH):
        at = time.perf_counter()
        part = rows[start : start + _BATCH]
        resident.forward(part)
        done, spent = done + len(part), spent + time.perf_counter() - at
        between()
        if spent > _BATCH_SECONDS:
            break
    return {
        "p50_ms": round(median(singles), 3),
        "p95_ms": round(sorted(singles)[int(0.95 * (len(singles) - 1))], 3),
        "rows_per_second": round(done / max(spent, 1e-9), 1),
        "calls": len(singles),
        "rows": done,
        "threads": torch.get_num_threads(),
        "device": str(resident.bert.pooler.weight.device),
        "precision": resident.precision(0),
    }
