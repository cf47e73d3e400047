"""A linear classifier on features: multinomial logistic regression with an L2 penalty, L-BFGS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from mlworker.engine.contracts import EngineError, ErrorCode
from mlworker.engine.training.setup import Setup

_ITERATIONS = 12
"""At most, between two looks at a fit."""
_TINY = 1e-6
WORD_SHARE = 0.1
"""Of `head_penalty`, which was chosen for rows: a corpus has ten words or more for each. This share
was chosen, not measured."""


@dataclass(frozen=True)
class Classifier:
    """Weights for raw features, and the penalised loss on the rows they were fitted to."""

    weight: Tensor
    bias: Tensor
    train_loss: float

    def logits(self, features: Tensor) -> Tensor:
        """Features [R, H] to logits [R, C]."""
        return features @ self.weight.t() + self.bias


@dataclass(frozen=True)
class Standardised:
    """Features [R, H] with mean 0 and deviation 1, and what they were; several fits share them."""

    scaled: Tensor
    mean: Tensor
    deviation: Tensor

    @classmethod
    def of(cls, features: Tensor) -> Self:
        """Standardise the columns of a copy."""
        mean, deviation = features.mean(0), features.std(0, correction=0).clamp(min=_TINY)
        return cls((features - mean).div_(deviation), mean, deviation)


def classifier_rounds(
    setup: Setup, features: Standardised, targets: Tensor, penalty: float
) -> Iterator[Classifier]:
    """The fit after each further `_ITERATIONS` iterations, without end; for raw features.

    EngineError(diverged) when the weights are not finite.
    """
    scaled, mean, deviation = features.scaled, features.mean, features.deviation
    weights = setup.class_weights()
    weights = None if weights is None else weights.cpu()
    weight = torch.zeros(setup.task.outputs(setup.labels), scaled.shape[1], requires_grad=True)
    bias = torch.zeros(weight.shape[0], requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=_ITERATIONS, line_search_fn="strong_wolfe"
    )

    def penalised() -> Tensor:
        logits = scaled @ weight.t() + bias
        data = setup.task.loss(logits, targets, weights, setup.config.label_smoothing)
        return data / len(scaled) + penalty * weight.square().sum()

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = penalised()
        loss.backward()  # type: ignore[no-untyped-call]
        setup.pace.look()
        return loss

    while True:
        step: Callable[[Callable[[], Tensor]], Tensor] = optimizer.step
        step(closure)
        with torch.no_grad():
            loss = float(penalised())
            raw = weight / deviation
            folded = bias - raw @ mean
        if not torch.isfinite(raw).all() or loss != loss:
            raise EngineError(
                ErrorCode.DIVERGED, "The classifier's weights are not finite. Raise head_penalty."
            )
        yield Classifier(raw, folded, loss)
