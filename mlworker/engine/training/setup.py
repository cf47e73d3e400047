"""What every tier's loop is given: rows, model, configuration, and the way out."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from mlworker.engine.base.bert import Bert
from mlworker.engine.contracts import Json, TrainSpec
from mlworker.engine.data.rows import EncodedSplit
from mlworker.engine.heads import Pooling
from mlworker.engine.link import Link
from mlworker.engine.tasks.base import Task
from mlworker.engine.training.config import TrainConfig
from mlworker.engine.training.pace import Pace


@dataclass(frozen=True)
class Start:
    """Where a part of a study begins: what earlier parts have done, and what checkpoints carry."""

    part: str = ""
    tokens: int = 0
    rows: int = 0
    seconds: float = 0.0
    step_of: Callable[[int, int], int] = lambda step, planned: step
    """(step of the part, steps planned in it) to the step of the whole run."""
    carry: Callable[[], tuple[dict[str, Tensor], Json]] = lambda: ({}, None)
    """What every checkpoint of the part keeps of the study: tensors, and the rest as JSON."""


@dataclass(frozen=True)
class Setup:
    """A run, prepared: everything is loaded, tokenized and checked."""

    spec: TrainSpec
    run_dir: Path
    config: TrainConfig
    task: Task
    labels: tuple[str, ...]
    bert: Bert
    device: torch.device
    train: EncodedSplit
    validation: EncodedSplit
    test: EncodedSplit | None
    link: Link
    pace: Pace
    start: Start = field(default_factory=Start)

    @property
    def planned_tokens(self) -> int:
        """Tokens the whole run may be charged for."""
        return self.train.tokens * self.config.passes

    def class_weights(self) -> Tensor | None:
        """Weight of each label, mean 1 over rows; None when all count the same."""
        if self.config.class_weights == "none":
            return None
        weights = self.task.class_weights(self.train.targets, self.labels)
        return None if weights is None else torch.tensor(weights, device=self.device)

    def fingerprint(self) -> str:
        """Hash of all that a checkpoint depends on: rows, labels, base, configuration."""
        digest = hashlib.sha256()
        parts = [
            self.spec.base.weights_sha256,
            self.spec.task,
            repr(self.labels),
            repr(sorted(self.config.as_dict().items())),
        ]
        if self.start.part:
            parts.append(self.start.part)
        for part in parts:
            digest.update(part.encode() + b"\0")
        for row, target in zip(self.train.ids, self.train.targets, strict=True):
            digest.update(array("q", row).tobytes() + repr(target).encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class Trained:
    """What a tier's loop leaves: tensors of the artifact and the run's figures."""

    pooling: Pooling
    tensors: dict[str, Tensor]
    """As an artifact holds them, but for what the task works in when they are published."""
    steps: int
    steps_planned: int
    epochs: float
    early_stopped: bool
    trained_tokens: int
    seconds: float
    """Training time in all attempts."""
    rows_read: int
    validation_logits: Tensor
    test_logits: Tensor | None
    frozen_logits: Tensor | None = None
    """What the plain classifier on the frozen base says of the rows that are reported, where a
    tier has fitted one anyway."""
    frozen_rows: int = 0
    """Training rows that one was fitted to."""
