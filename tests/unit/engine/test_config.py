"""Hyper-parameters: bounds, "auto", refusals."""

import math

import pytest

from mlworker.engine.training.config import (
    HYPERPARAMETERS,
    ConfigError,
    TrainConfig,
    resolve_auto,
)


def _auto(**values: object) -> TrainConfig:
    return resolve_auto(values, rows=1_000, classes=2, tier="lora")


def test_every_field_has_a_sentence_of_help() -> None:
    assert all(
        known.help.endswith(".") and len(known.help) > 15 for known in HYPERPARAMETERS.values()
    )


def test_auto_and_missing_mean_the_same() -> None:
    assert _auto() == _auto(**dict.fromkeys(HYPERPARAMETERS, "auto") | {"tier": "lora"})


@pytest.mark.parametrize(("rows", "epochs"), [(50, 15), (2_000, 5), (8_530, 3), (10**6, 3)])
def test_small_sets_are_read_more_often(rows: int, epochs: int) -> None:
    assert resolve_auto({}, rows=rows, classes=2, tier="lora").epochs == epochs


def test_a_head_reads_its_rows_once() -> None:
    assert resolve_auto({}, rows=50, classes=2, tier="head").epochs == 1


def test_a_configuration_survives_json() -> None:
    config = _auto(epochs=4, lora_rank=16)
    assert TrainConfig.from_dict(config.as_dict()) == config


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
        ("momentum", 0.9),
    ],
)
def test_nonsense_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=name) as caught:
        _auto(**{name: value})
    assert (caught.value.field, caught.value.code) == (name, "invalid_config")


def test_an_incomplete_configuration_is_refused() -> None:
    with pytest.raises(ConfigError, match="is missing"):
        TrainConfig.from_dict({"tier": "lora"})
