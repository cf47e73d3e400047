"""Interrupted runs end with the same weights; checkpoints are whole or refused."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from mlworker.engine.artifact import load_artifact
from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.checkpoint import checkpoint_path, stale_checkpoints, verify_checkpoint
from mlworker.engine.contracts import (
    CheckpointMessage,
    DoneMessage,
    EngineError,
    LogMessage,
    MetricMessage,
    StopCommand,
    TrainSpec,
)
from mlworker.engine.data.rows import hold_out
from mlworker.engine.durable import publish_folder
from mlworker.engine.link import LocalLink, StopRequested
from mlworker.engine.tasks.base import Row
from mlworker.engine.training.run import Run
from tests.unit.engine.conftest import write_run


class Interrupting(LocalLink):
    """Asks the run to stop when it looks for the n-th time."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.left = after

    def poll(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise StopRequested(StopCommand("checkpoint"))


def _broken_run(folder: Path, spec: TrainSpec, after: int) -> tuple[DoneMessage, int]:
    """Run to the end, stopped every `after` looks; gives the number of interruptions."""
    stops = 0
    while True:
        run = Run(folder, spec, Interrupting(after))
        try:
            return run.execute(), stops
        except StopRequested:
            saved = run.save()
            stops += 1
            spec = replace(spec, resume=spec.resume if saved is None else saved.path)


RUNS = [
    ("lora", {"lora_dropout": 0.1}, 9),
    ("lora", {"lora_targets": "query_value", "frozen_layers": 1, "hidden_dropout": 0.2}, 14),
    ("full", {}, 9),
    ("full", {"consistency": 1.0, "hidden_dropout": 0.2}, 9),
    ("full", {"frozen_layers": 1, "optimizer": "sgd", "scheduler": "constant"}, 14),
    ("full", {"embeddings": "trained", "optimizer": "adam", "scheduler": "cosine"}, 11),
]


@pytest.mark.parametrize(("tier", "values", "after"), RUNS)
def test_an_interrupted_run_ends_with_the_same_weights(
    tier: str, values: dict[str, object], after: int, tiny: BaseDirectory, tmp_path: Path
) -> None:
    config = {"epochs": 2, "patience": 0, **values}
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    expected = Run(whole, write_run(whole, tiny, tier, config=config), LocalLink()).execute()

    done, stops = _broken_run(broken, write_run(broken, tiny, tier, config=config), after)

    assert stops >= 2
    assert (done.steps, done.trained_tokens) == (expected.steps, expected.trained_tokens)
    assert done.metrics == expected.metrics
    first, second = load_artifact(whole / "artifact"), load_artifact(broken / "artifact")
    for name, tensor in first.tensors.items():
        torch.testing.assert_close(second.tensors[name], tensor, atol=1e-6, rtol=1e-5)


def test_a_checkpoint_from_before_the_averages_is_continued(
    tiny: BaseDirectory, tmp_path: Path
) -> None:
    spec = write_run(tmp_path, tiny, "lora", config={"epochs": 2, "patience": 0})
    run = Run(tmp_path, spec, Interrupting(9))
    with pytest.raises(StopRequested):
        run.execute()
    saved = run.save()
    assert saved is not None
    tensors = load_file(tmp_path / saved.path / "state.safetensors")
    old = {name: value for name, value in tensors.items() if not name.startswith("average.")}
    with publish_folder(tmp_path / saved.path, _described(tmp_path / saved.path)) as folder:
        save_file(old, folder / "state.safetensors")
        shutil.copy(tmp_path / saved.path / "state.json", folder)

    done = Run(tmp_path, replace(spec, resume=saved.path), LocalLink()).execute()

    assert done.steps == done.steps_planned


@dataclass(frozen=True)
class Checkpointed:
    """A run that left a checkpoint after each step; its folder is copied and never written."""

    folder: Path
    done: DoneMessage
    saved: list[CheckpointMessage]

    def copy(self, to: Path) -> Path:
        """Copy the run; its newest checkpoint in the copy."""
        shutil.copytree(self.folder, to, dirs_exist_ok=True)
        return to / self.saved[-1].path


@pytest.fixture(scope="module")
def checkpointed(tiny: BaseDirectory, tmp_path_factory: pytest.TempPathFactory) -> Checkpointed:
    folder, link = tmp_path_factory.mktemp("checkpointed"), LocalLink()
    spec = write_run(folder, tiny, "lora", config={"epochs": 1}, checkpoint_seconds=0.0)
    done = Run(folder, spec, link).execute()
    saved = [item for item in link.messages if isinstance(item, CheckpointMessage)]
    return Checkpointed(folder, done, saved)


def test_a_checkpoint_of_other_hyperparameters_is_refused_as_such(
    checkpointed: Checkpointed, tmp_path: Path
) -> None:
    """The supervisor then begins without it, instead of giving the job up."""
    folder = checkpointed.copy(tmp_path)
    body = json.loads((folder / "state.json").read_text())
    del body["config"]["scheduler"]
    tensors = load_file(folder / "state.safetensors")
    with publish_folder(folder, _described(folder)) as new:
        (new / "state.json").write_text(json.dumps(body))
        save_file(tensors, new / "state.safetensors")
    spec = replace(TrainSpec.read(tmp_path), resume=str(folder.relative_to(tmp_path)))

    with pytest.raises(EngineError, match="another version") as caught:
        Run(tmp_path, spec, LocalLink()).execute()

    assert caught.value.code == "checkpoint_corrupt"


def _described(folder: Path) -> dict[str, object]:
    body = json.loads((folder / "manifest.json").read_text())
    return {name: value for name, value in body.items() if name != "files"}


def test_the_same_seed_gives_the_same_model_and_another_does_not(
    tiny: BaseDirectory, tmp_path: Path
) -> None:
    heads = []
    for number, seed in enumerate((1, 1, 2)):
        folder = tmp_path / str(number)
        spec = write_run(folder, tiny, "lora", config={"epochs": 1, "seed": seed})
        Run(folder, spec, LocalLink()).execute()
        heads.append(load_artifact(folder / "artifact").tensors["head.weight"])
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])


