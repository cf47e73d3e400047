"""Tier full: the base's own weights learn, from a chosen block on.

Trained weights stay float32 and are rounded to the products' format, so that small steps are not
lost: at each use, or on an accelerator once a step, because each rounding is a call, and calls are
what it waits for. What is frozen is kept in that format only.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from mlworker.engine.adapters.full import FULL, trained_names
from mlworker.engine.adapters.lora import drop_result
from mlworker.engine.artifact_manifest import FullEntry
from mlworker.engine.base.bert import BLOCKS, Bert
from mlworker.engine.contracts import PoolingKind
from mlworker.engine.data.packing import PackedRows
from mlworker.engine.heads import QUERY, attention_feature
from mlworker.engine.training.config import TrainConfig
from mlworker.engine.training.trainable import Trainable


def full_entry(config: TrainConfig, *, tokens: bool) -> FullEntry:
    """What a run of tier full trains."""
    read = config.pooling == "first" and not tokens
    return FullEntry(config.frozen_layers, config.embeddings == "trained", read)


class FullModel(Trainable):
    """Head on what a base in training says; the base belongs to the run and changes."""

    def __init__(
        self,
        bert: Bert,
        config: TrainConfig,
        outputs: int,
        dtype: torch.dtype = torch.float32,
        *,
        tokens: bool = False,
    ) -> None:
        super().__init__(bert, config, outputs, tokens=tokens)
        self.query: nn.Parameter | None = None
        if config.pooling == "attention" and not tokens:
            sizes = bert.config.num_attention_heads, bert.config.hidden_size
            # zeros are the mean of the tokens: it begins with what the base was trained to say
            self.query = nn.Parameter(torch.zeros(sizes))
        self._share, self._first = config.hidden_dropout, config.frozen_layers
        self._names = tuple(trained_names(bert, full_entry(config, tokens=tokens)))
        bert.dtype = dtype
        chosen = set(self._names)
        for name, parameter in bert.named_parameters():
            if name in chosen:
                parameter.requires_grad_(True)
            else:
                parameter.data = parameter.data.to(dtype)
        self._trained = dict(bert.named_parameters())
        self._rounded: dict[str, Tensor] = {}
        if dtype != torch.float32 and bert.pooler.weight.device.type != "cpu":
            self._round_ahead(dtype)

    def _round_ahead(self, dtype: torch.dtype) -> None:
        """Let the blocks read rounded copies, which `refresh` renews."""
        for name in self._names:
            if name.startswith(BLOCKS):
                read = self._trained[name]
                self._trained[name] = nn.Parameter(read.detach().clone())
                read.data = read.data.to(dtype)
                self._rounded[name] = read

    def leaves(self) -> list[Tensor]:
        """The rounded copies where there are any."""
        rounded = {FULL + name: value for name, value in self._rounded.items()}
        return [rounded.get(name, parameter) for name, parameter in self.named()]

    def refresh(self) -> None:
        """Round the weights as they are now."""
        exact: list[Tensor] = [self._trained[name] for name in self._rounded]
        if exact:
            with torch.no_grad():
                torch._foreach_copy_([*self._rounded.values()], exact)

    @property
    def pooling(self) -> PoolingKind:
        """As the configuration says."""
        return super().pooling if self.query is None else "attention"

    def run(
        self,
        layer: int,
        name: str,
        linear: nn.Linear,
        x: Tensor,
        packed: PackedRows,
        *,
        rows_only: bool,
    ) -> Tensor:
        """The base's own layer, with hidden dropout: a `LinearRunner`."""
        y: Tensor = linear(x)
        share = self._share if layer >= self._first else 0.0
        return drop_result(y, name, share, self, rows_only=rows_only)

    def states(self, packed: PackedRows) -> Tensor:
        """Hidden states [T, H]."""
        hidden: Tensor = self.bert(packed, run=self.run)
        return hidden

    def pooled(self, packed: PackedRows) -> Tensor:
        """tanh(pooler(first tokens)), or what the queries see of all tokens: [R, H]."""
        if self.query is not None:
            eps = self.bert.config.layer_norm_eps
            return attention_feature(self.states(packed), packed, self.query, eps)
        first = self.bert(packed, run=self.run, first_tokens=True)
        return torch.tanh(self.bert.pooler(first))

    def own(self) -> Iterator[tuple[str, Tensor]]:
        """The base's trained weights, and the queries."""
        for name in self._names:
            yield FULL + name, self._trained[name]
        if self.query is not None:
            yield QUERY, self.query
