"""Rows that the cases of training share, and one run of our engine on them."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from mlworker.engine.base.locate import locate_base
from mlworker.engine.contracts import BaseReference, DoneMessage, TrainSpec
from mlworker.engine.device import keep_freed_memory
from mlworker.engine.link import LocalLink
from mlworker.engine.training.run import Run

BASE = "minilm-l6"
TRAIN_ROWS = 2_000
TEST_ROWS = 2_132
VALIDATION_ROWS = 200
Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows of a case."""

    train: Pairs
    test: Pairs
    labels: tuple[str, ...]
    validation: Pairs = ()
    """Empty: a run holds a tenth of `train` out by itself."""


def mr_sample(path: Path, *, full: bool = False) -> Sample:
    """The fixed sample of the reviews; `full` = 80 % of them for training, the same test rows.

    The sample has validation rows of its own, so that nothing of its training rows is held out.
    """
    rows = pairs_read(path, "label")
    labels = tuple(sorted({label for _, label in rows}))
    random = Random(0)  # noqa: S311 - a repeatable sample, not a secret
    train: list[tuple[str, str]] = []
    test: list[tuple[str, str]] = []
    validation: list[tuple[str, str]] = []
    for label in labels:
        part = [pair for pair in rows if pair[1] == label]
        random.shuffle(part)
        cut, size = TEST_ROWS // len(labels), TRAIN_ROWS // len(labels)
        test += part[:cut]
        rest = part[cut:]
        train += rest if full else rest[:size]
        validation += [] if full else rest[size:][: VALIDATION_ROWS // len(labels)]
    return Sample(train, test, labels, validation)


def pairs_read(path: Path, label: str, *, text: str = "text") -> Pairs:
    """Texts and labels of a CSV file; the names are those of its columns."""
    with path.open(encoding="utf-8", newline="") as stream:
        return [(row[text], row[label]) for row in csv.DictReader(stream)]


def fine_tune(
    sample: Sample,
    tier: str,
    config: Mapping[str, object],
    *,
    threads: int,
    folds: int = 0,
    trials: int = 0,
) -> tuple[DoneMessage, LocalLink]:
    """Train on the sample in this process; return how it ended and what it told meanwhile."""
    # as the trainer does, whose process this stands for
    keep_freed_memory()
    base = locate_base(BASE)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _rows_write(folder, sample)
        spec = TrainSpec(
            task="text_classification",
            tier=tier,
            labels=sample.labels,
            base=BaseReference(base.id, str(base.directory), base.weights_sha256),
            config=config,
            folds=folds,
            trials=trials,
            checkpoint_seconds=3_600.0,
            threads=threads,
        )
        link = LocalLink()
        return Run(folder, spec, link).execute(), link


def accuracy_of(done: DoneMessage, part: str = "test") -> float:
    """Share of a part's rows that the model got right."""
    return figure_of(done, "accuracy", part)


def figure_of(done: DoneMessage, name: str, part: str) -> float:
    """A figure of a part's rows, by the name it has in the job's metrics."""
    figures = done.metrics[part]
    assert isinstance(figures, dict)  # noqa: S101 - the sample has rows of each part
    return float(str(figures[name]))


def _rows_write(folder: Path, sample: Sample) -> None:
    """Put the rows where a run looks for them."""
    parts = {"train": sample.train, "test": sample.test, "validation": sample.validation}
    for name, rows in parts.items():
        lines = (
            json.dumps({"row_id": str(number), "text": text, "label": label}) + "\n"
            for number, (text, label) in enumerate(rows)
        )
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