def test_early_stopping_is_charged_for_what_was_read(tiny: BaseDirectory, tmp_path: Path) -> None:
    spec = write_run(tmp_path, tiny, "lora", config={"epochs": 30, "patience": 1, "min_delta": 0.9})

    done = Run(tmp_path, spec, LocalLink()).execute()

    assert done.early_stopped
    assert done.steps < done.steps_planned
    assert done.trained_tokens < done.trained_tokens_planned


def test_micro_steps_while_polite_reach_the_same_place(tiny: BaseDirectory, tmp_path: Path) -> None:
    results = []
    for polite in (False, True):
        folder = tmp_path / str(polite)
        spec = write_run(folder, tiny, "lora", config={"epochs": 1, "dropout": 0.0})
        link = LocalLink()
        link.polite = polite
        Run(folder, spec, link).execute()
        results.append(load_artifact(folder / "artifact").tensors["head.weight"])
    torch.testing.assert_close(results[0], results[1], atol=1e-4, rtol=1e-3)


def test_only_the_newest_checkpoints_stay(checkpointed: Checkpointed) -> None:
    last = checkpointed.folder / checkpointed.saved[-1].path
    kept = sorted(path.name for path in last.parent.iterdir())
    assert len(kept) == 2
    assert kept[-1] == last.name
    assert verify_checkpoint(last).path == last


@pytest.mark.parametrize("study", [{}, {"folds": 2}])
def test_a_disk_that_takes_no_checkpoint_ends_no_run(
    study: dict[str, int], tiny: BaseDirectory, tmp_path: Path
) -> None:
    config = {"epochs": 1, "patience": 0}
    spec = write_run(tmp_path, tiny, "lora", config=config, checkpoint_seconds=0.0, **study)
    (tmp_path / "checkpoints").write_text("in the way")
    link = LocalLink()
    done = Run(tmp_path, spec, link).execute()
    assert done.steps == done.steps_planned
    told = {item.message for item in link.messages if isinstance(item, LogMessage)}
    assert told == {"No checkpoint was written: the disk did not take it."}


