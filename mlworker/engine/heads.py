"""The two heads, both exactly representable in stock `BertForSequenceClassification`.

cls    tanh(pooler(first token of the last block)) -> linear: stock BERT itself.
mean   LayerNorm(mean over tokens + first token) after block k -> linear. In stock BERT this is k
       blocks and one more whose attention is uniform (query and key zero, value and output the
       identity): attention gives the mean, the residual adds the first token (docs/decisions/0001).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from mlworker.engine.base.bert import mean_pool
from mlworker.engine.data.packing import PackedRows

PoolingKind = Literal["cls", "mean"]


@dataclass(frozen=True, slots=True)
class Pooling:
    """Which vector of a row the head reads: after `layers` blocks, by `kind`."""

    kind: PoolingKind
    layers: int


def mean_feature(hidden: Tensor, packed: PackedRows, eps: float) -> Tensor:
    """LayerNorm(mean + first) of [T, H], float32 [R, H] in packed order."""
    first = hidden.index_select(0, packed.starts[: packed.rows]).float()
    return F.layer_norm(mean_pool(hidden, packed) + first, first.shape[1:], eps=eps)
