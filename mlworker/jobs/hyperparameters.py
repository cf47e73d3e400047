"""From the words of the API to the trainer's configuration."""

from collections.abc import Mapping
from typing import Any, Final

from mlworker.engine.training.config import (
    AUTO,
    HYPERPARAMETERS,
    TIERS,
    ConfigError,
    TrainConfig,
    plain_values,
    preset_named,
    resolve_auto,
)
from mlworker.jobs.errors import HyperparameterInvalid, TierUnsupported

DEFAULT_TIER: Final = "lora"
JOB_FIELDS: Final = frozenset({"tier", "seed"})
"""Hyper-parameters that are fields of the job itself."""
OPENAI_NAMES: Final = {
    "n_epochs": "epochs",
    "batch_size": "batch_tokens",
    "learning_rate_multiplier": "learning_rate",
}


def tier_checked(tier: str, preset: str = "") -> str:
    """Return the tier to train: the one asked for, else the preset's, else the default.

    TierUnsupported and HyperparameterInvalid name those there are.
    """
    try:
        named = preset_named(preset).tier if preset else DEFAULT_TIER
    except ConfigError as error:
        raise HyperparameterInvalid(str(error), param="preset") from error
    if tier == AUTO:
        return named
    if tier not in TIERS:
        raise TierUnsupported(
            f"The tier '{tier[:40]}' is not offered here: use {', '.join(TIERS[:-1])} "
            f"or {TIERS[-1]}.",
            param="tier",
        )
    return tier


def config_resolve(
    requested: Mapping[str, object],
    *,
    tier: str,
    seed: int,
    rows: int,
    classes: int,
    tokens_per_row: float,
    blocks: int,
    width: int,
    preset: str = "",
    unused: frozenset[str] = frozenset(),
) -> TrainConfig:
    """Return the complete configuration of a job on a base of so many blocks, so wide.

    OpenAI's names are understood: ``n_epochs``; ``batch_size``, in rows, becomes a token budget;
    ``learning_rate_multiplier`` multiplies what ``auto`` would choose. HyperparameterInvalid names
    the field and its bounds. ``unused`` mean nothing to the task and are refused.
    """
    given = {name: value for name, value in requested.items() if value not in (None, AUTO)}
    plain = plain_values(unused, tier=tier)
    _names_check(requested, given, plain)
    values = {name: value for name, value in given.items() if name not in OPENAI_NAMES}
    own = frozenset(values)
    values |= plain
    values |= _translated(given, tokens_per_row)
    values["seed"] = seed
    facts: dict[str, Any] = {
        "rows": rows,
        "classes": classes,
        "tier": tier,
        "preset": preset,
        "width": width,
    }
    multiplier = given.get("learning_rate_multiplier")
    config = _resolved(values, own, facts)
    if multiplier is not None:
        rate = config.learning_rate * _number("learning_rate_multiplier", multiplier)
        config = _resolved({**values, "learning_rate": rate}, own, facts)
    for name in ("frozen_layers", "head_block"):
        if getattr(config, name) > blocks:
            raise HyperparameterInvalid(
                f"{name} must lie between 0 and {blocks}, the blocks of the base.",
                param=f"hyperparameters.{name}",
            )
    return config


def _names_check(
    requested: Mapping[str, object], given: Mapping[str, object], plain: Mapping[str, object]
) -> None:
    """Refuse names that are none, what does nothing in the task, and one setting by two names."""
    for name in requested:
        if (name not in HYPERPARAMETERS and name not in OPENAI_NAMES) or name in JOB_FIELDS:
            raise HyperparameterInvalid(
                f"There is no hyper-parameter '{name[:64]}'.", param=f"hyperparameters.{name[:64]}"
            )
        if name in plain and given.get(name, plain[name]) != plain[name]:
            raise HyperparameterInvalid(
                f"{name} does nothing in this task: leave it out or choose auto.",
                param=f"hyperparameters.{name}",
            )
    for name, ours in OPENAI_NAMES.items():
        if name in given and ours in given:
            raise HyperparameterInvalid(
                f"{name} and {ours} are two names of one setting: send one of them.",
                param=f"hyperparameters.{name}",
            )


def _translated(given: Mapping[str, object], tokens_per_row: float) -> dict[str, object]:
    values: dict[str, object] = {}
    if "n_epochs" in given:
        values["epochs"] = given["n_epochs"]
    if "batch_size" in given:
        rows = _number("batch_size", given["batch_size"])
        values["batch_tokens"] = round(min(max(rows * tokens_per_row, 64), 65_536))
    return values


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e6:
        raise HyperparameterInvalid(
            f"{name} must be 'auto' or a number above 0.", param=f"hyperparameters.{name}"
        )
    return float(value)


def _resolved(
    values: Mapping[str, object], own: frozenset[str], facts: dict[str, Any]
) -> TrainConfig:
    """Resolve; an error names the field as the caller wrote it."""
    try:
        return resolve_auto(values, **facts)
    except ConfigError as error:
        theirs = {ours: name for name, ours in OPENAI_NAMES.items()}
        name = error.field if error.field in own else theirs.get(error.field, error.field)
        raise HyperparameterInvalid(str(error), param=f"hyperparameters.{name}") from error
