"""What other apps see of the catalogue."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class WeightSource:
    """Where a base's weights come from, as the page and the API tell it."""

    kind: str
    """``package``: inside an installed Python package."""
    name: str
    """Name the package is installed by."""
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
    max_length: int
    """Longest input in tokens that training and serving use."""
    created: int
    """Unix seconds of the weights' publication."""
    summary: str
    present: bool
    """Whether the weights are on this installation."""


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
