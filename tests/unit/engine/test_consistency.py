"""Two readings of each row: how far apart their answers are, what they cost, what they change."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.distributions import Bernoulli, Categorical, Distribution, Normal, kl_divergence

from mlworker.engine.artifact import load_artifact
from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.contracts import DoneMessage
from mlworker.engine.link import LocalLink
from mlworker.engine.tasks import task_named
from mlworker.engine.tasks.base import IGNORED
from mlworker.engine.training.config import ConfigError, resolve_auto
from mlworker.engine.training.consistency import divergence
from mlworker.engine.training.run import Run
from tests.unit.engine.conftest import write_run

FIRST, SECOND = (torch.randn(7, 3, generator=torch.Generator().manual_seed(n)) for n in (1, 2))


def _both_ways(a: Distribution, b: Distribution) -> torch.Tensor:
    return (kl_divergence(a, b) + kl_divergence(b, a)) / 2


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (
            "text_classification",
            _both_ways(Categorical(logits=FIRST), Categorical(logits=SECOND)).sum(),
        ),
        (
            "multi_label_classification",
            _both_ways(Bernoulli(logits=FIRST), Bernoulli(logits=SECOND)).mean(-1).sum(),
        ),
        ("regression", _both_ways(Normal(FIRST, 1.0), Normal(SECOND, 1.0)).sum()),
    ],
)
def test_it_is_the_mean_of_both_directions_divergences(task: str, expected: torch.Tensor) -> None:
    found = divergence(task_named(task), FIRST, SECOND, torch.zeros(7))

    torch.testing.assert_close(found, expected)


def test_tokens_that_are_not_asked_do_not_count() -> None:
    task = task_named("token_classification")
    asked = torch.tensor([0, IGNORED, 2, 1, IGNORED, 0, 1])

    found = divergence(task, FIRST, SECOND, asked)

    rest = asked != IGNORED
    torch.testing.assert_close(found, divergence(task, FIRST[rest], SECOND[rest], asked[rest]))


def _done(folder: Path, base: BaseDirectory, **config: Any) -> DoneMessage:
    given = {"epochs": 3, "batch_tokens": 450, "hidden_dropout": 0.2, "precision": "fp32", **config}
    spec = write_run(folder, base, tier="full", config={"patience": 0, **given})
    return Run(folder, spec, LocalLink()).execute()


def test_a_pass_costs_twice_its_tokens_and_ends_in_other_weights(
    tmp_path: Path, tiny: BaseDirectory
) -> None:
    once = _done(tmp_path / "once", tiny)
    twice = _done(tmp_path / "twice", tiny, consistency=2.0)

    assert twice.trained_tokens == twice.trained_tokens_planned == 2 * once.trained_tokens
    assert (twice.steps, twice.epochs) == (once.steps, once.epochs)
    first, second = (
        load_artifact(tmp_path / name / "artifact").tensors["head.weight"]
        for name in ("once", "twice")
    )
    assert not torch.allclose(first, second, atol=1e-4)


def test_a_price_limit_counts_both_readings(tmp_path: Path, tiny: BaseDirectory) -> None:
    whole = _done(tmp_path / "whole", tiny, consistency=1.0)
    spec = write_run(
        tmp_path / "half",
        tiny,
        tier="full",
        config={"epochs": 3, "batch_tokens": 450, "consistency": 1.0, "patience": 0},
        token_limit=whole.trained_tokens // 2,
    )

    half = Run(tmp_path / "half", spec, LocalLink()).execute()

    assert 0.4 * whole.trained_tokens < half.trained_tokens <= whole.trained_tokens // 2


def test_without_dropout_there_is_nothing_to_compare() -> None:
    shapes: dict[str, Any] = {"rows": 500, "classes": 2, "tier": "full"}
    none = {"dropout": 0, "hidden_dropout": 0}

    with pytest.raises(ConfigError, match="differ by dropout") as refused:
        resolve_auto({**none, "consistency": 1}, **shapes)

    assert refused.value.field == "consistency"
    # What a preset brings gives way to what was asked for.
    assert resolve_auto(none, preset="best", **shapes).consistency == 0
    assert resolve_auto({"dropout": 0}, preset="best", **shapes).consistency > 0
