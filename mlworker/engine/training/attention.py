"""Learning where to look: attention queries and a classifier, trained together on cached states.

The base stays frozen, so an epoch costs a hundredth of reading the rows (measured).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlworker.engine.data.batches import epoch_batches
from mlworker.engine.heads import attention_feature
from mlworker.engine.tasks.base import Target
from mlworker.engine.training.classifier import Classifier
from mlworker.engine.training.setup import Setup
from mlworker.engine.training.states import TokenStates

# Measured on movie reviews and banking intents (docs/decisions/0018).
_RATE = 2e-3
_DECAY = 0.05
_DROPOUT = 0.1
_QUERY_STD = 0.02
_BATCH_TOKENS = 1_700
_RISE = 0.1
_EPOCHS, _MOST_EPOCHS, _STEPS = 4, 20, 120
"""Few rows are read more often, until there were so many steps."""


@dataclass(frozen=True)
class Learned:
    """What one candidate block has learned so far: a query [A, H] and its classifier."""

    place: int
    query: Tensor
    classifier: Classifier


class AttentionTraining:
    """All candidate blocks at once: they share batches."""

    def __init__(self, setup: Setup, states: TokenStates, targets: Sequence[Target]) -> None:
        self._setup, self._states = setup, states
        self._targets = setup.task.tensor(targets)
        self._lengths = states.lengths
        self._weights = setup.class_weights()
        torch.manual_seed(setup.config.seed)
        outputs = setup.task.outputs(setup.labels)
        config = setup.bert.config
        self._models = [
            _Model(config.num_attention_heads, config.hidden_size, outputs).to(setup.device)
            for _ in states.layers
        ]
        self._optimizer = torch.optim.AdamW(
            [parameter for model in self._models for parameter in model.parameters()],
            lr=_RATE,
            weight_decay=_DECAY,
            fused=True,
        )
        per_epoch = len(self._batches(0))
        self.epochs = attention_epochs(per_epoch)
        self._steps = per_epoch * self.epochs

    def run(self) -> Iterator[list[Learned]]:
        """Every candidate after each epoch."""
        step = 0
        for epoch in range(self.epochs):
            losses = [0.0] * len(self._models)
            batches = self._batches(epoch)
            for batch in batches:
                for group in self._optimizer.param_groups:
                    group["lr"] = _RATE * self._schedule(step)
                found = self._step(batch)
                losses = [a + b / len(batches) for a, b in zip(losses, found, strict=True)]
                step += 1
                self._setup.pace.look()
            yield [self._learned(place, loss) for place, loss in enumerate(losses)]

    def _batches(self, epoch: int) -> list[list[int]]:
        seed = self._setup.config.seed
        return epoch_batches(self._lengths, token_budget=_BATCH_TOKENS, seed=seed, epoch=epoch)

    def _schedule(self, step: int) -> float:
        rise = _RISE * self._steps
        return min((step + 1) / (rise + 1), (self._steps - step) / (self._steps - rise))

    def _step(self, batch: list[int]) -> list[float]:
        """One optimizer step; each candidate's mean loss."""
        setup = self._setup
        packed = self._states.pack(batch)
        targets = self._targets[[batch[place] for place in packed.order]].to(setup.device)
        smoothing = setup.config.label_smoothing
        self._optimizer.zero_grad(set_to_none=True)
        losses = []
        for place, model in enumerate(self._models):
            hidden = self._states.hidden(place, packed, batch)
            pooled = attention_feature(
                hidden, packed, model.query, setup.bert.config.layer_norm_eps
            )
            logits = model.head(F.dropout(pooled, _DROPOUT))
            losses.append(setup.task.loss(logits, targets, self._weights, smoothing) / len(batch))
        # the candidates share no parameter, so the sum's gradient is each one's own
        torch.stack(losses).sum().backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        return [float(loss.detach()) for loss in losses]

    def _learned(self, place: int, loss: float) -> Learned:
        model = self._models[place]
        weight, bias = (part.detach().cpu().clone() for part in model.head.parameters())
        return Learned(place, model.query.detach().clone(), Classifier(weight, bias, loss))


class _Model(nn.Module):
    def __init__(self, heads: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.randn(heads, hidden) * _QUERY_STD)
        self.head = nn.Linear(hidden, outputs)


def attention_epochs(batches: int) -> int:
    """How often rows in so many batches are read."""
    return min(_MOST_EPOCHS, max(_EPOCHS, math.ceil(_STEPS / batches)))
