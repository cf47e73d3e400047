"""All hyper-parameters, each with its sentence, and a run's complete choice of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import Self, cast

from mlworker.engine.contracts import Json
from mlworker.engine.training.config.fields import (
    AUTO,
    TIERS,
    TUNED,
    ConfigError,
    FieldHelp,
    choice,
    integer,
    number,
)

_LORA = ("lora",)
_FULL = ("full",)
_HEAD = ("head",)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """Every choice of a run, resolved; out of bounds raises ConfigError.

    A field that does not apply to the run keeps its default and is left out of `as_dict`.
    """

    tier: str = choice(
        "head trains a classifier on frozen features, lora adapts the base, full changes all of "
        "its weights.",
        *TIERS,
        auto="lora",
    )
    epochs: int = integer(
        "How often the training rows are read.",
        1,
        100,
        auto="as many as read about 8,000 rows, 6,000 in tier full; 3 to 15",
        idle=1,
        tiers=TUNED,
    )
    learning_rate: float = number(
        "Highest step size of the optimizer; too large a one diverges.",
        1e-7,
        1.0,
        auto="lora 0.001; full 0.0384 divided by the base's width, at most 0.0001; with sgd lora "
        "0.05, full 0.01",
        tiers=TUNED,
    )
    head_rate: float = number(
        "Times learning_rate, at which the last layer learns: it begins with nothing.",
        0.1,
        1_000.0,
        auto="an eighth of the number of classes, at least 1 and at most 10; full five times that "
        "over eight classes; with sgd 1",
        idle=1.0,
        tiers=TUNED,
    )
    batch_tokens: int = integer(
        "Tokens per optimizer step; more is steadier, fewer learns in more steps.",
        64,
        65_536,
        auto="900, or 450 under 1,000 rows; on an accelerator four times as many at three times "
        "the rate, if neither is given",
        tiers=TUNED,
    )
    max_length: int = integer(
        "Tokens of a text that are read; what is longer is cut.", 8, 512, auto="256", idle=256
    )
    optimizer: str = choice(
        "adamw decays weights apart from the gradient, adam within it, sgd follows the gradient "
        "with momentum.",
        "adamw",
        "adam",
        "sgd",
        auto="adamw",
        tiers=TUNED,
    )
    momentum: float = number(
        "Share of the last step that sgd takes again.",
        0.0,
        0.99,
        auto="0.9",
        idle=0.9,
        tiers=TUNED,
        needs=("optimizer", "sgd"),
    )
    scheduler: str = choice(
        "How the step size falls after its rise: linear or cosine to nothing, or constant.",
        "linear",
        "cosine",
        "constant",
        auto="linear",
        tiers=TUNED,
    )
    warmup_fraction: float = number(
        "Share of the steps in which the step size rises.", 0.0, 0.5, auto="0.1", tiers=TUNED
    )
    weight_decay: float = number(
        "Pull of the matrices to zero (L2); biases and norms are left alone.",
        0.0,
        10.0,
        auto="0.01",
        tiers=TUNED,
    )
    head_penalty: float = number(
        "L2 penalty of the classifier on features.", 0.0, 100.0, auto="0.01", tiers=_HEAD
    )
    head_block: int = integer(
        "Block after which features are read; 0 tries three and keeps the best.",
        0,
        200,
        auto="0",
        tiers=_HEAD,
    )
    max_grad_norm: float = number(
        "Longest gradient; a longer one is scaled down.",
        0.01,
        100.0,
        auto="1",
        idle=1.0,
        tiers=TUNED,
    )
    label_smoothing: float = number(
        "Share of certainty given to the other labels.", 0.0, 0.5, auto="0"
    )
    class_weights: str = choice(
        "balanced makes rare labels count as much as others.", "none", "balanced", auto="none"
    )
    dropout: float = number(
        "Share of the head's inputs dropped in training.", 0.0, 0.9, auto="0.1", tiers=TUNED
    )
    hidden_dropout: float = number(
        "Share of each trained block's results dropped in training.",
        0.0,
        0.9,
        auto="lora 0, full 0.1",
        tiers=TUNED,
    )
    consistency: float = number(
        "Reads each row twice under different dropout and pulls the two answers together (R-Drop); "
        "0 reads once. Twice the tokens of a pass.",
        0.0,
        10.0,
        auto="0",
        tiers=_FULL,
    )
    lora_rank: int = integer("Width of the low-rank update.", 1, 64, auto="8", idle=8, tiers=_LORA)
    lora_alpha: float = number(
        "Strength of the update: it is scaled by alpha / rank.",
        0.1,
        256.0,
        auto="twice the rank",
        idle=16.0,
        tiers=_LORA,
    )
    lora_dropout: float = number(
        "Share of the adapters' inputs dropped in training.", 0.0, 0.9, auto="0", tiers=_LORA
    )
    lora_targets: str = choice(
        "Which layers of a block get an adapter; the pooler always has one.",
        "all",
        "attention",
        "query_value",
        "feed_forward",
        auto="all",
        tiers=_LORA,
    )
    frozen_layers: int = integer(
        "Lowest blocks that stay as they are; each one makes training faster.",
        0,
        200,
        auto="0",
        tiers=TUNED,
    )
    embeddings: str = choice(
        "trained changes the word vectors too: twice the model's size, seldom better.",
        "frozen",
        "trained",
        auto="frozen",
        tiers=_FULL,
    )
    pooling: str = choice(
        "What the last layer reads of a text: its first token, as BERT does, or all of its tokens, "
        "each part of the vector with a weighting that is learned.",
        "first",
        "attention",
        auto="attention",
        tiers=_FULL,
    )
    patience: int = integer(
        "Evaluations without gain before it stops early; 0 = never.", 0, 50, auto="3", tiers=TUNED
    )
    min_delta: float = number(
        "Least gain that counts for early stopping.", 0.0, 1.0, auto="0", tiers=TUNED
    )
    seed: int = integer("Start of all randomness.", 0, 2**31 - 1, auto="0")
    precision: str = choice(
        "bf16 halves the work where the processor multiplies it natively; auto finds out.",
        AUTO,
        "bf16",
        "fp32",
        auto="bf16 where it is native, else fp32",
    )

    def __post_init__(self) -> None:
        for name, known in HYPERPARAMETERS.items():
            if applies(name, tier=self.tier, optimizer=self.optimizer):
                known.check(name, getattr(self, name))
        if self.embeddings == "trained" and self.frozen_layers:
            raise ConfigError(
                "embeddings",
                "embeddings can be trained only with frozen_layers 0: they lie below the blocks.",
            )
        if self.consistency and not (self.dropout or self.hidden_dropout):
            raise ConfigError(
                "consistency",
                "consistency compares two readings that differ by dropout: set dropout or "
                "hidden_dropout above 0, or consistency to 0.",
            )

    @property
    def readings(self) -> int:
        """How often a pass reads each row."""
        return 2 if self.consistency else 1

    @property
    def passes(self) -> int:
        """How often the whole run reads each row."""
        return self.epochs * self.readings

    def as_dict(self) -> dict[str, Json]:
        """All fields that apply, ready for JSON."""
        known = {"tier": self.tier, "optimizer": self.optimizer}
        return {
            name: cast("Json", value)
            for name, value in asdict(self).items()
            if applies(name, **known)
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> Self:
        """Exactly the fields that apply, all resolved; ConfigError otherwise."""
        tier, optimizer = str(values.get("tier", "")), str(values.get("optimizer", "adamw"))
        HYPERPARAMETERS["tier"].check("tier", tier)
        for name in values:
            known_name(name)
            place_check(name, tier=tier, optimizer=optimizer)
        for name in HYPERPARAMETERS:
            if name not in values and applies(name, tier=tier, optimizer=optimizer):
                raise ConfigError(name, f"{name} is missing.")
        return cls(**values)  # type: ignore[arg-type]  # __post_init__ checks every kind


HYPERPARAMETERS: Mapping[str, FieldHelp] = MappingProxyType(
    {item.name: item.metadata["help"] for item in fields(TrainConfig)}
)


def applies(name: str, *, tier: str, optimizer: str) -> bool:
    """Whether a hyper-parameter does anything in a run of this tier and optimizer."""
    known = HYPERPARAMETERS[name]
    return tier in known.tiers and known.needs in (None, ("optimizer", optimizer))


def plain_values(unused: Collection[str], *, tier: str) -> dict[str, object]:
    """What stands in a configuration for hyper-parameters that mean nothing to its task."""
    chosen = (one for one in fields(TrainConfig) if one.name in unused)
    return {one.name: one.default for one in chosen if applies(one.name, tier=tier, optimizer="")}


def place_check(name: str, *, tier: str, optimizer: str) -> None:
    """ConfigError when a value for `name` would do nothing: better said than ignored."""
    known = HYPERPARAMETERS[name]
    if tier not in known.tiers:
        raise ConfigError(
            name,
            f"{name} does nothing in tier {tier}: it is for {' and '.join(known.tiers)}. "
            "Leave it out or choose another tier.",
        )
    if not applies(name, tier=tier, optimizer=optimizer):
        raise ConfigError(
            name, f"{name} is for {' '.join(known.needs or ())} alone; {optimizer} has none."
        )


def known_name(name: str) -> FieldHelp:
    """The help of a hyper-parameter; ConfigError lists the names there are."""
    known = HYPERPARAMETERS.get(name)
    if known is None:
        raise ConfigError(
            name, f"There is no hyperparameter {name!r}. Known: {', '.join(HYPERPARAMETERS)}."
        )
    return known
