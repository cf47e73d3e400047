"""Bar `train_quality`: what the defaults make of a whole data set.

`mr` is the file of reviews, with the test rows of `train_speed`; `banking77` brings its own test
file. Each preset trains once, seed 0, and the value is the test accuracy of the one with the best
validation accuracy, as a customer would choose. Without `full` only the preset of seconds runs.
"""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import torch

from mlworker.engine.base.locate import BaseDirectory, locate_base
from mlworker.engine.bench.train_speed import Pairs, Sample, mr_sample, write_rows
from mlworker.engine.contracts import BaseReference, DoneMessage, Json, TrainSpec
from mlworker.engine.link import LocalLink
from mlworker.engine.training.config import PRESETS, resolve_auto
from mlworker.engine.training.run import Run

TARGETS = {"mr": 0.835, "banking77": 0.935}


def train_quality_case(path: Path, *, threads: int = 2, full: bool = False) -> dict[str, Json]:
    """One JSON line of the bench. `path`: the reviews' file, or the folder of banking77."""
    torch.set_num_threads(threads)
    name = "banking77" if path.is_dir() else "mr"
    sample = _banking77(path) if path.is_dir() else mr_sample(path, full=True)
    base = locate_base("minilm-l6")
    done = {
        preset: _trained(base, sample, preset, threads)
        for preset in (PRESETS if full else ["quick"])
    }
    chosen = max(done, key=lambda preset: _accuracy(done[preset], "validation"))
    value = _accuracy(done[chosen], "test")
    return {
        "bar": f"train_quality.{name}",
        "value": value,
        "target": TARGETS[name],
        "ok": value >= TARGETS[name],
        "detail": {
            "preset": chosen,
            "presets": {
                preset: {
                    "test": _accuracy(each, "test"),
                    "validation": _accuracy(each, "validation"),
                    "seconds": each.seconds,
                }
                for preset, each in done.items()
            },
            "train_rows": len(sample.train),
            "test_rows": len(sample.test),
            "threads": threads,
        },
    }


def _banking77(folder: Path) -> Sample:
    train, test = _read(folder / "train.csv"), _read(folder / "test.csv")
    return Sample(train, test, tuple(sorted({label for _, label in train})))


def _read(path: Path) -> Pairs:
    with path.open(encoding="utf-8", newline="") as stream:
        return [(row["text"], row["category"]) for row in csv.DictReader(stream)]


def _trained(base: BaseDirectory, sample: Sample, preset: str, threads: int) -> DoneMessage:
    tier = PRESETS[preset].tier
    config = resolve_auto(
        {"seed": 0},
        rows=len(sample.train),
        classes=len(sample.labels),
        tier=tier,
        preset=preset,
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_rows(folder, sample)
        spec = TrainSpec(
            task="text_classification",
            tier=tier,
            labels=sample.labels,
            base=BaseReference(base.id, str(base.directory), base.weights_sha256),
            config=config.as_dict(),
            checkpoint_seconds=3_600.0,
            threads=threads,
        )
        return Run(folder, spec, LocalLink()).execute()


def _accuracy(done: DoneMessage, part: str) -> float:
    figures = done.metrics[part]
    assert isinstance(figures, dict)  # noqa: S101 - each part has rows
    return float(str(figures["accuracy"]))
