"""A run that begins with another's weights, and one that ends at a number of tokens."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mlworker.engine.artifact import load_artifact
from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.contracts import EngineError, InitialReference, PlanMessage
from mlworker.engine.data.batches import plan_cut
from mlworker.engine.link import LocalLink
from mlworker.engine.training.run import Run, _begun
from mlworker.engine.training.setup import Setup
from tests.unit.engine.conftest import LABELS, sentences, write_run


def _trained(folder: Path, base: BaseDirectory, tier: str, **config: object) -> Path:
    spec = write_run(folder, base, tier, config={"epochs": 3, "learning_rate": 0.01, **config})
    Run(folder, spec, LocalLink()).execute()
    return folder / "artifact"


def _setup(folder: Path, base: BaseDirectory, tier: str, initial: Path, **spec: object) -> Setup:
    made = write_run(
        folder,
        base,
        tier,
        initial=InitialReference("initial", LABELS),
        config={"epochs": 3},
        **spec,
    )
    shutil.copytree(initial, folder / "initial")
    return Run(folder, made, LocalLink())._prepare()


@pytest.mark.parametrize("tier", ["lora", "full"])
def test_a_run_begins_exactly_where_the_other_ended(
    tier: str, tiny: BaseDirectory, tmp_path: Path
) -> None:
    parent = _trained(tmp_path / "parent", tiny, tier)
    model = _begun(_setup(tmp_path / "child", tiny, tier, parent))
    expected = load_artifact(parent).tensors
    own = model.tensors()
    assert set(own) == set(expected)
    for name, value in expected.items():
        torch.testing.assert_close(own[name], value, atol=0, rtol=0)


def test_a_checkpoint_is_continued_with_its_best_weights(
    tiny: BaseDirectory, tmp_path: Path
) -> None:
    parent = tmp_path / "parent"
    spec = write_run(parent, tiny, "lora", config={"epochs": 3, "learning_rate": 0.01})
    run = Run(parent, spec, LocalLink())
    run.execute()
    saved = run.save()
    assert saved is not None
    model = _begun(_setup(tmp_path / "child", tiny, "lora", parent / saved.path))
    best = load_artifact(parent / "artifact").tensors
    for name, value in model.tensors().items():
        torch.testing.assert_close(value, best[name], atol=0, rtol=0)


def test_labels_are_matched_by_name_and_new_ones_begin_anew(
    tiny: BaseDirectory, tmp_path: Path
) -> None:
    parent = _trained(tmp_path / "parent", tiny, "lora")
    rows = sentences(60)
    for row in rows[:20]:
        row["label"] = "mixed"
    folder = tmp_path / "child"
    made = write_run(folder, tiny, "lora", initial=InitialReference("initial", LABELS), train=rows)
    shutil.copytree(parent, folder / "initial")
    labels = ("good", "mixed", "bad")
    setup = Run(folder, replace(made, labels=labels), LocalLink())._prepare()
    head = _begun(setup).head
    old = load_artifact(parent).tensors
    torch.testing.assert_close(head.weight[0], old["head.weight"][LABELS.index("good")])
    torch.testing.assert_close(head.weight[2], old["head.weight"][LABELS.index("bad")])
    assert float(head.bias.detach()[1]) == 0.0


def test_weights_of_another_shape_are_refused_with_the_fix(
    tiny: BaseDirectory, tmp_path: Path
) -> None:
    parent = _trained(tmp_path / "parent", tiny, "lora", lora_rank=4)
    setup = _setup(tmp_path / "child", tiny, "lora", parent)
    with pytest.raises(EngineError, match="Train without continue_from"):
        _begun(setup)


def test_weights_of_another_base_of_the_same_name_are_refused(
    tiny: BaseDirectory, thin: BaseDirectory, tmp_path: Path
) -> None:
    parent = _trained(tmp_path / "parent", tiny, "lora")
    manifest = json.loads((parent / "manifest.json").read_text())
    manifest["base"]["weights_sha256"] = thin.weights_sha256
    (parent / "manifest.json").write_text(json.dumps(manifest))
    setup = _setup(tmp_path / "child", tiny, "lora", parent)
    with pytest.raises(EngineError, match="other weights than") as caught:
        _begun(setup)
    assert caught.value.code == "invalid_config"


def test_weights_that_would_be_left_out_are_refused(tiny: BaseDirectory, tmp_path: Path) -> None:
    parent = _trained(tmp_path / "parent", tiny, "full", embeddings="trained")
    setup = _setup(tmp_path / "child", tiny, "full", parent)
    with pytest.raises(EngineError, match="would leave out"):
        _begun(setup)


def test_a_run_ends_at_its_token_limit_with_its_best_weights(
    tiny: BaseDirectory, tmp_path: Path
) -> None:
    spec = write_run(tmp_path, tiny, "lora", config={"epochs": 4, "patience": 0})
    whole = Run(tmp_path, spec, LocalLink()).execute()
    limit = int(whole.trained_tokens * 0.6)
    folder = tmp_path / "capped"
    capped_spec = write_run(
        folder, tiny, "lora", config={"epochs": 4, "patience": 0}, token_limit=limit
    )
    link = LocalLink()
    capped = Run(folder, capped_spec, link).execute()
    plan = next(message for message in link.messages if isinstance(message, PlanMessage))
    assert (plan.trained_tokens, plan.epochs, plan.steps) == (limit, 3, capped.steps)
    assert capped.trained_tokens_planned == limit
    assert limit - 256 < capped.trained_tokens <= limit
    assert capped.steps == capped.steps_planned < whole.steps
    assert capped.epochs == pytest.approx(2.4, abs=0.15)
    assert load_artifact(folder / "artifact").manifest.labels == LABELS


def test_a_cut_plan_keeps_one_batch_at_least() -> None:
    plan = [[[0, 1], [2]], [[2], [0, 1]]]
    lengths = [5, 5, 4]
    assert plan_cut(plan, lengths, 3) == [[[0, 1]]]
    assert plan_cut(plan, lengths, 14) == [[[0, 1], [2]]]
    assert plan_cut(plan, lengths, 18) == [[[0, 1], [2]], [[2]]]
    assert plan_cut(plan, lengths, 99) == plan
