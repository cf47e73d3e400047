"""Base, adapter and head as one trainable model, with its logits and its tensors by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlworker.engine.adapters.lora import LoraAdapter, LoraSpec
from mlworker.engine.base.bert import Bert
from mlworker.engine.data.packing import PackedRows
from mlworker.engine.training.config import TrainConfig

_HEAD_STD = 0.02


class LoraModel(nn.Module):
    """Classifier on the adapted [CLS] vector. The base is frozen and not part of its state."""

    def __init__(self, bert: Bert, config: TrainConfig, outputs: int) -> None:
        super().__init__()
        spec = LoraSpec(config.lora_rank, config.lora_alpha, config.lora_dropout)
        self.adapter = LoraAdapter(bert.config, spec)
        self.head = nn.Linear(bert.config.hidden_size, outputs)
        nn.init.normal_(self.head.weight, std=_HEAD_STD)
        nn.init.zeros_(self.head.bias)
        self._dropout = config.dropout
        # a list hides the base from parameters() and state_dict()
        self._base = [bert]

    def forward(self, packed: PackedRows) -> Tensor:
        """Logits [R, C] in packed order, float32."""
        bert = self._base[0]
        first = bert(packed, run=self.adapter, first_tokens=True)
        pooled = self.adapter.pool(bert.pooler, first).float()
        logits: Tensor = self.head(F.dropout(pooled, self._dropout, self.training))
        return logits

    def named(self) -> Iterator[tuple[str, Tensor]]:
        """Trained parameters under their names in an artifact."""
        for key in self.adapter.keys:
            yield f"lora.{key}.a", self.adapter.a[key]
            yield f"lora.{key}.b", self.adapter.b[key]
        yield "head.weight", self.head.weight
        yield "head.bias", self.head.bias

    def tensors(self) -> dict[str, Tensor]:
        """Copies of the trained parameters, on the CPU."""
        return {name: value.detach().cpu().clone() for name, value in self.named()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Put `tensors()` back."""
        with torch.no_grad():
            for name, parameter in self.named():
                parameter.copy_(tensors[name])
