"""bf16: only for models that passed a gate of their own, and never in a batch with float32."""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from mlworker.engine.artifact import Artifact
from mlworker.engine.artifact_manifest import FullEntry
from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.contracts import Json
from mlworker.engine.data.rows import EncodedSplit
from mlworker.engine.evaluation.precision import gate_measure
from mlworker.engine.exporting.contracts import MAX_LOSS
from mlworker.engine.inference import Resident, TokenRow, serving_precision
from mlworker.engine.precision import BF16, NEIGHBOURS, Bf16Gate, gate_of, gate_passed
from mlworker.engine.shipped_card import card_with_gate
from tests.unit.engine.conftest import sentences
from tests.unit.engine.test_artifact import make_artifact
from tests.unit.engine.test_mixed_batches import MODELS, far, made

EXACT = 1e-5
PASSED = Bf16Gate(1_000, "test", "accuracy", 0.9, 0.9, 0.001)


def gated(artifact: Artifact, gate: Bf16Gate | None) -> Artifact:
    figures: dict[str, Json] = {} if gate is None else {BF16: gate.describe()}
    return replace(artifact, manifest=replace(artifact.manifest, metrics=figures))


def rows_for(resident: Resident, slots: Sequence[int]) -> list[TokenRow]:
    texts = [row["text"] for row in sentences(len(slots), seed=3)]
    encoded = resident.tokenizer.encode(texts, 64)
    return [TokenRow(each.ids, slot) for each, slot in zip(encoded, slots, strict=True)]


@pytest.mark.parametrize(
    ("bfloat16", "passed"),
    [
        (0.9, True),
        (0.95, True),
        (0.9 - MAX_LOSS / 2, True),
        (0.9 - 2 * MAX_LOSS, False),
        (float("nan"), False),
    ],
)
def test_half_a_point_is_the_most_that_bf16_may_cost(bfloat16: float, *, passed: bool) -> None:
    gate = replace(PASSED, bfloat16=bfloat16)
    assert gate.passed == passed
    assert gate_passed({BF16: gate.describe()}) == passed


def test_a_version_that_was_never_measured_has_no_gate_and_passes_nothing() -> None:
    assert gate_of({"test": {"accuracy": 1.0}}) is None
    assert not gate_passed({})


def test_what_a_later_release_says_of_the_gate_is_left_out() -> None:
    assert gate_of({BF16: {**PASSED.describe(), "rounds": 3}}) == PASSED


def test_only_models_that_passed_are_answered_in_bf16(tiny: BaseDirectory) -> None:
    artifact = make_artifact(tiny, "lora")
    failed = replace(PASSED, bfloat16=0.8)
    exact, mixed = (
        Resident.open(tiny, slots=3, precision=precision) for precision in ("float32", "gated")
    )
    for slot, gate in enumerate((PASSED, failed, None)):
        exact.load(slot, gated(artifact, gate))
        mixed.load(slot, gated(artifact, gate))
    rows = rows_for(exact, [0, 1, 2] * 8)

    assert [exact.precision(slot) for slot in range(3)] == ["float32"] * 3
    assert [mixed.precision(slot) for slot in range(3)] == ["bfloat16", "float32", "float32"]
    expected, found = exact.forward(rows), mixed.forward(rows)

    apart = [
        max(far(one, other) for one, other in zip(found[slot::3], expected[slot::3], strict=True))
        for slot in range(3)
    ]
    assert EXACT < apart[0] < 0.1  # else nothing ran in bf16
    assert max(apart[1:]) < EXACT
    assert mixed.embed(rows[:4]) == exact.embed(rows[:4])


def test_a_row_answers_the_same_in_any_company_in_bf16_too(tiny: BaseDirectory) -> None:
    dice, names = random.Random(5), list(MODELS)
    resident = Resident.open(tiny, slots=len(names), precision="gated")
    for slot, name in enumerate(names):
        resident.load(slot, gated(made(tiny, name), dice.choice((PASSED, None))))
    worst, known = 0.0, dict[tuple[tuple[int, ...], int], list[float]]()

    def lone(row: TokenRow) -> list[float]:
        key = tuple(row.ids), row.slot
        if key not in known:
            [known[key]] = resident.forward([row])
        return known[key]

    for _ in range(200):
        rows = rows_for(resident, dice.choices(range(len(names)), k=dice.randint(1, 16)))
        together = resident.forward(rows)
        alone = [lone(row) for row in rows]
        worst = max(worst, *(far(one, other) for one, other in zip(together, alone, strict=True)))

    assert worst < NEIGHBOURS


@pytest.mark.parametrize("name", list(MODELS))
def test_every_task_and_tier_is_measured_by_its_own_figure(name: str, tiny: BaseDirectory) -> None:
    artifact = made(tiny, name)
    resident = Resident.open(tiny, slots=1)
    resident.load(0, artifact)
    rows = rows_for(resident, [0] * 12)
    truth, width = TARGETS[artifact.manifest.task], len(artifact.manifest.labels)
    split = EncodedSplit(
        tuple(row.ids for row in rows), tuple(truth(len(row.ids), width) for row in rows)
    )

    gate = gate_measure(artifact, tiny, split, "test", most=10)

    assert (gate.rows, gate.split) == (10, "test")
    assert gate == gate_measure(artifact, tiny, split, "test", most=10)
    assert gate == gate_of({BF16: gate.describe()})


TARGETS = {
    "text_classification": lambda tokens, width: tokens % width,
    "multi_label_classification": lambda tokens, width: (1,) * width,
    "regression": lambda tokens, width: float(tokens),
    "token_classification": lambda tokens, width: (0,) * tokens,
}


def test_a_model_of_tier_full_takes_half_in_bf16_and_shares_what_is_frozen(
    tiny: BaseDirectory,
) -> None:
    entry = FullEntry(first_block=1, embeddings=False)
    artifact = gated(make_artifact(tiny, "full", full=entry), PASSED)
    exact, half = (
        Resident.open(tiny, slots=1, precision=precision) for precision in ("float32", "gated")
    )
    pooler = 4 * sum(exact.bert.pooler.weight.shape[0] * width for width in (32, 1))

    assert half.size(artifact) - pooler == (exact.size(artifact) - pooler) // 2
    model = half.prepare(artifact).model
    first, last = (layer.qkv for layer in model.bert.layers)
    shared, own = (layer.qkv for layer in model.lane.bert.layers)
    assert first is shared
    assert last is not own
    assert type(last) is type(own)


def test_the_setting_decides_whether_a_gate_is_looked_at() -> None:
    assert serving_precision("float32") == "float32"
    assert serving_precision("bfloat16") == "gated"
    assert serving_precision("auto") in ("float32", "gated")


def test_the_shipped_models_card_says_once_what_bf16_costs() -> None:
    shipped = Path(__file__).resolve().parents[3] / "mlworker/catalog/shipped/sentiment-en"
    card = (shipped / "README.md").read_text("utf-8")

    again = card_with_gate(card, replace(PASSED, bfloat16=0.899))

    assert len(again.splitlines()) == len(card.splitlines())
    assert "0.8990 instead of 0.9000 (1000 rows, 0.10% of them answered otherwise)" in again
    assert again.count("in bf16") == 1
