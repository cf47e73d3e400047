"""Real learning on the real base, small; and runs that cannot work."""

from pathlib import Path

import pytest

from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.contracts import EngineError, MetricMessage
from mlworker.engine.link import LocalLink
from mlworker.engine.training.run import Run
from tests.unit.engine.conftest import sentences, write_run

EXTRA = {"head": {}, "lora": {"epochs": 5}}


@pytest.mark.parametrize("tier", ["head", "lora"])
@pytest.mark.parametrize("precision", ["fp32", "auto"])
def test_a_tier_learns(tier: str, precision: str, minilm: BaseDirectory, tmp_path: Path) -> None:
    spec = write_run(
        tmp_path, minilm, tier, rows=80, config={"precision": precision, **EXTRA[tier]}
    )
    link = LocalLink()

    done = Run(tmp_path, spec, link).execute()

    assert done.metrics["test"]["accuracy"] >= 0.85
    reports = [item for item in link.messages if isinstance(item, MetricMessage)]
    curve = [item.validation["loss"] for item in reports if item.validation]
    assert curve[-1] < curve[0]
    assert len(curve) >= 3
    # Tier head fits growing parts first: its training loss falls once all rows are read.
    whole = [item.train_loss for item in reports if item.epoch >= 1.0]
    assert whole[-1] < whole[0]


def test_balanced_weights_rescue_a_rare_label(tiny: BaseDirectory, tmp_path: Path) -> None:
    rows = sentences(200)
    rare = [row for row in rows if row["label"] == "good"] + [
        row for row in rows if row["label"] == "bad"
    ][:6]
    recalls = {}
    for weights in ("none", "balanced"):
        folder = tmp_path / weights
        spec = write_run(folder, tiny, "head", train=rare, config={"class_weights": weights})
        done = Run(folder, spec, LocalLink()).execute()
        recalls[weights] = done.metrics["test"]["per_class"]["bad"]["recall"]
    assert recalls["balanced"] > recalls["none"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"train": []}, "invalid_data"),
        ({"train": sentences(40)[::2]}, "invalid_data"),
        ({"train": [{"row_id": "r7", "text": " ", "label": "good"}]}, "invalid_data"),
        ({"train": [{"row_id": "r7", "text": None, "label": "good"}]}, "invalid_data"),
        ({"train": [{"row_id": "r7", "text": "x", "label": "other"}]}, "invalid_data"),
        ({"config": {"learning_rate": 1e9}}, "invalid_config"),
        ({"config": {"batch_size": 3}}, "invalid_config"),
        ({"resume": "checkpoints/step-00000001"}, "checkpoint_corrupt"),
    ],
)
def test_what_cannot_work_ends_with_a_code_and_a_sentence(
    change: dict[str, object], code: str, tiny: BaseDirectory, tmp_path: Path
) -> None:
    spec = write_run(tmp_path, tiny, "lora", **change)

    with pytest.raises(EngineError) as caught:
        Run(tmp_path, spec, LocalLink()).execute()

    assert caught.value.code == code
    assert len(caught.value.message) > 20
    assert not (tmp_path / "artifact").exists()


def test_a_line_that_is_no_object_is_named(tiny: BaseDirectory, tmp_path: Path) -> None:
    spec = write_run(tmp_path, tiny, "head")
    with (tmp_path / "train.jsonl").open("a") as stream:
        stream.write("[1, 2]\n")
    with pytest.raises(EngineError, match="line 81") as caught:
        Run(tmp_path, spec, LocalLink()).execute()
    assert caught.value.code == "invalid_data"
