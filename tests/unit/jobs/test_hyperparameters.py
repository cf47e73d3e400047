"""From the words of the API to the trainer's configuration."""

from typing import Any

import pytest

from mlworker.engine.training.config import TrainConfig
from mlworker.jobs.errors import HyperparameterInvalid, TierUnsupported
from mlworker.jobs.hyperparameters import config_resolve, tier_checked


def resolve(tier: str = "lora", **requested: Any) -> TrainConfig:
    facts = {
        "seed": 5,
        "rows": 800,
        "classes": 2,
        "tokens_per_row": 20.0,
        "blocks": 6,
        "width": 384,
    }
    return config_resolve(requested, tier=tier, **facts)


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


@pytest.mark.parametrize(
    ("name", "ours", "value"),
    [
        ("n_epochs", "epochs", 3),
        ("batch_size", "batch_tokens", 900),
        ("learning_rate_multiplier", "learning_rate", 0.01),
    ],
)
def test_two_names_of_one_setting_are_refused_and_not_one_of_them_ignored(
    name: str, ours: str, value: float
) -> None:
    with pytest.raises(HyperparameterInvalid, match=f"{name} and {ours}") as caught:
        resolve(**{name: 2, ours: value})
    assert caught.value.param == f"hyperparameters.{name}"
    assert resolve(**{name: "auto", ours: value}) == resolve(**{ours: value})


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
        ("frozen_layers", 7),
        ("momentum", 0.5),
        ("embeddings", "trained"),
        ("optimizer", "lion"),
        ("head_penalty", 1.0),
        ("seed", 3),
    ],
)
def test_what_is_out_of_bounds_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(HyperparameterInvalid) as caught:
        resolve(**{name: value})
    assert caught.value.param == f"hyperparameters.{name}"


def test_auto_tier_is_lora() -> None:
    assert tier_checked("auto") == "lora"


@pytest.mark.parametrize("tier", ["giant", "", "x" * 999])
def test_an_unknown_tier_is_refused(tier: str) -> None:
    with pytest.raises(TierUnsupported, match="head, lora or full"):
        tier_checked(tier)


@pytest.mark.parametrize(
    ("name", "value"),
    [("n_epochs", 3), ("batch_size", 8), ("learning_rate_multiplier", 2), ("lora_rank", 4)],
)
def test_a_value_without_effect_is_refused_under_the_name_it_was_given(
    name: str, value: int
) -> None:
    with pytest.raises(HyperparameterInvalid, match="does nothing in tier head") as caught:
        resolve("head", **{name: value})
    assert caught.value.param == f"hyperparameters.{name}"


def test_a_preset_brings_its_tier_and_values_and_what_is_given_wins() -> None:
    facts = {
        "seed": 5,
        "rows": 4_000,
        "classes": 2,
        "tokens_per_row": 20.0,
        "blocks": 6,
        "width": 384,
    }
    assert [tier_checked("auto", name) for name in ("quick", "balanced", "best")] == [
        "head",
        "lora",
        "full",
    ]
    plain = config_resolve({}, tier="full", **facts)
    best = config_resolve({}, tier="full", preset="best", **facts)
    own = config_resolve(
        {"dropout": 0.3, "n_epochs": 1, "patience": "auto"}, tier="full", preset="best", **facts
    )
    assert (best.epochs, best.passes, best.patience) == (plain.epochs, 2 * plain.passes, 5)
    assert (own.epochs, own.dropout, own.patience) == (1, 0.3, best.patience)


def test_what_means_nothing_to_a_task_is_plain_in_its_configuration() -> None:
    facts = {
        "seed": 5,
        "rows": 4_000,
        "classes": 2,
        "tokens_per_row": 20.0,
        "blocks": 6,
        "width": 384,
    }
    unused = frozenset({"pooling"})
    assert config_resolve({}, tier="full", **facts).pooling == "attention"
    assert config_resolve({}, tier="full", unused=unused, **facts).pooling == "first"
    assert "pooling" not in config_resolve({}, tier="lora", unused=unused, **facts).as_dict()
    with pytest.raises(HyperparameterInvalid, match="pooling does nothing in this task"):
        config_resolve({"pooling": "attention"}, tier="full", unused=unused, **facts)


def test_a_preset_in_another_tier_keeps_what_applies_there() -> None:
    facts = {
        "seed": 5,
        "rows": 4_000,
        "classes": 2,
        "tokens_per_row": 20.0,
        "blocks": 6,
        "width": 384,
    }
    assert tier_checked("head", "best") == "head"
    assert config_resolve({}, tier="head", preset="best", **facts) == config_resolve(
        {}, tier="head", **facts
    )


def test_an_unknown_preset_is_refused_with_those_there_are() -> None:
    with pytest.raises(HyperparameterInvalid, match="quick, balanced, best") as caught:
        tier_checked("auto", "fastest")
    assert caught.value.param == "preset"
