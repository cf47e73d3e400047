"""Model cards hold facts, and no customer's text can become markup in them."""

from dataclasses import replace

from anneal.kernel.ids import uuid7
from mlworker.engine.precision import BF16, Bf16Gate
from mlworker.registry.cards import model_card
from mlworker.registry.contracts import NewModelVersion
from tests.unit.registry.factories import LINEAGE

VERSION = NewModelVersion(
    base="minilm-l6",
    tier="lora",
    task="text_classification",
    labels=("good", "bad"),
    suffix="",
    job_id=uuid7(),
    dataset_version_id=uuid7(),
    max_length=128,
    metrics={},
    artifact_key="k",
    artifact_sha256="s",
    artifact_bytes=1,
)


def test_labels_cannot_break_out_of_their_line() -> None:
    hostile = replace(VERSION, labels=("`</code><script>\n# owned", "ok"))
    card = model_card(name="ft:x", version=hostile, lineage=LINEAGE)
    assert "- `'</code><script> # owned`" in card
    assert "\n# owned" not in card


def test_a_version_without_a_test_says_so() -> None:
    card = model_card(name="ft:x", version=VERSION, lineage=LINEAGE)
    assert "Not measured" in card


def test_the_card_tells_the_lineage() -> None:
    card = model_card(name="ft:x", version=VERSION, lineage=LINEAGE)
    assert LINEAGE.dataset_hash in card
    assert "train 80, validation 10, test 10" in card
    assert "trained tokens: 900" in card


def test_the_card_tells_what_bf16_costs() -> None:
    gate = Bf16Gate(800, "test", "accuracy", 0.91, 0.909, 0.004)
    figures = {"test": {"rows": 800, "accuracy": 0.91, "macro_f1": 0.9}, BF16: gate.describe()}
    card = model_card(name="ft:x", version=replace(VERSION, metrics=figures), lineage=LINEAGE)
    assert "In bf16 accuracy is 0.9090 instead of 0.9100 on 800 rows of the test split" in card
    assert "served in bf16" in card
