"""From the words of the API to the trainer's configuration."""

from collections.abc import Mapping
from typing import Any, Final

from mlworker.engine.training.config import HYPERPARAMETERS, ConfigError, TrainConfig, resolve_auto
from mlworker.jobs.errors import HyperparameterInvalid, TierUnsupported

TIERS: Final = ("head", "lora")
DEFAULT_TIER: Final = "lora"
AUTO: Final = "auto"
_OPENAI: Final = frozenset({"n_epochs", "batch_size", "learning_rate_multiplier"})
_NOT_OURS: Final = frozenset({"tier", "seed"})  # fields of the job itself


def tier_checked(tier: str) -> str:
    """Return the tier to train; TierUnsupported names those there are."""
    if tier == AUTO:
        return DEFAULT_TIER
    if tier not in TIERS:
        raise TierUnsupported(
            f"The tier '{tier[:40]}' is not offered here: use {' or '.join(TIERS)}.", param="tier"
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
) -> TrainConfig:
    """Return the complete configuration of a job.

    OpenAI's names are understood: ``n_epochs``; ``batch_size``, in rows, becomes a token budget;
    ``learning_rate_multiplier`` multiplies what ``auto`` would choose. HyperparameterInvalid names
    the field and its bounds.
    """
    values: dict[str, object] = {}
    for name, value in requested.items():
        if (name not in HYPERPARAMETERS and name not in _OPENAI) or name in _NOT_OURS:
            raise HyperparameterInvalid(
                f"There is no hyper-parameter '{name[:64]}'.", param=f"hyperparameters.{name[:64]}"
            )
        if value is not None and value != AUTO and name not in _OPENAI:
            values[name] = value
    facts = {"rows": rows, "classes": classes, "tier": tier}
    values |= _translated(requested, tokens_per_row)
    values["seed"] = seed
    multiplier = requested.get("learning_rate_multiplier", AUTO)
    config = _resolved(values, facts)
    if multiplier in (None, AUTO) or "learning_rate" in values:
        return config
    rate = config.learning_rate * _number("learning_rate_multiplier", multiplier)
    return _resolved({**values, "learning_rate": rate}, facts)


def _translated(requested: Mapping[str, object], tokens_per_row: float) -> dict[str, object]:
    values: dict[str, object] = {}
    epochs, batch = requested.get("n_epochs", AUTO), requested.get("batch_size", AUTO)
    if epochs not in (None, AUTO):
        values["epochs"] = epochs
    if batch not in (None, AUTO):
        rows = _number("batch_size", batch)
        values["batch_tokens"] = round(min(max(rows * tokens_per_row, 64), 65_536))
    return values


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e6:
        raise HyperparameterInvalid(
            f"{name} must be 'auto' or a number above 0.", param=f"hyperparameters.{name}"
        )
    return float(value)


def _resolved(values: Mapping[str, object], facts: dict[str, Any]) -> TrainConfig:
    try:
        return resolve_auto(values, **facts)
    except ConfigError as error:
        raise HyperparameterInvalid(str(error), param=f"hyperparameters.{error.field}") from error
