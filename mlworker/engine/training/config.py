"""Hyper-parameters: names, bounds, one sentence each, and the rules behind "auto". No torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from types import MappingProxyType
from typing import Literal, Self, cast

from mlworker.engine.contracts import EngineError, ErrorCode, Json

AUTO = "auto"
TIERS = ("head", "lora")


class ConfigError(EngineError):
    """A hyper-parameter is unknown or out of bounds; `field` names it."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(ErrorCode.INVALID_CONFIG, message)
        self.field = name


@dataclass(frozen=True, slots=True)
class FieldHelp:
    """What a form or a reader needs to know about one hyper-parameter."""

    kind: Literal["integer", "number", "choice"]
    help: str
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()
    tiers: tuple[str, ...] = TIERS

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


def _known(help_: FieldHelp) -> dict[str, FieldHelp]:
    return {"help": help_}


def _integer(
    text: str, low: int, high: int, tiers: tuple[str, ...] = TIERS
) -> dict[str, FieldHelp]:
    return _known(FieldHelp("integer", text, low, high, tiers=tiers))


def _number(
    text: str, low: float, high: float, tiers: tuple[str, ...] = TIERS
) -> dict[str, FieldHelp]:
    return _known(FieldHelp("number", text, low, high, tiers=tiers))


def _choice(text: str, *choices: str, tiers: tuple[str, ...] = TIERS) -> dict[str, FieldHelp]:
    return _known(FieldHelp("choice", text, choices=choices, tiers=tiers))


_LORA = ("lora",)
_HEAD = ("head",)


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Every choice of a run, resolved; out of bounds raises ConfigError."""

    tier: str = field(
        metadata=_choice(
            "head trains a classifier on frozen features; lora adapts the base.", *TIERS
        )
    )
    epochs: int = field(
        metadata=_integer("How often the rows are read; tier head reads them once.", 1, 100)
    )
    learning_rate: float = field(
        metadata=_number("Highest step size of the optimizer.", 1e-7, 1.0, _LORA)
    )
    batch_tokens: int = field(
        metadata=_integer("Tokens per optimizer step; more is steadier.", 64, 65_536, _LORA)
    )
    max_length: int = field(metadata=_integer("Tokens of a text that are read.", 8, 512))
    warmup_fraction: float = field(
        metadata=_number("Share of the steps in which the step size rises.", 0.0, 0.5, _LORA)
    )
    weight_decay: float = field(metadata=_number("Pull of the weights to zero.", 0.0, 10.0, _LORA))
    head_penalty: float = field(
        metadata=_number("L2 penalty of the classifier on features.", 0.0, 100.0, _HEAD)
    )
    max_grad_norm: float = field(
        metadata=_number("Longest gradient; a longer one is scaled down.", 0.01, 100.0, _LORA)
    )
    label_smoothing: float = field(
        metadata=_number("Share of certainty given to the other labels.", 0.0, 0.5)
    )
    class_weights: str = field(
        metadata=_choice("balanced makes rare labels count as much as others.", "none", "balanced")
    )
    dropout: float = field(
        metadata=_number("Share of head inputs dropped in training.", 0.0, 0.9, _LORA)
    )
    lora_rank: int = field(metadata=_integer("Width of the low-rank update.", 1, 64, _LORA))
    lora_alpha: float = field(
        metadata=_number("Strength of the update: it is scaled by alpha / rank.", 0.1, 256.0, _LORA)
    )
    lora_dropout: float = field(
        metadata=_number("Share of adapter inputs dropped in training.", 0.0, 0.9, _LORA)
    )
    patience: int = field(
        metadata=_integer(
            "Evaluations without gain before it stops early; 0 = never.", 0, 50, _LORA
        )
    )
    min_delta: float = field(
        metadata=_number("Least gain that counts for early stopping.", 0.0, 1.0, _LORA)
    )
    seed: int = field(metadata=_integer("Start of all randomness.", 0, 2**31 - 1))
    precision: str = field(
        metadata=_choice(
            "auto uses bf16 where the processor multiplies it natively.", AUTO, "bf16", "fp32"
        )
    )

    def __post_init__(self) -> None:
        for name, known in HYPERPARAMETERS.items():
            known.check(name, getattr(self, name))

    def as_dict(self) -> dict[str, Json]:
        """All fields, ready for JSON."""
        return cast("dict[str, Json]", asdict(self))

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> Self:
        """Exactly the fields, all resolved; ConfigError otherwise."""
        for name in values:
            _known_name(name)
        missing = [name for name in HYPERPARAMETERS if name not in values]
        if missing:
            raise ConfigError(missing[0], f"{missing[0]} is missing.")
        return cls(**values)  # type: ignore[arg-type]  # __post_init__ checks every kind


HYPERPARAMETERS: Mapping[str, FieldHelp] = MappingProxyType(
    {item.name: item.metadata["help"] for item in fields(TrainConfig)}
)


def resolve_auto(
    requested: Mapping[str, object], *, rows: int, classes: int, tier: str
) -> TrainConfig:
    """Give every missing or "auto" value its rule, then check all of them.

    `rows` and `classes` describe the training split. Whole floats are taken as integers where an
    integer is wanted, since JSON clients send 3.0.
    """
    chosen: dict[str, object] = {"tier": tier, **_auto_rules(rows, classes, tier)}
    for name, value in requested.items():
        known = _known_name(name)
        if value is None or (value == AUTO and name != "precision"):
            continue
        if known.kind == "integer" and isinstance(value, float) and value.is_integer():
            chosen[name] = int(value)
        else:
            chosen[name] = value
    if chosen["tier"] != tier:
        raise ConfigError("tier", f"tier is {tier!r} and hyperparameters say {chosen['tier']!r}.")
    return TrainConfig.from_dict(chosen)


def _auto_rules(rows: int, classes: int, tier: str) -> dict[str, object]:
    """The defaults; docs/decisions/0001 holds the measurements behind them.

    epochs (lora): enough for about 10,000 rows read, at least 3 and at most 15.
    batch_tokens (lora): 900, less on small sets so that an epoch has 25 steps or more.
    """
    epochs = 1 if tier == "head" else min(15, max(3, round(10_000 / max(rows, 1))))
    return {
        "epochs": epochs,
        "learning_rate": 1e-3,
        "batch_tokens": 900 if rows >= 1_000 else 450,
        "max_length": 256,
        "warmup_fraction": 0.1,
        "weight_decay": 0.01,
        "head_penalty": 0.01,
        "max_grad_norm": 1.0,
        "label_smoothing": 0.0,
        "class_weights": "none",
        "dropout": 0.1,
        "lora_rank": 8,
        "lora_alpha": 16.0,
        "lora_dropout": 0.0,
        "patience": 3,
        "min_delta": 0.0,
        "seed": 0,
        "precision": AUTO,
    }


def _known_name(name: str) -> FieldHelp:
    known = HYPERPARAMETERS.get(name)
    if known is None:
        raise ConfigError(
            name, f"There is no hyperparameter {name!r}. Known: {', '.join(HYPERPARAMETERS)}."
        )
    return known
