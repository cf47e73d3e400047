"""Case `int8`: the engine with products in 8 bits / in float32, and what it costs in accuracy.

The rows are the shipped model's own test rows, from which it learned nothing. bf16 runs beside.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from mlworker.engine.artifact import load_artifact
from mlworker.engine.base.locate import locate_base
from mlworker.engine.bench.samples import BASE
from mlworker.engine.contracts import Json
from mlworker.engine.device import keep_freed_memory
from mlworker.engine.inference import Resident, TokenRow
from mlworker.engine.inference.lanes import Precision
from mlworker.engine.shipped import build_splits

TARGET = 2.5
ALLOWED_LOSS = 0.005
_FORMATS: tuple[Precision, ...] = ("float32", "int8", "bfloat16")
_BATCH = 64
_SETTLED = 2.0
"""Seconds in which a model that has had batches to itself gets its merged copy."""


def int8_case(data: Path, shipped: Path, *, threads: int, rounds: int = 5) -> dict[str, Json]:
    """One JSON line of the bench; `ok` needs the accuracy too."""
    keep_freed_memory()
    torch.set_num_threads(threads)
    pairs = build_splits(data)["test"]
    artifact = load_artifact(shipped)
    base = locate_base(BASE)
    residents = {name: Resident.open(base, slots=1, precision=name) for name in _FORMATS}
    for resident in residents.values():
        resident.load(0, artifact)
    first = residents["float32"]
    encoded = first.tokenizer.encode([text for text, _ in pairs], first.max_length(0))
    order = sorted(range(len(pairs)), key=lambda index: len(encoded[index].ids))
    truth = [first.labels(0).index(pairs[index][1]) for index in order]
    rows = [TokenRow(encoded[index].ids, 0) for index in order]
    for resident in residents.values():
        _answers(resident, rows)
    time.sleep(_SETTLED)
    said = {name: _answers(resident, rows)[0] for name, resident in residents.items()}
    seconds: dict[str, list[float]] = {name: [] for name in residents}
    for _ in range(rounds):
        for name, resident in residents.items():
            seconds[name].append(_answers(resident, rows)[1])
    accuracy = {name: _share(found, truth) for name, found in said.items()}
    loss = accuracy["float32"] - accuracy["int8"]
    value = _ratio(seconds["float32"], seconds["int8"])
    return {
        "bar": "int8",
        "value": value,
        "target": TARGET,
        "ok": value >= TARGET and loss <= ALLOWED_LOSS,
        "detail": {
            "accuracy": {name: round(each, 4) for name, each in accuracy.items()},
            "agreement": {name: _share(found, said["float32"]) for name, found in said.items()},
            "loss": loss,
            "rows_per_second": {
                name: round(len(rows) / statistics.median(each), 1)
                for name, each in seconds.items()
            },
            "best_of_each": min(seconds["float32"]) / min(seconds["int8"]),
            "bfloat16_over_float32": _ratio(seconds["float32"], seconds["bfloat16"]),
            "rows": len(rows),
            "threads": threads,
        },
    }


def _answers(resident: Resident, rows: Sequence[TokenRow]) -> tuple[list[int], float]:
    """Which label each row gets, and the seconds of all."""
    found: list[list[float]] = []
    since = time.perf_counter()
    for start in range(0, len(rows), _BATCH):
        found += resident.forward(rows[start : start + _BATCH])
    seconds = time.perf_counter() - since
    return [max(range(len(row)), key=row.__getitem__) for row in found], seconds


def _share(found: Sequence[int], expected: Sequence[int]) -> float:
    pairs = list(zip(found, expected, strict=True))
    return sum(one == two for one, two in pairs) / len(pairs)


def _ratio(slow: Sequence[float], fast: Sequence[float]) -> float:
    return statistics.median(one / two for one, two in zip(slow, fast, strict=True))
