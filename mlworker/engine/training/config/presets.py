"""Presets: named sets of values for people who do not want to choose each one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mlworker.engine.training.config.fields import ConfigError

TIER_HELP: Mapping[str, str] = MappingProxyType(
    {
        "head": "A classifier on the frozen base's features: read once, seconds to minutes.",
        "lora": "Small adapters in every block: nearly all of the accuracy, a small model.",
        "full": "All weights of the blocks: the largest model and the longest training.",
    }
)


@dataclass(frozen=True, slots=True)
class Preset:
    """A tier and the values that differ from "auto" in it."""

    help: str
    tier: str
    values: Mapping[str, object]


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "quick": Preset("A head on frozen features, in seconds to minutes.", "head", {}),
        "balanced": Preset("LoRA adapters with settings chosen from the data.", "lora", {}),
        "best": Preset(
            "All weights of the blocks, each row read twice a pass; stops when it stops improving.",
            "full",
            {"patience": 5, "consistency": 3.0},
        ),
    }
)


def preset_named(name: str) -> Preset:
    """The preset of that name; ConfigError lists those there are."""
    preset = PRESETS.get(name)
    if preset is None:
        raise ConfigError(
            "preset", f"There is no preset {name[:40]!r}. Choose one of: {', '.join(PRESETS)}."
        )
    return preset
