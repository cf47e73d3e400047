"""From a configuration to an optimizer, and the step size of each step."""

from __future__ import annotations

import math

import torch

from mlworker.engine.training.config import TrainConfig
from mlworker.engine.training.trainable import Trainable


def optimizer_for(model: Trainable, config: TrainConfig) -> torch.optim.Optimizer:
    """The optimizer that was chosen, over the model's trained parameters."""
    groups = model.groups(config)
    rate = config.learning_rate
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=config.momentum, fused=True)
    if config.optimizer == "adam":
        return torch.optim.Adam(groups, lr=rate, fused=True)
    return torch.optim.AdamW(groups, lr=rate, fused=True)


def schedule_share(config: TrainConfig, step: int, steps: int) -> float:
    """Share of the learning rate at a step: a linear rise, then as the scheduler says.

    Falling schedules end just above zero, so that the last step still moves.
    """
    rise = config.warmup_fraction * steps
    if step < rise:
        return (step + 1) / (rise + 1)
    if config.scheduler == "constant":
        return 1.0
    left = (steps - step) / max(steps - rise, 1.0)
    if config.scheduler == "cosine":
        return 0.5 - 0.5 * math.cos(math.pi * min(left, 1.0))
    return left
