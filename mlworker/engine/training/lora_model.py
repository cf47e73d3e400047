"""Tier lora: adapters on a frozen base."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from mlworker.engine.adapters.lora import LoraAdapter, LoraSpec
from mlworker.engine.base.bert import Bert
from mlworker.engine.data.packing import PackedRows
from mlworker.engine.training.config import TrainConfig
from mlworker.engine.training.trainable import Trainable


class LoraModel(Trainable):
    """Head on what the adapted base says. The base is frozen and not part of its state."""

    def __init__(
        self, bert: Bert, config: TrainConfig, outputs: int, *, tokens: bool = False
    ) -> None:
        spec = LoraSpec(
            config.lora_rank,
            config.lora_alpha,
            config.lora_dropout,
            config.lora_targets,
            config.frozen_layers,
            config.hidden_dropout,
            pooler=not tokens,
        )
        adapter = LoraAdapter(bert.config, spec)
        super().__init__(bert, config, outputs, tokens=tokens)
        self.adapter = adapter

    def states(self, packed: PackedRows) -> Tensor:
        """Hidden states [T, H], adapted."""
        hidden: Tensor = self.bert(packed, run=self.adapter)
        return hidden

    def pooled(self, packed: PackedRows) -> Tensor:
        """tanh(pooler(first tokens)) [R, H], adapted."""
        first = self.bert(packed, run=self.adapter, first_tokens=True)
        return self.adapter.pool(self.bert.pooler, first)

    def own(self) -> Iterator[tuple[str, Tensor]]:
        """A and B of every adapted layer."""
        for key in self.adapter.keys:
            yield f"lora.{key}.a", self.adapter.a[key]
            yield f"lora.{key}.b", self.adapter.b[key]
