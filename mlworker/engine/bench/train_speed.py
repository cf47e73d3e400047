"""Bar `train_speed`: the naive recipe's time over ours, to the same test accuracy.

A fixed sample of the MR reviews: 2,000 training and 2,132 test rows, stratified, seed 0. Ours runs
with its defaults (tier lora), with a tenth of the training rows held out by itself.
"""

from __future__ import annotations

import csv
import json
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch

from mlworker.engine.base.locate import BaseDirectory, locate_base
from mlworker.engine.bench.naive import NaiveResult, naive_fine_tune
from mlworker.engine.contracts import BaseReference, DoneMessage, Json, TrainSpec
from mlworker.engine.link import LocalLink
from mlworker.engine.training.run import Run

TARGET = 10.0
TRAIN_ROWS = 2_000
TEST_ROWS = 2_132
_ALLOWED_LOSS = 0.005
Pairs = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows of the case."""

    train: Pairs
    test: Pairs
    labels: tuple[str, ...]


def mr_sample(path: Path, *, full: bool = False) -> Sample:
    """The fixed sample; `full` = 80 % of the file for training, the same test rows."""
    with path.open(encoding="utf-8", newline="") as stream:
        rows = [(row["text"], row["label"]) for row in csv.DictReader(stream)]
    labels = tuple(sorted({label for _, label in rows}))
    random = Random(0)  # noqa: S311 - a repeatable sample, not a secret
    train: Pairs = []
    test: Pairs = []
    for label in labels:
        part = [pair for pair in rows if pair[1] == label]
        random.shuffle(part)
        cut = TEST_ROWS // len(labels)
        test += part[:cut]
        rest = part[cut:]
        train += rest if full else rest[: TRAIN_ROWS // len(labels)]
    return Sample(train, test, labels)


def train_speed_case(
    path: Path,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    naive_epochs: int = 3,
    threads: int = 2,
    full: bool = False,
    tier: str = "lora",
) -> dict[str, Json]:
    """One JSON line of the bench: bar, value, target, ok, detail.

    The naive recipe runs once (its time hardly varies) for `naive_epochs` (5 when `full`); ours
    for each seed. `ok` also needs our mean accuracy within half a point of the naive one.
    """
    torch.set_num_threads(threads)
    base = locate_base("minilm-l6")
    sample = mr_sample(path, full=full)
    naive = _naive(base, sample, 5 if full else naive_epochs)
    ours = [_ours(base, sample, seed, tier, threads) for seed in seeds]
    best = max(range(len(naive.accuracy)), key=naive.accuracy.__getitem__)
    accuracy = statistics.mean(_accuracy(done) for done in ours)
    seconds = statistics.mean(done.seconds for done in ours)
    value = naive.seconds[best] / seconds
    equal = accuracy >= naive.accuracy[best] - _ALLOWED_LOSS
    return {
        "bar": "train_speed",
        "value": value,
        "target": TARGET,
        "ok": value >= TARGET and equal,
        "detail": {
            "naive_seconds": naive.seconds[best],
            "naive_accuracy": naive.accuracy[best],
            "naive_accuracy_by_epoch": list(naive.accuracy),
            "naive_rows_per_second": naive.rows_per_second,
            "our_seconds": seconds,
            "our_accuracy": accuracy,
            "our_accuracy_by_seed": [_accuracy(done) for done in ours],
            "our_rows_per_second": statistics.mean(done.rows_per_second for done in ours),
            "our_epochs": statistics.mean(done.epochs for done in ours),
            "train_rows": len(sample.train),
            "test_rows": len(sample.test),
            "threads": threads,
            "tier": tier,
        },
    }


def write_rows(folder: Path, sample: Sample) -> None:
    """Put the rows where a run looks for them."""
    for name, rows in (("train", sample.train), ("test", sample.test)):
        lines = (
            json.dumps({"row_id": str(number), "text": text, "label": label}) + "\n"
            for number, (text, label) in enumerate(rows)
        )
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")


def _naive(base: BaseDirectory, sample: Sample, epochs: int) -> NaiveResult:
    index = {label: place for place, label in enumerate(sample.labels)}
    train = [(text, index[label]) for text, label in sample.train]
    test = [(text, index[label]) for text, label in sample.test]
    return naive_fine_tune(base, train, test, labels=len(index), epochs=epochs, seed=0)


def _ours(base: BaseDirectory, sample: Sample, seed: int, tier: str, threads: int) -> DoneMessage:
    """Our engine with defaults, in this process."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_rows(folder, sample)
        spec = TrainSpec(
            task="text_classification",
            tier=tier,
            labels=sample.labels,
            base=BaseReference(base.id, str(base.directory), base.weights_sha256),
            config={"seed": seed},
            checkpoint_seconds=3_600.0,
            threads=threads,
        )
        return Run(folder, spec, LocalLink()).execute()


def _accuracy(done: DoneMessage) -> float:
    test = done.metrics["test"]
    assert isinstance(test, dict)  # noqa: S101 - the case writes test rows itself
    return float(str(test["accuracy"]))
