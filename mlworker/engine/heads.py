"""The heads, all exactly representable in stock BERT.

cls        tanh(pooler(first token of the last block)) -> linear: stock BERT itself.
attention  LayerNorm(attention over the tokens + first token) after block k -> linear. Each
           attention head scores tokens with one learned query and averages its own slice of the
           features. In stock BERT this is k blocks and one more whose queries are constant and
           whose values are the identity (docs/decisions/0018). A query of zeros gives the mean.
token      each token after block k -> linear: stock `BertForTokenClassification`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from mlworker.engine.base.config import BertConfig
from mlworker.engine.contracts import PoolingKind
from mlworker.engine.data.packing import Bucket, PackedRows

QUERY = "pool.query"
"""The tensor that a model with an attention head has beside its linear layer, [A, H]."""


@dataclass(frozen=True, slots=True)
class Pooling:
    """Which vector of a row the head reads: after `layers` blocks, by `kind`."""

    kind: PoolingKind
    layers: int


def query_of(tensors: Mapping[str, Tensor], config: BertConfig) -> Tensor:
    """A model's queries [A, H]; zeros for one made before models had any: it took the mean."""
    found = tensors.get(QUERY)
    if found is None:
        found = torch.zeros(config.num_attention_heads, config.hidden_size)
    return found


def attention_feature(hidden: Tensor, packed: PackedRows, query: Tensor, eps: float) -> Tensor:
    """LayerNorm(attention + first token) of hidden states [T, H], float32 [R, H], sorted order.

    `query` is [A, H] for all rows, or [R, A, H] for each its own, in sorted order.
    """
    parts = []
    for bucket in packed.buckets:
        own = query
        if query.dim() == 3:
            own = query[bucket.first_row : bucket.first_row + bucket.rows]
        parts.append(_bucket_feature(bucket.padded(hidden).float(), bucket, own))
    pooled = torch.cat(parts)
    return F.layer_norm(pooled, pooled.shape[1:], eps=eps)


def _bucket_feature(cells: Tensor, bucket: Bucket, query: Tensor) -> Tensor:
    """cells [R, W, H] -> attention + first token, [R, H]."""
    scores = cells @ query.transpose(-1, -2)
    if bucket.mask is not None:
        real = bucket.mask.view(bucket.rows, bucket.width, 1)
        scores = scores.masked_fill(~real, float("-inf"))
    heads = query.shape[-2]
    slices = cells.view(bucket.rows, bucket.width, heads, -1)
    mixed = torch.einsum("rwa,rwad->rad", scores.softmax(dim=1), slices)
    return mixed.reshape(bucket.rows, -1) + cells[:, 0]
