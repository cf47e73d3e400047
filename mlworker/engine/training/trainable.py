"""What the training loop moves: a model with its logits and its trained tensors by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from mlworker.engine.base.bert import Bert
from mlworker.engine.contracts import PoolingKind
from mlworker.engine.data.packing import PackedRows
from mlworker.engine.noise import drop
from mlworker.engine.training.config import TrainConfig

_HEAD_STD = 0.02
HEAD = "head."
"""What the names of the last layer's tensors begin with."""


class Trainable(nn.Module):
    """Linear head on the pooled [CLS] vector, or on each token where the task asks of these.

    A tier says how the base is run and what it trains.
    """

    def __init__(
        self, bert: Bert, config: TrainConfig, outputs: int, *, tokens: bool = False
    ) -> None:
        super().__init__()
        self.tokens = tokens
        self.head = nn.Linear(bert.config.hidden_size, outputs)
        nn.init.normal_(self.head.weight, std=_HEAD_STD)
        nn.init.zeros_(self.head.bias)
        self._dropout = config.dropout
        # a list hides the base from parameters(): tiers say themselves what they train
        self._base = [bert]

    @property
    def bert(self) -> Bert:
        """The base that is run."""
        return self._base[0]

    @property
    def pooling(self) -> PoolingKind:
        """What the head reads."""
        return "token" if self.tokens else "cls"

    def forward(self, packed: PackedRows) -> Tensor:
        """Logits [R, C], or [T, C] of tokens, in packed order, float32."""
        read = self.states(packed) if self.tokens else self.pooled(packed)
        read = read.float()
        if self.training and self._dropout:
            read = drop(read, self._dropout, rows_only=not self.tokens)
        logits: Tensor = self.head(read)
        return logits

    def states(self, packed: PackedRows) -> Tensor:
        """Hidden states [T, H] after the last block."""
        raise NotImplementedError

    def pooled(self, packed: PackedRows) -> Tensor:
        """tanh(pooler(first tokens)) [R, H]."""
        raise NotImplementedError

    def own(self) -> Iterator[tuple[str, Tensor]]:
        """Trained parameters but the head's, under their names in an artifact."""
        raise NotImplementedError

    def named(self) -> Iterator[tuple[str, Tensor]]:
        """Trained parameters under their names in an artifact."""
        yield from self.own()
        yield "head.weight", self.head.weight
        yield "head.bias", self.head.bias

    def leaves(self) -> list[Tensor]:
        """What gradients are taken of, in the order of `named()`."""
        return [parameter for _, parameter in self.named()]

    def refresh(self) -> None:
        """Bring what is read up to date with the trained parameters, if it is not the same."""

    def groups(self, config: TrainConfig) -> list[dict[str, object]]:
        """Parameters for the optimizer: matrices decay, biases and norms do not.

        `scale` is what a group's step size is of the others'.
        """
        own = [parameter for _, parameter in self.own()]
        return [
            {"params": chosen, "weight_decay": decay, "scale": scale}
            for part, scale in ((own, 1.0), ([*self.head.parameters()], config.head_rate))
            for chosen, decay in (
                ([one for one in part if one.dim() > 1], config.weight_decay),
                ([one for one in part if one.dim() < 2], 0.0),
            )
            if chosen
        ]

    def tensors(self) -> dict[str, Tensor]:
        """Copies of the trained parameters, on the CPU."""
        return {name: value.detach().cpu().clone() for name, value in self.named()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Put `tensors()` back."""
        with torch.no_grad():
            for name, parameter in self.named():
                parameter.copy_(tensors[name])
