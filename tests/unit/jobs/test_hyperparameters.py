"""From the words of the API to the trainer's configuration."""

from typing import Any

import pytest

from mlworker.engine.training.config import TrainConfig
from mlworker.jobs.errors import HyperparameterInvalid, TierUnsupported
from mlworker.jobs.hyperparameters import config_resolve, tier_checked


def resolve(tier: str = "lora", **requested: Any) -> TrainConfig:
    return config_resolve(requested, tier=tier, seed=5, rows=800, classes=2, tokens_per_row=20.0)


def test_auto_is_the_same_as_silence() -> None:
    assert resolve(n_epochs="auto", learning_rate=None, batch_size="auto") == resolve()


def test_the_jobs_seed_is_the_trainers() -> None:
    assert resolve().seed == 5


def test_openais_names_are_understood() -> None:
    config = resolve(n_epochs=2, batch_size=16, learning_rate_multiplier=2)
    assert config.epochs == 2
    assert config.batch_tokens == 320
    assert config.learning_rate == pytest.approx(2 * resolve().learning_rate)


def test_a_tiny_batch_becomes_the_smallest_budget() -> None:
    assert resolve(batch_size=1).batch_tokens == 64


def test_our_own_name_wins_over_a_multiplier() -> None:
    assert resolve(learning_rate=0.01, learning_rate_multiplier=9).learning_rate == 0.01


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_epochs", 0),
        ("n_epochs", 10**9),
        ("n_epochs", True),
        ("n_epochs", "three"),
        ("learning_rate", float("nan")),
        ("learning_rate", 1e9),
        ("batch_size", 0),
        ("batch_size", "many"),
        ("learning_rate_multiplier", -1),
        ("learning_rate_multiplier", 1e300),
        ("learning_rate_multiplier", 1e5),
        ("max_length", 10**7),
        ("wings", 2),
        ("seed", 3),
    ],
)
def test_what_is_out_of_bounds_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(HyperparameterInvalid) as caught:
        resolve(**{name: value})
    assert caught.value.param is not None
    assert caught.value.param.startswith("hyperparameters.")


def test_auto_tier_is_lora() -> None:
    assert tier_checked("auto") == "lora"


@pytest.mark.parametrize("tier", ["full", "", "x" * 999])
def test_an_unknown_tier_is_refused(tier: str) -> None:
    with pytest.raises(TierUnsupported, match="head or lora"):
        tier_checked(tier)
