"""Bar `train_speed`: the naive recipe's time over ours, to the same test accuracy.

A fixed sample of the MR reviews: 2,000 training and 2,132 test rows, stratified, seed 0; both sides
learn from all of the former. Ours runs with the defaults of tier full and chooses by 200 rows more.

Either side's accuracy is a mean over the same seeds: one seed moves by half a point and more. The
naive recipe counts with the epoch whose mean is best, and with its time up to that epoch.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

import torch

from mlworker.engine.base.locate import locate_base
from mlworker.engine.bench.busy import gpu_busy
from mlworker.engine.bench.naive import NaiveResult, naive_fine_tune
from mlworker.engine.bench.samples import BASE, Sample, accuracy_of, fine_tune, mr_sample
from mlworker.engine.contracts import Json
from mlworker.engine.device import device_name, pick_device

TARGET = 10.0
_ALLOWED_LOSS = 0.005


def train_speed_case(
    path: Path,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    naive_epochs: int = 3,
    threads: int = 2,
    full: bool = False,
    tier: str = "full",
) -> dict[str, Json]:
    """One JSON line of the bench: bar, value, target, ok, detail.

    The naive recipe trains for `naive_epochs` (5 when `full`). Its time hardly varies: the first
    seed is timed as the recipe stands, the others only reach their accuracy. `ok` also needs our
    mean accuracy within half a point of the naive one.
    """
    torch.set_num_threads(threads)
    sample = mr_sample(path, full=full)
    with gpu_busy() as naive_busy:
        naive = _naive(sample, 5 if full else naive_epochs, seeds)
    by_epoch = [statistics.mean(found) for found in zip(*(n.accuracy for n in naive), strict=True)]
    best = max(range(len(by_epoch)), key=by_epoch.__getitem__)
    naive_seconds = naive[0].seconds[best]
    with gpu_busy() as our_busy:
        ours = [fine_tune(sample, tier, {"seed": seed}, threads=threads)[0] for seed in seeds]
    accuracy = statistics.mean(accuracy_of(done) for done in ours)
    seconds = statistics.mean(done.seconds for done in ours)
    value = naive_seconds / seconds
    equal = accuracy >= by_epoch[best] - _ALLOWED_LOSS
    detail: dict[str, Json] = {
        "naive_seconds": naive_seconds,
        "naive_accuracy": by_epoch[best],
        "naive_accuracy_by_epoch": by_epoch,
        "naive_accuracy_by_seed": [found.accuracy[best] for found in naive],
        "naive_rows_per_second": naive[0].rows_per_second,
        "our_seconds": seconds,
        "our_accuracy": accuracy,
        "our_accuracy_by_seed": [accuracy_of(done) for done in ours],
        "our_rows_per_second": statistics.mean(done.rows_per_second for done in ours),
        "our_epochs": statistics.mean(done.epochs for done in ours),
        "train_rows": len(sample.train),
        "test_rows": len(sample.test),
        "threads": threads,
        "tier": tier,
        "device": device_name(pick_device()),
        "naive_gpu_busy": naive_busy.share,
        "our_gpu_busy": our_busy.share,
    }
    ok = value >= TARGET and equal
    return {"bar": "train_speed", "value": value, "target": TARGET, "ok": ok, "detail": detail}


def _naive(sample: Sample, epochs: int, seeds: Sequence[int]) -> list[NaiveResult]:
    """The recipe once per seed, the first one exactly as it stands."""
    base = locate_base(BASE)
    index = {label: place for place, label in enumerate(sample.labels)}
    train = [(text, index[label]) for text, label in sample.train]
    test = [(text, index[label]) for text, label in sample.test]
    return [
        naive_fine_tune(
            base, train, test, labels=len(index), epochs=epochs, seed=seed, cheaply=place > 0
        )
        for place, seed in enumerate(seeds)
    ]
