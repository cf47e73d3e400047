"""Tier head: read every row once with the frozen base, then fit a linear classifier on features.

Features are standardised, the classifier is multinomial logistic regression with an L2 penalty,
fitted by L-BFGS for each candidate block; the block with the lowest validation loss wins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from mlworker.engine.contracts import EngineError, ErrorCode, MetricMessage, PhaseMessage
from mlworker.engine.data.rows import EncodedSplit
from mlworker.engine.heads import Pooling
from mlworker.engine.training.evaluate import collect, metrics_of
from mlworker.engine.training.features import candidate_layers, row_features
from mlworker.engine.training.progress import figures
from mlworker.engine.training.setup import Setup, Trained

ROUNDS = 24
"""Reports of a run; between two, each candidate block gets up to `_ITERATIONS` iterations."""
_ITERATIONS = 4
_TINY = 1e-6


@dataclass(frozen=True)
class _Fit:
    """A classifier on raw features of one block, and how it did so far."""

    layers: int
    weight: Tensor
    bias: Tensor
    train_loss: float
    found: dict[str, float]
    """Figures on the validation rows."""

    def logits(self, features: Tensor) -> Tensor:
        return features @ self.weight.t() + self.bias


def train_head(setup: Setup) -> Trained:
    """The whole tier; raises EngineError(diverged) when the fit is not finite."""
    setup.link.send(PhaseMessage("encoding"))
    layers = candidate_layers(setup.bert.config.num_hidden_layers, len(setup.train))
    train = _encode(setup, setup.train, layers)
    validation = _encode(setup, setup.validation, layers)
    setup.link.send(PhaseMessage("training"))
    candidates = [
        _rounds(setup, train[:, place], validation[:, place], layer)
        for place, layer in enumerate(layers)
    ]
    # All candidates advance together, so that the curve is one of getting better.
    for step, fits in enumerate(zip(*candidates, strict=True), 1):
        best = min(fits, key=lambda fit: fit.found["loss"])
        setup.link.send(_metric(setup, step, best))
    seconds = setup.pace.seconds
    setup.link.send(PhaseMessage("evaluating"))
    place = layers.index(best.layers)
    test = None
    if setup.test is not None:
        test = best.logits(_encode(setup, setup.test, (best.layers,))[:, 0])
    return Trained(
        pooling=Pooling("mean", best.layers),
        tensors={"head.weight": best.weight, "head.bias": best.bias},
        steps=ROUNDS,
        steps_planned=ROUNDS,
        epochs=1.0,
        early_stopped=False,
        trained_tokens=setup.planned_tokens,
        seconds=seconds,
        rows_read=len(setup.train),
        validation_logits=best.logits(validation[:, place]),
        test_logits=test,
    )


def _encode(setup: Setup, split: EncodedSplit, layers: tuple[int, ...]) -> Tensor:
    """Features [R, len(layers), H] of a split."""
    return collect(
        split.ids,
        lambda packed: row_features(setup.bert, packed, layers),
        setup.pace,
        setup.device,
    )


def _rounds(setup: Setup, train: Tensor, validation: Tensor, layers: int) -> Iterator[_Fit]:
    """Logistic regression on one block's features, after each of ROUNDS rounds.

    The standardisation is folded into the weights.
    """
    mean, deviation = train.mean(0), train.std(0, correction=0).clamp(min=_TINY)
    scaled = (train - mean) / deviation
    targets = torch.tensor(setup.train.targets)
    weights = setup.class_weights()
    weights = None if weights is None else weights.cpu()
    weight = torch.zeros(setup.task.outputs(setup.labels), train.shape[1], requires_grad=True)
    bias = torch.zeros(weight.shape[0], requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=_ITERATIONS, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        logits = scaled @ weight.t() + bias
        data = setup.task.loss(logits, targets, weights, setup.config.label_smoothing)
        loss = data / len(targets) + setup.config.head_penalty * weight.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]
        setup.link.poll()
        return loss

    for _ in range(ROUNDS):
        step: Callable[[Callable[[], Tensor]], Tensor] = optimizer.step
        loss = float(step(closure).detach())
        with torch.no_grad():
            raw = weight / deviation
            folded = bias - raw @ mean
            logits = validation @ raw.t() + folded
        if not torch.isfinite(raw).all() or loss != loss:
            raise EngineError(
                ErrorCode.DIVERGED, "The classifier's weights are not finite. Raise head_penalty."
            )
        found = metrics_of(setup.task, logits, setup.validation, setup.labels)
        yield _Fit(layers, raw, folded, loss, figures(found))


def _metric(setup: Setup, step: int, best: _Fit) -> MetricMessage:
    seconds = setup.pace.seconds
    return MetricMessage(
        step=step,
        steps_planned=ROUNDS,
        epoch=step / ROUNDS,
        train_loss=best.train_loss,
        learning_rate=1.0,
        trained_tokens=setup.train.tokens,
        rows_per_second=len(setup.train) / seconds,
        seconds=seconds,
        validation=best.found,
    )
