"""What other apps see of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

Character = Literal["fast", "balanced", "accurate"]

_FLOAT: Final = 4
_PROCESS: Final = 350 * 1024**2
"""A trainer that has loaded its libraries."""
_HEAD_CACHE: Final = 960 * 1024**2
"""Tier head's cache of states, at its largest."""
_STEP: Final = 400 * 1024**2
"""A step's intermediate results."""
_FULL_COPIES: Final = 7
"""Tier full keeps weights, gradients, two moments, their average, the best, and one on its way."""


@dataclass(frozen=True, slots=True)
class WeightSource:
    """Where a base's weights come from, as the page and the API tell it."""

    kind: str
    """``package``: inside an installed Python package; ``hub``: a repository of Hugging Face."""
    name: str
    """Name the package is installed by, or the repository."""
    note: str
    """Who made the weights and who packed them."""


@dataclass(frozen=True, slots=True)
class BaseModelCard:
    """A pretrained model that can be fine-tuned here."""

    id: str
    name: str
    architecture: str
    tasks: tuple[str, ...]
    size_parameters: int
    size_bytes: int
    languages: tuple[str, ...]
    licence: str
    source: WeightSource
    max_length: int | None
    """Longest input in tokens that training and serving use; None where there are no tokens."""
    created: int
    """Unix seconds of the weights' publication."""
    character: Character
    summary: Mapping[str, str]
    """What it is, by language: ``en``, ``zh-Hans``."""
    choose: Mapping[str, str]
    """When to choose it, by language."""
    present: bool
    """Whether the weights are on this installation."""
    trainable: bool
    """Whether this version of Anneal can train its architecture."""
    added: bool = False
    """Taken in here without being in the catalogue."""

    @property
    def usable(self) -> bool:
        """Whether a job can begin with it now."""
        return self.present and self.trainable

    @property
    def memory(self) -> Mapping[str, int]:
        """About how many bytes a training takes, by tier; empty for what cannot be trained."""
        if not self.trainable:
            return {}
        weights = self.size_parameters * _FLOAT
        return {
            "head": _PROCESS + weights + _HEAD_CACHE,
            "lora": _PROCESS + weights + _STEP,
            "full": _PROCESS + weights * _FULL_COPIES + _STEP,
        }


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One base, why, and how to train it."""

    card: BaseModelCard
    tier: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Reason:
    """A sentence with a code that a page has its own words for."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class ShippedModelCard:
    """A fine-tuned model that comes with Anneal; every organization may call it."""

    name: str
    base: str
    tier: str
    task: str
    labels: tuple[str, ...]
    max_length: int
    manifest_sha256: str
    directory: Path
    metrics: Mapping[str, object]
    card: str
    """Model card, Markdown: data, licence, attribution, accuracy, limits."""
    created: int
    """Unix seconds."""
