"""The rules behind "auto" against the fixed values that scripts usually have, on the same rows.

The fixed values:
    lora    the quick tour of `peft`: rank 8, alpha 32, dropout 0.1, rate 1e-3; on query and value
            as peft chooses for BERT; 16 rows a step and weight decay 0.01 as in the guides of
            `transformers`, 3 epochs and a linear fall without warm-up as its Trainer has by default
    head    `LogisticRegression()` of scikit-learn (C = 1) on the last block's features

Both train on the same rows, are judged on the same test rows and keep the weights with the lowest
validation loss. Means of several seeds are compared. With n test rows of accuracy p the difference
of two models has a standard error of at most sqrt(2 p (1 - p) / n), and auto may be behind by one
of these: more would be seen on such a test, less could be chance.
"""

import math
import os
import random
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from mlworker.engine.base.config import BertConfig
from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.bench.samples import (
    Pairs,
    Sample,
    accuracy_of,
    fine_tune,
    mr_sample,
    pairs_read,
)
from mlworker.engine.tokenizer import TextTokenizer
from mlworker.engine.training.config import resolve_auto
from tests.unit.engine.conftest import LABELS, sentences

DATA = Path(os.environ.get("ANNEAL_DATA", "../shared/data"))
SEEDS = (0, 1)
ROWS_A_STEP = 16
LORA = {
    "epochs": 3,
    "weight_decay": 0.01,
    "warmup_fraction": 0.0,
    "head_rate": 1.0,
    "dropout": 0.1,
    "patience": 0,
    "learning_rate": 1e-3,
    "lora_rank": 8,
    "lora_alpha": 32.0,
    "lora_dropout": 0.1,
    "lora_targets": "query_value",
}


def _reviews() -> Sample:
    return mr_sample(DATA / "mr-sentiment-en" / "mr.csv")


def _intents() -> Sample:
    """Ten queries of each of 77 intents to learn from: many classes, few rows."""
    folder = DATA / "banking77-en"
    queries, test = (pairs_read(folder / f"{part}.csv", "category") for part in ("train", "test"))
    labels = tuple(sorted({label for _, label in queries}))
    train: list[tuple[str, str]] = []
    validation: list[tuple[str, str]] = []
    for label in labels:
        part = _shuffled([pair for pair in queries if pair[1] == label])
        train += part[:10]
        validation += part[10:12]
    return Sample(train, test, labels, validation)


def _deliveries() -> Sample:
    """Chinese reviews, two of three of them bad ones."""
    path = DATA / "waimai-sentiment-zh" / "waimai_10k.csv"
    return _cut(pairs_read(path, "label", text="review"), 1_000, 200, 2_000)


def _invented() -> Sample:
    """Sentences in which one word tells the label: three passes over so few are not enough."""
    train, validation, test = (
        [(row["text"], row["label"]) for row in sentences(count, seed=seed)]
        for seed, count in enumerate((80, 40, 200))
    )
    return Sample(train, test, LABELS, validation)


def _cut(rows: Pairs, train: int, validation: int, test: int) -> Sample:
    rows = _shuffled(rows)
    labels = tuple(sorted({label for _, label in rows}))
    seen = train + validation
    return Sample(rows[:train], rows[seen : seen + test], labels, rows[train:seen])


def _shuffled(rows: Pairs) -> list[tuple[str, str]]:
    rows = list(rows)
    random.Random(0).shuffle(rows)
    return rows


def _auto(sample: Sample, tier: str, base: BaseDirectory) -> dict[str, object]:
    width = BertConfig.read(base.directory / "config.json").hidden_size
    config = resolve_auto(
        {}, rows=len(sample.train), classes=len(sample.labels), tier=tier, width=width
    )
    return dict(config.as_dict())


def _usual(sample: Sample, tier: str, base: BaseDirectory) -> dict[str, object]:
    if tier == "head":
        depth = BertConfig.read(base.directory / "config.json").num_hidden_layers
        # scikit-learn sums the loss where the engine takes its mean, and halves the penalty.
        return {"head_block": depth, "head_penalty": 1 / (2 * len(sample.train))}
    texts = [text for text, _ in sample.train]
    encoded = TextTokenizer.load(base.directory).encode(texts, 256)
    tokens = statistics.fmean(len(row.ids) for row in encoded)
    return {**LORA, "batch_tokens": round(ROWS_A_STEP * tokens)}


def _compared(
    sample: Sample, tier: str, base: BaseDirectory, seeds: Sequence[int]
) -> tuple[float, float]:
    """Mean test accuracy of auto, and of the fixed values."""
    auto, fixed = (
        statistics.fmean(
            accuracy_of(fine_tune(sample, tier, {**config, "seed": seed}, threads=1)[0])
            for seed in seeds
        )
        for config in (_auto(sample, tier, base), _usual(sample, tier, base))
    )
    return auto, fixed


def _error(accuracy: float, rows: int) -> float:
    """Standard error of the difference of two such accuracies."""
    return math.sqrt(2 * accuracy * (1 - accuracy) / rows)


SETS = {"mr": _reviews, "banking77": _intents, "waimai": _deliveries}


@pytest.mark.parametrize("tier", ["head", "lora"])
def test_auto_is_no_worse_than_fixed_values_on_a_few_invented_rows(
    tier: str, minilm: BaseDirectory
) -> None:
    sample = _invented()

    auto, fixed = _compared(sample, tier, minilm, SEEDS[:1])

    assert auto >= fixed - _error(fixed, len(sample.test))


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason=f"real data absent: {DATA} (set ANNEAL_DATA)")
@pytest.mark.parametrize("tier", ["head", "lora"])
@pytest.mark.parametrize("name", SETS)
def test_auto_is_no_worse_than_fixed_values(
    name: str, tier: str, minilm: BaseDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = SETS[name]()

    auto, fixed = _compared(sample, tier, minilm, SEEDS)

    with capsys.disabled():
        sys.stderr.write(f"\n{name} {tier}: auto {auto:.4f}, fixed {fixed:.4f}\n")
    assert auto >= fixed - _error(fixed, len(sample.test))