def test_a_checkpoint_says_how_many_tokens_it_keeps(checkpointed: Checkpointed) -> None:
    done, saved = checkpointed.done, checkpointed.saved
    tokens = [item.trained_tokens for item in saved]
    assert tokens == sorted(tokens)
    assert (saved[-1].step, tokens[-1]) == (done.steps, done.trained_tokens)
    assert 0 < tokens[0] < tokens[-1]


def test_half_written_folders_are_swept(tmp_path: Path) -> None:
    half = tmp_path / "checkpoints" / ".tmp-step-00000009-1"
    half.mkdir(parents=True)
    checkpoint_path(tmp_path, 3).mkdir()
    assert stale_checkpoints(tmp_path) == [half]


def _cut_tensors(folder: Path) -> None:
    path = folder / "state.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def _drop_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def _cut_manifest(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(path.read_text()[:-20])


def _add_file(folder: Path) -> None:
    (folder / "extra.bin").write_bytes(b"x")


def _drop_state(folder: Path) -> None:
    (folder / "state.json").unlink()


def _other_format(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))


def _outside(folder: Path) -> None:
    moved = folder.parent.parent / "moved.json"
    (folder / "state.json").rename(moved)
    (folder / "state.json").symlink_to(moved)


@pytest.mark.parametrize(
    "damage",
    [
        _cut_tensors,
        _drop_manifest,
        _cut_manifest,
        _add_file,
        _drop_state,
        _other_format,
        _outside,
        shutil.rmtree,
    ],
)
def test_a_checkpoint_that_is_not_whole_is_refused(
    damage: Callable[[Path], None], checkpointed: Checkpointed, tmp_path: Path
) -> None:
    folder = checkpointed.copy(tmp_path)
    verify_checkpoint(folder)

    damage(folder)

    with pytest.raises(EngineError) as caught:
        verify_checkpoint(folder)
    assert caught.value.code == "checkpoint_corrupt"


def test_a_checkpoint_of_other_rows_is_refused(
    checkpointed: Checkpointed, tiny: BaseDirectory, tmp_path: Path
) -> None:
    folder = checkpointed.copy(tmp_path / "one")
    spec = write_run(tmp_path / "two", tiny, "lora", rows=60, resume=str(folder))

    with pytest.raises(EngineError, match="other rows") as caught:
        Run(tmp_path / "two", spec, LocalLink()).execute()

    assert caught.value.code == "checkpoint_corrupt"


@pytest.mark.parametrize(
    ("rows", "labels", "held"),
    [
        (19, 2, 19),
        (20, 2, 2),
        (4_990, 2, 499),
        (8_530, 2, 500),
        (8_530, 50, 500),
        (10_003, 77, 770),
        (5_000, 77, 500),
        (9_000, 0, 500),
    ],
)
def test_a_tenth_of_the_rows_is_held_out_and_500_or_ten_a_label_at_most(
    rows: int, labels: int, held: int
) -> None:
    every: list[Row] = [{"text": str(number)} for number in range(rows)]

    train, validation = hold_out(every, seed=3, labels=labels)

    assert len(validation) == held
    assert {*map(id, train), *map(id, validation)} == {*map(id, every)}
    assert len(train) == rows - held or train is validation
    assert hold_out(every, seed=3, labels=labels) == (train, validation)


def test_without_validation_rows_a_tenth_is_held_out(tiny: BaseDirectory, tmp_path: Path) -> None:
    spec = write_run(tmp_path, tiny, "lora", rows=100, config={"epochs": 1})
    (tmp_path / "validation.jsonl").write_text("")
    (tmp_path / "test.jsonl").unlink()
    link = LocalLink()

    done = Run(tmp_path, spec, link).execute()

    assert done.metrics["validation"]["rows"] == 10
    assert done.metrics["test"] is None
    assert all(
        isinstance(item.epoch, float) for item in link.messages if isinstance(item, MetricMessage)
    )
