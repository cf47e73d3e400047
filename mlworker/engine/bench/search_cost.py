"""Bar `search_cost`: 5-fold cross-validation of 10 trials, measured / 50 naive fine-tunes.

The naive way trains every trial on every fold with the usual recipe. Its time is extrapolated: its
rows a second are measured on a part of the same rows, and each fine-tune reads four fifths of them
as often as the usual recipe does. Ours is one whole job of tier head, from reading the rows to the
finished model, its folds and trials included.
"""

from __future__ import annotations

import time
from pathlib import Path

import torch

from mlworker.engine.base.locate import locate_base
from mlworker.engine.bench.naive import naive_fine_tune
from mlworker.engine.bench.samples import BASE, Sample, accuracy_of, fine_tune, mr_sample
from mlworker.engine.contracts import Json, StudyMessage

TARGET = 0.05
FOLDS, TRIALS = 5, 10
NAIVE_EPOCHS = 3
_NAIVE_ROWS = 320
"""Enough for a steady speed: 20 steps of 16 rows."""


def search_cost_case(path: Path, *, threads: int = 2, full: bool = False) -> dict[str, Json]:
    """One JSON line of the bench: bar, value, target, ok, detail."""
    torch.set_num_threads(threads)
    sample = mr_sample(path, full=full)
    rate = _naive_rate(sample)
    read = len(sample.train) * (FOLDS - 1) / FOLDS * NAIVE_EPOCHS
    naive = FOLDS * TRIALS * read / rate
    begun = time.perf_counter()
    found, accuracy = _ours(sample, threads)
    ours = time.perf_counter() - begun
    return {
        "bar": "search_cost",
        "value": ours / naive,
        "target": TARGET,
        "ok": ours / naive <= TARGET,
        "detail": {
            "our_seconds": ours,
            "naive_seconds_extrapolated": naive,
            "naive_rows_per_second": rate,
            "naive_epochs": NAIVE_EPOCHS,
            "folds": FOLDS,
            "trials": TRIALS,
            "train_rows": len(sample.train),
            "threads": threads,
            "our_test_accuracy": accuracy,
            "found": found,
        },
    }


def _naive_rate(sample: Sample) -> float:
    index = {label: place for place, label in enumerate(sample.labels)}
    # the sample lies label by label: every n-th row keeps both
    step = max(1, len(sample.train) // _NAIVE_ROWS)
    rows = [(text, index[label]) for text, label in sample.train[::step]][:_NAIVE_ROWS]
    base = locate_base(BASE)
    return naive_fine_tune(
        base, rows, rows[:16], labels=len(index), epochs=1, seed=0
    ).rows_per_second


def _ours(sample: Sample, threads: int) -> tuple[Json, Json]:
    done, link = fine_tune(sample, "head", {"seed": 0}, threads=threads, folds=FOLDS, trials=TRIALS)
    told = [message for message in link.messages if isinstance(message, StudyMessage)]
    return dict(told[-1].found), accuracy_of(done)
