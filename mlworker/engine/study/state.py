"""Where a study stands: what its finished parts have found. Every checkpoint carries it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from mlworker.engine.contracts import EngineError, ErrorCode, Json
from mlworker.engine.training.state import checkpoint_study

MODEL = "model"
"""Name of the last part, which trains the model that is kept."""
_LOGITS = "logits"


@dataclass
class StudyState:
    """Counts of the finished parts, and their results as they are shown."""

    fingerprint: str
    part: str = ""
    """The part at work when this was written; its loop's state lies beside it."""
    steps: int = 0
    tokens: int = 0
    rows: int = 0
    seconds: float = 0.0
    """Time of earlier attempts."""
    trials: list[dict[str, Any]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    folds: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, Any] | None = None
    """What the search chose; None before it has."""
    errors: int | None = None
    """Likely label errors; None before all folds are done, and where rows have no one label."""
    calibration: dict[str, Any] | None = None
    logits: Tensor = field(default_factory=lambda: torch.empty(0))
    """Out-of-fold logits of the training rows, [R, C] or a line a token; zeros where their fold is
    not done."""

    def carried(self, seconds: float) -> tuple[dict[str, Tensor], Json]:
        """What a checkpoint keeps; `seconds` this attempt has taken so far."""
        body = {
            item.name: getattr(self, item.name) for item in fields(self) if item.name != _LOGITS
        }
        body["seconds"] = self.seconds + seconds
        return {_LOGITS: self.logits}, cast("Json", body)

    @classmethod
    def restored(cls, path: Path, fingerprint: str) -> StudyState:
        """The inverse; EngineError(checkpoint_corrupt) when it is another study's."""
        tensors, body = checkpoint_study(path)
        if not isinstance(body, dict) or body.get("fingerprint") != fingerprint:
            raise EngineError(
                ErrorCode.CHECKPOINT_CORRUPT,
                "The checkpoint belongs to other rows, labels or settings. Start without it.",
            )
        return cls(**body, logits=tensors[_LOGITS])  # type: ignore[arg-type]  # our own hashed JSON

    def found(self) -> dict[str, Json]:
        """All results so far, as the job shows them."""
        result: dict[str, Json] = {}
        if self.trials:
            result["search"] = {
                "tried": [_shown(record) for record in (*self.trials, *self.runs)],
                "best": cast("Json", self.best or _leader(self.trials, self.runs)),
            }
        if self.folds:
            result["cross_validation"] = {
                "folds": cast("Json", self.folds),
                "mean": _each(self.folds, statistics.fmean),
                "deviation": _each(self.folds, _deviation),
                "label_errors": self.errors,
                "calibration": cast("Json", self.calibration),
            }
        return result


def leader(records: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The record of the lowest value among those that were tried to the end."""
    whole = [record for record in records if record["state"] == "complete"]
    return min(whole, key=lambda record: cast("float", record["value"])) if whole else None


def _leader(trials: list[dict[str, Any]], runs: list[dict[str, Any]]) -> dict[str, Any] | None:
    best = leader(runs) or leader(trials)
    return None if best is None else dict(best["params"])


def _shown(record: Mapping[str, Any]) -> Json:
    names = ("number", "stage", "state", "params", "loss", "accuracy", "value", "seconds")
    return {name: record[name] for name in names}


def _each(folds: list[dict[str, Any]], how: Any) -> Json:
    names = folds[0]["metrics"]
    return {name: how([fold["metrics"][name] for fold in folds]) for name in names}


def _deviation(values: list[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 else 0.0


def finite(value: float) -> float | None:
    """The value, or None where JSON has no word for it."""
    return value if math.isfinite(value) else None
