"""kill -9 at a random step, and another child after it: the weights of an unbroken run.

Real processes and signals. Tier head has no checkpoint: it reads the rows once, and does so again.
"""

import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from mlworker.engine.artifact import Artifact, load_artifact
from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.checkpoint import verify_checkpoint
from mlworker.engine.contracts import DoneMessage, ExitCode
from mlworker.engine.link import LocalLink
from mlworker.engine.training.run import Run
from tests.unit.engine.conftest import Child, Start, write_run

Whole = dict[str, tuple[DoneMessage, Artifact]]

SEEDS = [pytest.param(seed, marks=[pytest.mark.slow] if seed > 1 else []) for seed in range(20)]
STEP = 0.01
"""Seconds that a step takes longer, and a checkpoint is due after eight of them."""
SETTINGS: dict[str, dict[str, Any]] = {
    "head": {},
    "lora": {"epochs": 3, "patience": 0, "lora_dropout": 0.1},
    "full": {"epochs": 3, "patience": 0, "hidden_dropout": 0.1},
}


@pytest.fixture(scope="module")
def whole(tiny: BaseDirectory, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Unbroken runs, one of each tier."""
    found = {}
    for tier, config in SETTINGS.items():
        folder = tmp_path_factory.mktemp(tier)
        spec = write_run(folder, tiny, tier, config={**config, "seed": 3})
        done = Run(folder, spec, LocalLink()).execute()
        found[tier] = (done, load_artifact(folder / done.artifact))
    return found


def _write(folder: Path, base: BaseDirectory, tier: str, resume: str | None = None) -> None:
    write_run(
        folder,
        base,
        tier,
        config={**SETTINGS[tier], "seed": 3},
        resume=resume,
        checkpoint_seconds=8 * STEP,
        test_hooks={"step_delay_ms": 1000 * STEP},
    )


def _killed(child: Child, kind: str, step: int, wait: float) -> None:
    """End a child without warning, some time after it has told of a step."""
    while child.until(kind)["step"] < step:
        continue
    time.sleep(wait)
    child.process.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL


def _assert_same(folder: Path, child: Child, expected: DoneMessage, artifact: Artifact) -> None:
    assert child.wait() == ExitCode.DONE
    done = child.messages[-1]
    for name in ("steps", "steps_planned", "trained_tokens", "trained_tokens_planned"):
        assert done[name] == getattr(expected, name), name
    assert done["metrics"] == expected.metrics
    found = load_artifact(folder / "artifact")
    assert set(found.tensors) == set(artifact.tensors)
    for name, tensor in artifact.tensors.items():
        torch.testing.assert_close(found.tensors[name], tensor, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("tier", ["lora", "full"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a1_a_run_killed_at_a_random_step_ends_with_the_weights_of_an_unbroken_one(
    seed: int, tier: str, whole: Whole, tiny: BaseDirectory, tmp_path: Path, start: Start
) -> None:
    expected, artifact = whole[tier]
    chance = random.Random(seed)
    _write(tmp_path, tiny, tier)

    _killed(
        start(tmp_path),
        "checkpoint",
        chance.randrange(1, expected.steps_planned * 2 // 3),
        chance.random() * 8 * STEP,
    )

    newest = max((tmp_path / "checkpoints").glob("step-*"))
    saved = verify_checkpoint(newest).step
    assert 0 < saved < expected.steps_planned
    _write(tmp_path, tiny, tier, resume=str(newest.relative_to(tmp_path)))
    second = start(tmp_path)
    _assert_same(tmp_path, second, expected, artifact)
    # An evaluation that was due at the checkpoint's own step is made again.
    assert min(each["step"] for each in second.messages if each["type"] == "metric") >= saved


@pytest.mark.parametrize("seed", SEEDS)
def test_a_head_killed_at_a_random_step_is_learned_again_and_is_the_same(
    seed: int, whole: Whole, tiny: BaseDirectory, tmp_path: Path, start: Start
) -> None:
    expected, artifact = whole["head"]
    chance = random.Random(seed)
    _write(tmp_path, tiny, "head")

    _killed(start(tmp_path), "metric", chance.randrange(expected.steps_planned - 2), 0.0)

    assert not (tmp_path / "artifact").exists()
    _assert_same(tmp_path, start(tmp_path), expected, artifact)
