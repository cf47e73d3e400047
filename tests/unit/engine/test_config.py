"""Hyper-parameters: bounds, "auto", refusals."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from mlworker.engine.training.config import (
    BY_DEVICE,
    HYPERPARAMETERS,
    PRESETS,
    TIERS,
    ConfigError,
    TrainConfig,
    applies,
    resolve_auto,
)


def _auto(**values: object) -> TrainConfig:
    return resolve_auto(values, rows=1_000, classes=2, tier="lora")


def test_every_field_has_a_sentence_of_help() -> None:
    assert all(
        known.help.endswith(".") and len(known.help) > 15 for known in HYPERPARAMETERS.values()
    )


def test_auto_and_missing_mean_the_same() -> None:
    everything = dict.fromkeys(HYPERPARAMETERS, "auto")
    for tier in TIERS:
        silent = resolve_auto({}, rows=1_000, classes=2, tier=tier)
        assert silent == resolve_auto(everything | {"tier": tier}, rows=1_000, classes=2, tier=tier)


@pytest.mark.parametrize(
    ("rows", "lora", "full"),
    [(50, 15, 15), (500, 15, 12), (2_000, 4, 3), (8_530, 3, 3), (10**6, 3, 3)],
)
def test_small_sets_are_read_more_often(rows: int, lora: int, full: int) -> None:
    assert resolve_auto({}, rows=rows, classes=2, tier="lora").epochs == lora
    assert resolve_auto({}, rows=rows, classes=2, tier="full").epochs == full


@pytest.mark.parametrize(
    ("tier", "rows", "tokens"),
    [("lora", 999, 450), ("lora", 1_000, 900), ("full", 999, 450), ("full", 10**6, 900)],
)
def test_a_step_reads_less_where_steps_are_few(tier: str, rows: int, tokens: int) -> None:
    assert resolve_auto({}, rows=rows, classes=2, tier=tier).batch_tokens == tokens


@pytest.mark.parametrize("tier", ["lora", "full"])
def test_an_accelerator_takes_more_tokens_a_step_at_a_higher_rate(tier: str) -> None:
    here, there = (
        resolve_auto({}, rows=2_000, classes=2, tier=tier, accelerator=accelerator)
        for accelerator in (False, True)
    )
    assert there.batch_tokens == 4 * here.batch_tokens
    assert there.learning_rate == 3 * here.learning_rate
    assert replace(there, batch_tokens=here.batch_tokens, learning_rate=here.learning_rate) == here


@pytest.mark.parametrize(
    "values", [{"batch_tokens": 500}, {"learning_rate": 3e-4}, {"optimizer": "sgd"}]
)
def test_what_was_asked_for_is_the_same_on_an_accelerator(values: dict[str, object]) -> None:
    here, there = (
        resolve_auto(values, rows=2_000, classes=2, tier="lora", accelerator=accelerator)
        for accelerator in (False, True)
    )
    assert here == there


@pytest.mark.parametrize("preset", PRESETS)
def test_no_preset_sets_what_the_device_decides(preset: str) -> None:
    assert not PRESETS[preset].values.keys() & set(BY_DEVICE)


@pytest.mark.parametrize(
    ("classes", "tier", "optimizer", "rate"),
    [
        (2, "lora", "adamw", 1.0),
        (8, "full", "adamw", 1.0),
        (20, "lora", "adam", 2.5),
        (77, "lora", "adamw", 9.625),
        (500, "lora", "adamw", 10.0),
        (77, "full", "adamw", 48.125),
        (77, "lora", "sgd", 1.0),
    ],
)
def test_many_classes_need_a_faster_last_layer(
    classes: int, tier: str, optimizer: str, rate: float
) -> None:
    config = resolve_auto({"optimizer": optimizer}, rows=10_000, classes=classes, tier=tier)
    assert config.head_rate == rate


def test_a_head_reads_its_rows_once() -> None:
    assert resolve_auto({}, rows=50, classes=2, tier="head").epochs == 1


@pytest.mark.parametrize(
    ("tier", "values"),
    [
        ("head", {"head_penalty": 0.5}),
        ("lora", {"epochs": 4, "lora_rank": 16}),
        ("full", {"optimizer": "sgd", "momentum": 0.5, "frozen_layers": 2}),
        ("full", {"embeddings": "trained", "optimizer": "adam"}),
    ],
)
def test_a_configuration_survives_json_and_holds_only_what_applies(
    tier: str, values: dict[str, object]
) -> None:
    config = resolve_auto(values, rows=1_000, classes=2, tier=tier)
    body = config.as_dict()
    assert values.items() <= body.items()
    assert TrainConfig.from_dict(body) == config
    assert set(body) == {
        name
        for name in HYPERPARAMETERS
        if applies(name, tier=tier, optimizer=str(values.get("optimizer", "adamw")))
    }


@pytest.mark.parametrize("tier", TIERS)
def test_a_value_that_would_do_nothing_is_refused(tier: str) -> None:
    idle = [name for name, known in HYPERPARAMETERS.items() if tier not in known.tiers]
    assert idle
    for name in idle:
        with pytest.raises(ConfigError, match=f"{name} does nothing in tier {tier}"):
            resolve_auto({name: 1}, rows=1_000, classes=2, tier=tier)


def test_word_vectors_are_not_trained_below_frozen_blocks() -> None:
    values = {"embeddings": "trained", "frozen_layers": 1}
    with pytest.raises(ConfigError, match="frozen_layers 0"):
        resolve_auto(values, rows=1_000, classes=2, tier="full")


def test_rates_of_auto_fit_tier_and_optimizer() -> None:
    rates = {
        (tier, optimizer): resolve_auto(
            {"optimizer": optimizer}, rows=1_000, classes=2, tier=tier
        ).learning_rate
        for tier in ("lora", "full")
        for optimizer in ("adamw", "adam", "sgd")
    }
    assert rates["lora", "adam"] == rates["lora", "adamw"] > rates["full", "adamw"]
    assert all(rates[tier, "sgd"] > rates[tier, "adamw"] for tier in ("lora", "full"))


def test_a_whole_float_counts_as_an_integer() -> None:
    assert _auto(epochs=3.0).epochs == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", 10**9),
        ("epochs", 2.5),
        ("epochs", True),
        ("epochs", "3"),
        ("learning_rate", 0.0),
        ("learning_rate", 1e9),
        ("learning_rate", math.nan),
        ("learning_rate", -1.0),
        ("max_length", 100_000),
        ("lora_rank", 65),
        ("class_weights", "sometimes"),
        ("precision", "int4"),
        ("seed", -1),
        ("tier", "head"),
        ("tier", "giant"),
        ("momentum", 0.9),
        ("momentun", 0.9),
        ("optimizer", "lion"),
        ("scheduler", "step"),
        ("hidden_dropout", 1.0),
        ("lora_targets", "pooler"),
        ("frozen_layers", -1),
        ("embeddings", "trained"),
        ("head_penalty", 0.1),
    ],
)
def test_nonsense_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=name) as caught:
        _auto(**{name: value})
    assert (caught.value.field, caught.value.code) == (name, "invalid_config")


def test_an_incomplete_configuration_is_refused() -> None:
    with pytest.raises(ConfigError, match="is missing"):
        TrainConfig.from_dict({"tier": "lora"})


def test_the_documentation_has_every_hyperparameter_as_it_is() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs/training.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    for name, known in HYPERPARAMETERS.items():
        if name in ("tier", "seed"):
            continue
        bounds = f"{known.low:g} to {known.high:g}"
        may = ", ".join(f"`{choice}`" for choice in known.choices) or bounds
        line = f"| `{name}` | {', '.join(known.tiers)} | {may} | {known.auto} | {known.help} |"
        assert line in rows


@pytest.mark.parametrize(
    ("width", "rate"), [(384, 1e-4), (768, 5e-5), (1_024, 3.75e-5), (32, 1e-4)]
)
def test_a_wider_base_learns_at_a_smaller_rate_in_tier_full(width: int, rate: float) -> None:
    facts = {"rows": 2_000, "classes": 2}
    full = resolve_auto({}, tier="full", width=width, **facts)
    assert full.learning_rate == pytest.approx(rate)
    assert resolve_auto({}, tier="lora", width=width, **facts).learning_rate == 1e-3
    assert resolve_auto({"optimizer": "sgd"}, tier="full", width=width, **facts) == resolve_auto(
        {"optimizer": "sgd"}, tier="full", **facts
    )
