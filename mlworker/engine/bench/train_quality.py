"""Bar `train_quality`: what the defaults make of a whole data set.

`mr` is the file of reviews, with the test rows of `train_speed`; `banking77` brings its own test
file. Each preset trains once, seed 0, and the one with the highest validation accuracy is chosen,
of equals the one with the lower loss. One seed moves by half a point, so the value is the chosen
preset's test accuracy in the mean of three.
Without `full` only the preset of seconds runs, once.
"""

from __future__ import annotations

import statistics
from pathlib import Path

import torch

from mlworker.engine.base.config import BertConfig
from mlworker.engine.base.locate import locate_base
from mlworker.engine.bench.samples import (
    BASE,
    Sample,
    accuracy_of,
    figure_of,
    fine_tune,
    mr_sample,
    pairs_read,
)
from mlworker.engine.contracts import DoneMessage, Json
from mlworker.engine.device import pick_device
from mlworker.engine.training.config import PRESETS, resolve_auto

TARGETS = {"mr": 0.835, "banking77": 0.935}
_SEEDS = (0, 1, 2)


def train_quality_case(path: Path, *, threads: int = 2, full: bool = False) -> dict[str, Json]:
    """One JSON line of the bench. `path`: the reviews' file, or the folder of banking77."""
    torch.set_num_threads(threads)
    name = "banking77" if path.is_dir() else "mr"
    sample = _banking77(path) if path.is_dir() else mr_sample(path, full=True)
    seeds = _SEEDS if full else _SEEDS[:1]
    presets = PRESETS if full else ["quick"]
    done = {preset: _trained(sample, preset, seeds[0], threads) for preset in presets}
    chosen = max(
        done,
        key=lambda preset: (
            accuracy_of(done[preset], "validation"),
            -figure_of(done[preset], "loss", "validation"),
        ),
    )
    again = [_trained(sample, chosen, seed, threads) for seed in seeds[1:]]
    by_seed = [accuracy_of(each) for each in (done[chosen], *again)]
    value = statistics.mean(by_seed)
    return {
        "bar": f"train_quality.{name}",
        "value": value,
        "target": TARGETS[name],
        "ok": value >= TARGETS[name],
        "detail": {
            "preset": chosen,
            "by_seed": [*by_seed],
            "presets": {
                preset: {
                    "test": accuracy_of(each, "test"),
                    "validation": accuracy_of(each, "validation"),
                    "validation_loss": figure_of(each, "loss", "validation"),
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
    train, test = (pairs_read(folder / f"{part}.csv", "category") for part in ("train", "test"))
    return Sample(train, test, tuple(sorted({label for _, label in train})))


def _trained(sample: Sample, preset: str, seed: int, threads: int) -> DoneMessage:
    tier = PRESETS[preset].tier
    config = resolve_auto(
        {"seed": seed},
        rows=len(sample.train),
        classes=len(sample.labels),
        tier=tier,
        preset=preset,
        width=BertConfig.read(locate_base(BASE).directory / "config.json").hidden_size,
        accelerator=pick_device().type != "cpu",
    )
    return fine_tune(sample, tier, config.as_dict(), threads=threads)[0]
