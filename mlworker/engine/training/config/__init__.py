"""Hyper-parameters: names, bounds, one sentence each, presets, and the rules behind "auto".

No torch: the web process, the trainer and the documentation read the same tables.
"""

from mlworker.engine.training.config.auto import BY_DEVICE, resolve_auto
from mlworker.engine.training.config.fields import AUTO, TIERS, ConfigError, FieldHelp
from mlworker.engine.training.config.options import (
    HYPERPARAMETERS,
    TrainConfig,
    applies,
    plain_values,
)
from mlworker.engine.training.config.presets import PRESETS, TIER_HELP, Preset, preset_named

__all__ = [
    "AUTO",
    "BY_DEVICE",
    "HYPERPARAMETERS",
    "PRESETS",
    "TIERS",
    "TIER_HELP",
    "ConfigError",
    "FieldHelp",
    "Preset",
    "TrainConfig",
    "applies",
    "plain_values",
    "preset_named",
    "resolve_auto",
]
