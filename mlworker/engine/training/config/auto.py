"""The rules behind "auto"; docs/training.md says them in words, docs/decisions/0023 why."""

from __future__ import annotations

from collections.abc import Mapping

from mlworker.engine.training.config.fields import AUTO, ConfigError
from mlworker.engine.training.config.options import (
    TrainConfig,
    applies,
    known_name,
    place_check,
)
from mlworker.engine.training.config.presets import preset_named

_RATES = {
    ("lora", "sgd"): 0.05,
    ("full", "sgd"): 0.01,
    ("lora", ""): 1e-3,
}
"""By tier and optimizer; "" stands for both kinds of Adam."""
_FULL_RATE, _HIGHEST_FULL_RATE = 0.0384, 1e-4
"""Divided by the base's width: 5e-5 for BERT's 768, twice that for MiniLM's 384."""
USUAL_WIDTH = 768
_ROWS_READ = {"lora": 8_000, "full": 6_000}
_MOST_EPOCHS, _LEAST_EPOCHS = 15, 3
_MANY_ROWS = 1_000
_MOST_HEAD_RATE = 10.0
BY_DEVICE = ("batch_tokens", "learning_rate")
"""What "auto" chooses otherwise on an accelerator, if neither is given."""
_TOKENS_THERE, _RATE_THERE = 4, 3.0
"""Times as many tokens a step, at this times the rate (docs/decisions/0077)."""


def resolve_auto(
    requested: Mapping[str, object],
    *,
    rows: int,
    classes: int,
    tier: str,
    preset: str = "",
    width: int = USUAL_WIDTH,
    accelerator: bool = False,
) -> TrainConfig:
    """Give every missing or "auto" value its rule, then check all of them.

    `rows` and `classes` describe the training split, `width` is the base's hidden size and
    `accelerator` says what the run computes on. Whole floats are taken as integers where an integer
    is wanted, since JSON clients send 3.0. A value that would do nothing in this tier is refused;
    what a preset says of another tier is left out.
    """
    given = _given(requested)
    if given.get("tier", tier) != tier:
        raise ConfigError("tier", f"tier is {tier!r} and hyperparameters say {given['tier']!r}.")
    known_name("tier").check("tier", tier)
    optimizer = given.get("optimizer", "adamw")
    place = {"tier": tier, "optimizer": str(optimizer)}
    for name in given:
        place_check(name, **place)
    known_name("optimizer").check("optimizer", optimizer)
    wide = accelerator and optimizer != "sgd" and not given.keys() & set(BY_DEVICE)
    rules = _rules(given, rows, classes, width, wide=wide, **place)
    if preset:
        values = preset_named(preset).values
        rules = _rules({**values, **given}, rows, classes, width, wide=wide, **place)
        rules |= dict(values)
        if not any(given.get(name, rules[name]) for name in ("dropout", "hidden_dropout")):
            rules["consistency"] = 0.0  # nothing would differ between its two readings
    rules = {name: value for name, value in rules.items() if applies(name, **place)}
    return TrainConfig.from_dict({"tier": tier, **rules, **given})


def _given(requested: Mapping[str, object]) -> dict[str, object]:
    """What was given a value of its own."""
    given: dict[str, object] = {}
    for name, value in requested.items():
        known = known_name(name)
        if value is None or (value == AUTO and name != "precision"):
            continue
        if known.kind == "integer" and isinstance(value, float) and value.is_integer():
            given[name] = int(value)
        else:
            given[name] = value
    return given


def _rules(
    given: Mapping[str, object],
    rows: int,
    classes: int,
    width: int,
    *,
    wide: bool,
    tier: str,
    optimizer: str,
) -> dict[str, object]:
    """Every default, also of fields that another tier has.

    epochs: enough for about 8,000 rows read, at least 3 and at most 15; about 6,000 in tier full.
    lora_alpha: twice the rank, so that another rank keeps the update's scale.
    """
    wanted = round(_ROWS_READ.get(tier, 0) / max(rows, 1))
    rank = given.get("lora_rank", 8)
    known = isinstance(rank, int) and not isinstance(rank, bool)
    return {
        **_steps(rows, width, wide=wide, tier=tier, optimizer=optimizer),
        "epochs": min(_MOST_EPOCHS, max(_LEAST_EPOCHS, wanted)),
        "head_rate": _head_rate(classes, tier) if optimizer != "sgd" else 1.0,
        "max_length": 256,
        "optimizer": "adamw",
        "momentum": 0.9,
        "scheduler": "linear",
        "warmup_fraction": 0.1,
        "weight_decay": 0.01,
        "head_penalty": 0.01,
        "head_block": 0,
        "max_grad_norm": 1.0,
        "label_smoothing": 0.0,
        "class_weights": "none",
        "dropout": 0.1,
        "hidden_dropout": 0.1 if tier == "full" else 0.0,
        "consistency": 0.0,
        "lora_rank": 8,
        "lora_alpha": 2.0 * rank if known else 16.0,  # type: ignore[operator]  # known says it is
        "lora_dropout": 0.0,
        "lora_targets": "all",
        "frozen_layers": 0,
        "embeddings": "frozen",
        "pooling": "attention",
        "patience": 3,
        "min_delta": 0.0,
        "seed": 0,
        "precision": AUTO,
    }


def _steps(rows: int, width: int, *, wide: bool, tier: str, optimizer: str) -> dict[str, object]:
    """How much a step reads and how far it goes.

    batch_tokens: 900, less on small sets so that an epoch has 25 steps or more; `wide` four times.
    learning_rate: in tier full the wider the base, the smaller; three times that in `wide` steps.
    """
    tokens = 900 if rows >= _MANY_ROWS else 450
    rate = _RATES.get((tier, optimizer)) or _adam_rate(tier, width)
    if wide:
        tokens, rate = tokens * _TOKENS_THERE, rate * _RATE_THERE
    return {"batch_tokens": tokens, "learning_rate": rate}


def _adam_rate(tier: str, width: int) -> float:
    if tier != "full":
        return _RATES["lora", ""]
    return min(_HIGHEST_FULL_RATE, round(_FULL_RATE / width, 7))


def _head_rate(classes: int, tier: str) -> float:
    """How much faster the last layer learns, which begins with nothing.

    Two classes need no more than the blocks do; seventy-seven need weights that the blocks' rate
    does not reach in three epochs (docs/decisions/0039).
    """
    share = min(_MOST_HEAD_RATE, max(1.0, classes / 8))
    return 5.0 * share if tier == "full" and classes > 8 else share
