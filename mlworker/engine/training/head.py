"""Tier head: read every row once with the frozen base, then fit a linear classifier on features.

Features are standardised, the classifier is multinomial logistic regression with an L2 penalty,
fitted by L-BFGS for each candidate block; the block with the lowest validation loss wins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mlworker.engine.contracts import EngineError, ErrorCode, MetricMessage, PhaseMessage
from mlworker.engine.heads import Pooling
from mlworker.engine.training.evaluate import collect, metrics_of
from mlworker.engine.training.features import candidate_layers, row_features
from mlworker.engine.training.progress import figures
from mlworker.engine.training.setup import Setup, Trained

_ROUNDS = 8
"""Reports of the last fit; between two, each candidate gets up to `_ITERATIONS` iterations."""
_ITERATIONS = 12
_PARTS = 8
"""Parts the rows are read in; after each but the last, what is there is fitted for the curve."""
_PART_ROWS = 32
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


def head_steps(rows: int) -> int:
    """How many reports a run on so many training rows makes."""
    return len(_parts(rows, 0)) - 1 + _ROUNDS


def train_head(setup: Setup) -> Trained:
    """The whole tier; raises EngineError(diverged) when the fit is not finite."""
    setup.link.send(PhaseMessage("encoding"))
    layers = candidate_layers(setup.bert.config.num_hidden_layers, len(setup.train))
    validation = _encode(setup, setup.validation.ids, layers)
    train = torch.empty(len(setup.train), *validation.shape[1:])
    targets = torch.tensor(setup.train.targets)
    parts = _parts(len(setup.train), setup.config.seed)
    seen = torch.empty(0, dtype=torch.long)
    # Reading is nearly all of the work: fits along the way show what more rows are worth.
    for step, part in enumerate(parts, 1):
        train[part] = _encode(setup, [setup.train.ids[index] for index in part.tolist()], layers)
        seen = torch.cat([seen, part])
        if step < len(parts):
            best = next(_fits(setup, train[seen], targets[seen], validation, layers))
            setup.link.send(_metric(setup, step, best, len(seen)))
    setup.link.send(PhaseMessage("training"))
    fits = _fits(setup, train, targets, validation, layers)
    for step, best in enumerate(fits, len(parts)):
        setup.link.send(_metric(setup, step, best, len(seen)))
    seconds = setup.pace.seconds
    setup.link.send(PhaseMessage("evaluating"))
    place = layers.index(best.layers)
    test = None
    if setup.test is not None:
        test = best.logits(_encode(setup, setup.test.ids, (best.layers,))[:, 0])
    return Trained(
        pooling=Pooling("mean", best.layers),
        tensors={"head.weight": best.weight, "head.bias": best.bias},
        steps=head_steps(len(setup.train)),
        steps_planned=head_steps(len(setup.train)),
        epochs=1.0,
        early_stopped=False,
        trained_tokens=setup.planned_tokens,
        seconds=seconds,
        rows_read=len(setup.train),
        validation_logits=best.logits(validation[:, place]),
        test_logits=test,
    )


def _parts(rows: int, seed: int) -> list[Tensor]:
    """Row indices in mixed order, cut into parts; few rows make few parts."""
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(seed))
    return list(order.tensor_split(max(1, min(_PARTS, rows // _PART_ROWS))))


def _encode(setup: Setup, ids: Sequence[Sequence[int]], layers: tuple[int, ...]) -> Tensor:
    """Features [R, len(layers), H] of rows."""
    return collect(
        ids,
        lambda packed: row_features(setup.bert, packed, layers),
        setup.pace,
        setup.device,
    )


def _fits(
    setup: Setup, train: Tensor, targets: Tensor, validation: Tensor, layers: tuple[int, ...]
) -> Iterator[_Fit]:
    """The best candidate after each round; all advance together, so the curve is of one kind."""
    candidates = [
        _rounds(setup, train[:, place], targets, validation[:, place], layer)
        for place, layer in enumerate(layers)
    ]
    for fits in zip(*candidates, strict=True):
        yield min(fits, key=lambda fit: fit.found["loss"])


def _rounds(
    setup: Setup, train: Tensor, targets: Tensor, validation: Tensor, layers: int
) -> Iterator[_Fit]:
    """Logistic regression on one block's features, after each round.

    The standardisation is folded into the weights.
    """
    mean, deviation = train.mean(0), train.std(0, correction=0).clamp(min=_TINY)
    scaled = (train - mean) / deviation
    weights = setup.class_weights()
    weights = None if weights is None else weights.cpu()
    weight = torch.zeros(setup.task.outputs(setup.labels), train.shape[1], requires_grad=True)
    bias = torch.zeros(weight.shape[0], requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=_ITERATIONS, line_search_fn="strong_wolfe"
    )

    def penalised() -> Tensor:
        logits = scaled @ weight.t() + bias
        data = setup.task.loss(logits, targets, weights, setup.config.label_smoothing)
        return data / len(targets) + setup.config.head_penalty * weight.square().sum()

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = penalised()
        loss.backward()  # type: ignore[no-untyped-call]
        setup.link.poll()
        return loss

    for _ in range(_ROUNDS):
        step: Callable[[Callable[[], Tensor]], Tensor] = optimizer.step
        step(closure)
        with torch.no_grad():
            loss = float(penalised())
            raw = weight / deviation
            folded = bias - raw @ mean
            logits = validation @ raw.t() + folded
        if not torch.isfinite(raw).all() or loss != loss:
            raise EngineError(
                ErrorCode.DIVERGED, "The classifier's weights are not finite. Raise head_penalty."
            )
        found = metrics_of(setup.task, logits, setup.validation, setup.labels)
        yield _Fit(layers, raw, folded, loss, figures(found))


def _metric(setup: Setup, step: int, best: _Fit, rows: int) -> MetricMessage:
    seconds, planned = setup.pace.seconds, head_steps(len(setup.train))
    return MetricMessage(
        step=step,
        steps_planned=planned,
        epoch=rows / len(setup.train),
        train_loss=best.train_loss,
        learning_rate=1.0,
        trained_tokens=round(setup.train.tokens * rows / len(setup.train)),
        rows_per_second=rows / seconds,
        seconds=seconds,
        validation=best.found,
    )
