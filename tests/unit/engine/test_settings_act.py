"""No hyper-parameter is taken and then ignored: another value trains another model.

`test_options` says what each one does; here none may do nothing, in any tier that has it.
"""

from pathlib import Path
from typing import cast

import pytest
import torch
from torch import Tensor

from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.contracts import MetricMessage
from mlworker.engine.link import LocalLink
from mlworker.engine.training.config import HYPERPARAMETERS, TIERS
from mlworker.engine.training.head import HeadRun
from mlworker.engine.training.loop import TrainingLoop
from mlworker.engine.training.run import Run, _begun
from tests.unit.engine.conftest import sentences, write_run

CHANGES: dict[str, tuple[dict[str, object], object]] = {
    "epochs": ({}, 2),
    "learning_rate": ({}, 3e-4),
    "head_rate": ({}, 3.0),
    "batch_tokens": ({}, 256),
    "max_length": ({}, 8),
    "optimizer": ({}, "adam"),
    "momentum": ({"optimizer": "sgd"}, 0.5),
    "scheduler": ({}, "constant"),
    "warmup_fraction": ({}, 0.5),
    "weight_decay": ({}, 1.0),
    "head_penalty": ({}, 1.0),
    "head_block": ({"head_block": 2}, 1),
    "max_grad_norm": ({}, 0.05),
    "label_smoothing": ({}, 0.2),
    "class_weights": ({}, "balanced"),
    "dropout": ({}, 0.5),
    "hidden_dropout": ({}, 0.4),
    "consistency": ({}, 2.0),
    "lora_rank": ({}, 4),
    "lora_alpha": ({}, 64.0),
    "lora_dropout": ({}, 0.4),
    "lora_targets": ({}, "attention"),
    "frozen_layers": ({}, 1),
    "embeddings": ({}, "trained"),
    "pooling": ({}, "first"),
    "precision": ({}, "bf16"),
    "seed": ({}, 9),
}
"""What stands beside each, and the value it is changed to."""
STOPPING = {"patience", "min_delta"}
"""They act on when a run ends: see below and `test_resume`."""
CASES = [(tier, name) for name in CHANGES for tier in TIERS if tier in HYPERPARAMETERS[name].tiers]


def _rows() -> list[dict[str, str]]:
    """Three of four have the same label, so that weights of classes weigh."""
    rows = sentences(96)
    return [row for number, row in enumerate(rows) if row["label"] == "bad" or number % 3 == 1]


def _trained(
    folder: Path, base: BaseDirectory, tier: str, config: dict[str, object]
) -> dict[str, Tensor]:
    short = {} if tier == "head" else {"epochs": 1}
    spec = write_run(folder, base, tier, train=_rows(), config={**short, **config})
    setup = Run(folder, spec, LocalLink())._prepare()
    run = HeadRun(setup) if tier == "head" else TrainingLoop(setup, lambda: _begun(setup))
    return run.train().tensors


def _same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(
        torch.equal(value, second[name]) for name, value in first.items()
    )


def test_no_hyperparameter_is_left_out_here() -> None:
    assert CHANGES.keys() | STOPPING | {"tier"} == HYPERPARAMETERS.keys()


@pytest.mark.parametrize("tier", TIERS)
def test_the_same_settings_train_the_same_model(
    tier: str, tiny: BaseDirectory, tmp_path: Path
) -> None:
    first, second = (_trained(tmp_path / name, tiny, tier, {}) for name in ("one", "two"))
    assert _same(first, second)


@pytest.mark.parametrize(("tier", "name"), CASES)
def test_another_value_trains_another_model(
    tier: str, name: str, tiny: BaseDirectory, tmp_path: Path
) -> None:
    beside, value = CHANGES[name]
    before = _trained(tmp_path / "before", tiny, tier, beside)
    after = _trained(tmp_path / "after", tiny, tier, {**beside, name: value})
    assert not _same(before, after)


def test_a_gain_below_the_least_does_not_keep_a_run_going(
    tiny: BaseDirectory, tmp_path: Path
) -> None:
    evaluations = []
    for least in (0.9, 0.0):
        config = {"epochs": 12, "patience": 3, "min_delta": least, "learning_rate": 5e-3}
        folder, link = tmp_path / str(least), LocalLink()
        setup = Run(folder, write_run(folder, tiny, "full", config=config), link)._prepare()
        TrainingLoop(setup, lambda setup=setup: _begun(setup)).train()
        metrics = [cast("MetricMessage", one) for one in link.messages if one.type == "metric"]
        evaluations.append(sum(one.validation is not None for one in metrics))
    # the first is always a gain, and after three without one it ends
    assert evaluations[0] == 4
    assert evaluations[1] > 4
