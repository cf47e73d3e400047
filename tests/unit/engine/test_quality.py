"""Real learning on the real base, small; and runs that cannot work."""

import json
import random
from pathlib import Path

import pytest

from mlworker.engine.artifact import load_artifact
from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.contracts import EngineError, MetricMessage
from mlworker.engine.link import LocalLink
from mlworker.engine.training import states
from mlworker.engine.training.run import Run
from tests.unit.engine.conftest import FILLER, sentences, write_run

EXTRA = {"head": {}, "lora": {"epochs": 5}, "full": {"epochs": 3}}


LEARNED = [
    *[(tier, "auto") for tier in EXTRA],
    ("head", "fp32"),
    *[pytest.param(tier, "fp32", marks=pytest.mark.slow) for tier in ("lora", "full")],
]


@pytest.mark.parametrize(("tier", "precision"), LEARNED)
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


def test_balanced_weights_rescue_a_rare_label(minilm: BaseDirectory, tmp_path: Path) -> None:
    rows = sentences(200)
    rare = [row for row in rows if row["label"] == "good"] + [
        row for row in rows if row["label"] == "bad"
    ][:3]
    recalls = {}
    for weights in ("none", "balanced"):
        folder = tmp_path / weights
        spec = write_run(folder, minilm, "head", train=rare, config={"class_weights": weights})
        done = Run(folder, spec, LocalLink()).execute()
        recalls[weights] = done.metrics["test"]["per_class"]["bad"]["recall"]
    assert recalls["balanced"] > recalls["none"]


def test_rows_beyond_the_cache_count_as_well(
    minilm: BaseDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = write_run(tmp_path, minilm, "head", rows=160)
    monkeypatch.setattr(states, "CACHE_BYTES", 2_000_000)
    link = LocalLink()

    done = Run(tmp_path, spec, link).execute()

    reports = [item for item in link.messages if isinstance(item, MetricMessage)]
    read = [item.epoch for item in reports]
    assert done.metrics["test"]["accuracy"] >= 0.85
    assert read == sorted(read)
    assert read[0] < 0.2
    assert read[-1] == 1.0
    assert len(reports) == done.steps_planned


def test_attention_finds_the_word_that_tells(minilm: BaseDirectory, tmp_path: Path) -> None:
    """One telling word among a hundred: the mean drowns it, a learned query does not."""
    spec = write_run(tmp_path, minilm, "head", train=_drowned(120, seed=3))
    for split, seed in (("validation", 4), ("test", 5)):
        lines = (json.dumps(row) + "\n" for row in _drowned(30, seed=seed))
        (tmp_path / f"{split}.jsonl").write_text("".join(lines))

    done = Run(tmp_path, spec, LocalLink()).execute()

    artifact = load_artifact(tmp_path / done.artifact)
    assert artifact.tensors["pool.query"].abs().max() > 0
    assert done.metrics["test"]["accuracy"] >= 0.9


def _drowned(count: int, seed: int) -> list[dict[str, str]]:
    rows = sentences(count, seed=seed)
    chance = random.Random(seed)
    return [row | {"text": f"{_filler(chance)} {row['text']} {_filler(chance)}"} for row in rows]


def _filler(chance: random.Random) -> str:
    return " ".join(chance.choices(FILLER, k=45))


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
