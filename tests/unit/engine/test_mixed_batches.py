"""A thousand random batches of many organizations' models: every row equals its lone result.

Twelve models of every tier and task share six slots, so that models come and go between batches
and a slot holds what another organization left there. With real weights of MiniLM's size in the
full form.
"""

import random

import pytest

from mlworker.engine.artifact import Artifact
from mlworker.engine.artifact_manifest import LoraEntry
from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.inference import Resident, SlotTable, TokenRow, sides
from tests.unit.engine.conftest import sentences
from tests.unit.engine.test_artifact import make_artifact

TOLERANCE = 1e-5
"""What neighbours may move a probability by: the order of float32 sums, no more."""
LOGITS = 0.3
"""Deviation of the heads' weights. MiniLM's logits reach 9 with it, as those of trained heads do;
with 1 they reach 29, and what float32 leaves of these moves a probability by more than that."""
BATCHES = 1_000
SLOTS = 6
MODELS = {
    "head": ("head", "text_classification", ("a", "b")),
    "head of four": ("head", "text_classification", ("a", "b", "c", "d")),
    "head of sets": ("head", "multi_label_classification", ("a", "b", "c")),
    "head of numbers": ("head", "regression", ("value",)),
    "head of spans": ("head", "token_classification", ("O", "B-x", "I-x")),
    "lora": ("lora", "text_classification", ("a", "b")),
    "lora of three": ("lora", "text_classification", ("a", "b", "c")),
    "lora of sets": ("lora", "multi_label_classification", ("a", "b")),
    "lora of numbers": ("lora", "regression", ("value",)),
    "lora of spans": ("lora", "token_classification", ("O", "B-x", "I-x")),
    "full": ("full", "text_classification", ("a", "b")),
    "full of three": ("full", "text_classification", ("a", "b", "c")),
}


def made(base: BaseDirectory, name: str) -> Artifact:
    tier, task, labels = MODELS[name]
    seed = list(MODELS).index(name)
    lora = LoraEntry(2 + 2 * (seed % 3), 8.0)  # ranks differ
    return make_artifact(base, tier, task=task, labels=labels, seed=seed, lora=lora, logits=LOGITS)


def lone(base: BaseDirectory, ids: list[list[int]]) -> dict[str, list[list[float]]]:
    """Each model's answers, from a resident of its own, a row at a time."""
    found = {}
    for name in MODELS:
        alone = Resident.open(base, slots=1)
        alone.load(0, made(base, name))
        found[name] = [alone.forward([TokenRow(row, 0)])[0] for row in ids]
    return found


def far(one: list[float], other: list[float]) -> float:
    assert len(one) == len(other)
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def reach(name: str, answers: list[list[float]]) -> float:
    """How far a model's answers go: 1 as probabilities, or the largest of its numbers."""
    numbers = MODELS[name][1] == "regression"
    return max(1.0, *(abs(row[0]) for row in answers)) if numbers else 1.0


@pytest.mark.parametrize("size", ["tiny", pytest.param("minilm", marks=pytest.mark.slow)])
def test_every_row_of_a_thousand_mixed_batches_equals_its_lone_result(
    size: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sides, "LEAST_ROWS", 4)  # of up to 16: most are cut in two
    base: BaseDirectory = request.getfixturevalue(size)
    dice = random.Random(5)
    words = [row["text"] for row in sentences(40)]
    texts = [" ".join(dice.choices(words, k=dice.choice((1, 1, 2, 5)))) for _ in range(40)]
    shared = Resident.open(base, slots=SLOTS, sides=2)
    ids = [list(each.ids) for each in shared.tokenizer.encode(texts, 64)]
    alone = lone(base, ids)
    unit = {name: reach(name, answers) for name, answers in alone.items()}
    models = {name: made(base, name) for name in MODELS}
    table = SlotTable(shared, models.__getitem__)
    worst, rows_seen, mixed = 0.0, 0, 0

    for _ in range(BATCHES):
        present = dice.sample(list(MODELS), dice.randint(1, SLOTS))
        wanted = [
            (dice.choice(present), dice.randrange(len(ids))) for _ in range(dice.randint(1, 16))
        ]
        with table.pinned(sorted({name for name, _ in wanted})) as slots:
            together = shared.forward([TokenRow(ids[row], slots[name]) for name, row in wanted])
        for (name, row), answer in zip(wanted, together, strict=True):
            worst = max(worst, far(answer, alone[name][row]) / unit[name])
        rows_seen += len(wanted)
        mixed += len({name for name, _ in wanted}) > 1

    assert rows_seen > 5 * BATCHES
    assert mixed > BATCHES / 2
    assert worst < TOLERANCE
