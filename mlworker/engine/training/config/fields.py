"""What one hyper-parameter is: its kind, bounds, help, and for which runs it means something."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from mlworker.engine.contracts import EngineError, ErrorCode

AUTO = "auto"
TIERS = ("head", "lora", "full")
TUNED = ("lora", "full")
"""Tiers that change the base's own layers, in steps."""


class ConfigError(EngineError):
    """A hyper-parameter is unknown, out of bounds or out of place; `field` names it."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(ErrorCode.INVALID_CONFIG, message)
        self.field = name


@dataclass(frozen=True, slots=True)
class FieldHelp:
    """What a form or a reader needs to know about one hyper-parameter."""

    kind: Literal["integer", "number", "choice"]
    help: str
    auto: str
    """What "auto" chooses, in words."""
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()
    tiers: tuple[str, ...] = TIERS
    needs: tuple[str, str] | None = None
    """(name, value) of another hyper-parameter without which this one does nothing."""

    def check(self, name: str, value: object) -> None:
        """ConfigError unless the value is of the kind and within the bounds."""
        if self.kind == "choice":
            if value not in self.choices:
                raise ConfigError(name, f"{name} must be one of {', '.join(self.choices)}.")
            return
        wanted = int if self.kind == "integer" else (int, float)
        if isinstance(value, bool) or not isinstance(value, wanted):
            raise ConfigError(name, f"{name} must be {_ARTICLES[self.kind]}.")
        # also refuses NaN, which compares false with everything
        if not self.low <= cast("float", value) <= self.high:
            raise ConfigError(name, f"{name} must lie between {self.low:g} and {self.high:g}.")


_ARTICLES = {"integer": "a whole number", "number": "a number"}


def integer(
    text: str,
    low: int,
    high: int,
    *,
    auto: str,
    idle: int = 0,
    tiers: tuple[str, ...] = TIERS,
) -> Any:
    """A whole number from `low` to `high`; `idle` is its value where it does not apply."""
    return _field(FieldHelp("integer", text, auto, low, high, tiers=tiers), idle)


def number(
    text: str,
    low: float,
    high: float,
    *,
    auto: str,
    idle: float = 0.0,
    tiers: tuple[str, ...] = TIERS,
    needs: tuple[str, str] | None = None,
) -> Any:
    """A number from `low` to `high`; `idle` is its value where it does not apply."""
    return _field(FieldHelp("number", text, auto, low, high, tiers=tiers, needs=needs), idle)


def choice(text: str, *choices: str, auto: str, tiers: tuple[str, ...] = TIERS) -> Any:
    """One of some words; the first is its value where it does not apply."""
    return _field(FieldHelp("choice", text, auto, choices=choices, tiers=tiers), choices[0])


def _field(known: FieldHelp, idle: object) -> Any:
    return field(default=idle, metadata={"help": known})
