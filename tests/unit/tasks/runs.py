"""Small data sets of each task, and runs on a tiny base."""

import json
import random
from pathlib import Path
from typing import Any

from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.contracts import BaseReference, DoneMessage, TrainSpec
from mlworker.engine.link import LocalLink
from mlworker.engine.tasks import task_named
from mlworker.engine.training.run import Run

FILLER = ["the", "a", "really", "with", "story", "was", "and", "scene", "plot", "then"]
PLACES, PEOPLE = ["paris", "new york", "london"], ["alice", "john smith"]
CONFIG: dict[str, dict[str, object]] = {
    "head": {},
    "lora": {
        "batch_tokens": 128,
        "epochs": 20,
        "learning_rate": 0.005,
        "head_rate": 5.0,
        "patience": 0,
    },
    "full": {"batch_tokens": 128, "epochs": 15, "learning_rate": 0.005, "patience": 0},
}


def _filler(chance: random.Random) -> list[str]:
    return chance.choices(FILLER, k=chance.randint(2, 9))


def _topics(chance: random.Random) -> tuple[str, list[str]]:
    found = [name for name in ("food", "service", "price") if chance.random() < 0.4]
    words = [*_filler(chance), *found]
    chance.shuffle(words)
    return " ".join(words), found


def _degree(chance: random.Random) -> tuple[str, float]:
    good, bad = chance.randint(0, 4), chance.randint(0, 4)
    words = [*_filler(chance), *["wonderful"] * good, *["awful"] * bad]
    chance.shuffle(words)
    return " ".join(words), 1_000.0 + 50 * (good - bad)


def _entities(chance: random.Random) -> tuple[str, list[tuple[int, int, str]]]:
    parts: list[tuple[str, str]] = [(word, "") for word in _filler(chance)]
    for names, label in ((PLACES, "place"), (PEOPLE, "person")):
        if chance.random() < 0.8:
            parts.insert(chance.randint(0, len(parts)), (chance.choice(names), label))
    text, spans = "", []
    for word, label in parts:
        start = len(text) + bool(text)
        text = f"{text} {word}".strip()
        if label:
            spans.append((start, start + len(word), label))
    return text, spans


_MAKERS: dict[str, Any] = {
    "multi_label_classification": _topics,
    "regression": _degree,
    "token_classification": _entities,
}
NEW_TASKS = tuple(sorted(_MAKERS))


def rows_of(task: str, count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Rows whose words tell the answer; labels as the datasets app writes them, as text."""
    chance = random.Random(seed)
    made = [_MAKERS[task](chance) for _ in range(count)]
    return [
        {"row_id": str(number), "text": text, "label": json.dumps(label)}
        for number, (text, label) in enumerate(made)
    ]


def write_run(
    folder: Path, base: BaseDirectory, task: str, tier: str, *, rows: int = 160, **config: Any
) -> TrainSpec:
    """A run folder as a supervisor prepares it."""
    folder.mkdir(parents=True, exist_ok=True)
    train = rows_of(task, rows)
    for split, lines in (
        ("train", train),
        ("validation", rows_of(task, 40, 1)),
        ("test", rows_of(task, 40, 2)),
    ):
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / f"{split}.jsonl").write_text(text)
    known = task_named(task)
    spec = TrainSpec(
        task=task,
        tier=tier,
        labels=known.head_labels(known.labels(train)),
        base=BaseReference(base.id, str(base.directory), base.weights_sha256),
        config={**CONFIG[tier], "precision": "fp32", **config},
        threads=1,
    )
    spec.write(folder)
    return spec


def trained(folder: Path, base: BaseDirectory, task: str, tier: str, **config: Any) -> DoneMessage:
    """Train in this process."""
    return Run(folder, write_run(folder, base, task, tier, **config), LocalLink()).execute()
