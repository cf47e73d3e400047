"""The command that made the shipped model `sentiment-en`.

    python -m mlworker.engine.shipped --data DIR --out mlworker/catalog/shipped/sentiment-en

With `--measure` the model stays, and only its bf16 gate is measured again, on all test rows.
DIR holds `mr-sentiment-en/mr.csv` and `product-pros-cons-en/pros_cons.csv` (both CC BY 4.0, columns
text,label). Rows never enter the result; it is an artifact folder and a model card.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from random import Random

import torch

from mlworker.engine.artifact import load_artifact
from mlworker.engine.artifact_manifest import read_manifest
from mlworker.engine.base.locate import locate_base
from mlworker.engine.contracts import (
    BaseReference,
    DoneMessage,
    Message,
    MetricMessage,
    TrainSpec,
    encode_message,
)
from mlworker.engine.data.rows import encode_split
from mlworker.engine.device import keep_freed_memory
from mlworker.engine.durable import MANIFEST, README
from mlworker.engine.evaluation.precision import gate_measure
from mlworker.engine.link import LocalLink
from mlworker.engine.precision import BF16
from mlworker.engine.shipped_card import Evidence, card_with_gate, model_card, wilson
from mlworker.engine.tasks import task_named
from mlworker.engine.tasks.base import Row
from mlworker.engine.tokenizer import TextTokenizer
from mlworker.engine.training.run import Run

LABELS = ("negative", "positive")
PRODUCT_ROWS = 8_000
"""Rows of product fragments in training: about as many as there are review sentences."""
PRODUCT_TEST = 1_000
CONFIG = {"epochs": 3, "patience": 0, "seed": 0}
Pairs = list[tuple[str, str]]


class _Printing(LocalLink):
    def send(self, message: Message) -> None:
        super().send(message)
        if not isinstance(message, MetricMessage) or message.validation is not None:
            sys.stderr.write(encode_message(message)[:400] + "\n")


def main() -> None:
    """Train, check and write the model and its card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--measure", action="store_true")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    keep_freed_memory()
    if not arguments.measure:
        with tempfile.TemporaryDirectory() as scratch:
            train_shipped(arguments.data, arguments.out, Path(scratch))
    measure_shipped(arguments.data, arguments.out)


def train_shipped(data: Path, out: Path, scratch: Path) -> None:
    """Write `out/manifest.json`, `out/weights.safetensors` and `out/README.md`."""
    splits = build_splits(data)
    for split, rows in splits.items():
        lines = (
            json.dumps({"row_id": f"{split}-{n}", "text": text, "label": label})
            for n, (text, label) in enumerate(rows)
        )
        (scratch / f"{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    base = locate_base("minilm-l6")
    spec = TrainSpec(
        task="text_classification",
        tier="lora",
        labels=LABELS,
        base=BaseReference(base.id, str(base.directory), base.weights_sha256),
        config=CONFIG,
        checkpoint_seconds=math.inf,
    )
    run = Run(scratch, spec, _Printing())
    done = run.execute()
    evidence = _evidence(run, done, splits)
    read_manifest(scratch / done.artifact)
    out.mkdir(parents=True, exist_ok=True)
    for path in (scratch / done.artifact).iterdir():
        (out / path.name).write_bytes(path.read_bytes())
    (out / README).write_text(model_card(evidence), encoding="utf-8")


def measure_shipped(data: Path, out: Path) -> None:
    """Write what bf16 costs into the manifest and the card."""
    base, artifact = locate_base("minilm-l6"), load_artifact(out)
    task, manifest = task_named(artifact.manifest.task), artifact.manifest
    rows: list[Row] = [{"text": text, "label": label} for text, label in build_splits(data)["test"]]
    tokenizer = TextTokenizer.load(base.directory)
    split = encode_split(task, tokenizer, rows, LABELS, manifest.max_length, lambda: None)
    gate = gate_measure(artifact, base, split, "test", most=len(split))
    body = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
    body["metrics"][BF16] = gate.describe()
    (out / MANIFEST).write_text(json.dumps(body, ensure_ascii=False, indent=1), encoding="utf-8")
    card = card_with_gate((out / README).read_text(encoding="utf-8"), gate)
    (out / README).write_text(card, encoding="utf-8")


def build_splits(data: Path) -> dict[str, Pairs]:
    """Train, validation and test rows; `test` is review sentences first, then fragments.

    Review sentences: stratified 80/10/10, seed 0. Fragments: without repeats and without texts
    that carry both labels, balanced. No text of test or validation is trained on.
    """
    reviews = _unique(_read(data / "mr-sentiment-en" / "mr.csv"))
    products = _unique(_read(data / "product-pros-cons-en" / "pros_cons.csv"))
    seen = {_key(text) for text, _ in reviews}
    products = [pair for pair in products if _key(pair[0]) not in seen]
    random = Random(0)  # noqa: S311 - a repeatable split, not a secret
    parts: dict[str, Pairs] = {"train": [], "validation": [], "test": []}
    fragments: dict[str, Pairs] = {"train": [], "test": []}
    for label in LABELS:
        rows = sorted(pair for pair in reviews if pair[1] == label)
        random.shuffle(rows)
        tenth = len(rows) // 10
        parts["test"] += rows[:tenth]
        parts["validation"] += rows[tenth : 2 * tenth]
        parts["train"] += rows[2 * tenth :]
        rows = sorted(pair for pair in products if pair[1] == label)
        random.shuffle(rows)
        test, train = PRODUCT_TEST // 2, PRODUCT_ROWS // 2
        fragments["test"] += rows[:test]
        fragments["train"] += rows[test : test + train]
    parts["train"] += fragments["train"]
    parts["test"] += fragments["test"]
    return parts


def _read(path: Path) -> Pairs:
    with path.open(encoding="utf-8", newline="") as stream:
        return [(row["text"], row["label"]) for row in csv.DictReader(stream)]


def _unique(rows: Pairs) -> Pairs:
    """First of each text; texts with two labels are left out."""
    labels: dict[str, set[str]] = defaultdict(set)
    first: dict[str, tuple[str, str]] = {}
    for text, label in rows:
        labels[_key(text)].add(label)
        first.setdefault(_key(text), (text, label))
    return [pair for key, pair in first.items() if key and len(labels[key]) == 1]


def _key(text: str) -> str:
    return " ".join(text.casefold().split())


def _evidence(run: Run, done: DoneMessage, splits: dict[str, Pairs]) -> Evidence:
    """Accuracy on each half of the test split."""
    targets = [LABELS.index(label) for _, label in splits["test"]]
    if run.test_logits is None:
        raise ValueError("there are no test rows")
    called = run.test_logits.argmax(dim=1).tolist()
    hits = [int(said == target) for said, target in zip(called, targets, strict=True)]
    reviews = len(hits) - PRODUCT_TEST
    return Evidence(
        train_rows=len(splits["train"]),
        review_rows=len(splits["train"]) - PRODUCT_ROWS,
        product_rows=PRODUCT_ROWS,
        reviews=wilson(sum(hits[:reviews]), reviews),
        products=wilson(sum(hits[reviews:]), PRODUCT_TEST),
        overall=wilson(sum(hits), len(hits)),
        seconds=done.seconds,
        epochs=done.epochs,
    )


if __name__ == "__main__":
    main()
