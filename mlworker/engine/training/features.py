"""Tier head's cache: each row's features after a few candidate blocks, computed once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mlworker.engine.base.bert import Bert
from mlworker.engine.data.packing import PackedRows
from mlworker.engine.heads import mean_feature

_MANY_ROWS = 50_000


def candidate_layers(depth: int, rows: int) -> tuple[int, ...]:
    """Blocks after which features are worth trying: later ones forget sentiment.

    Frozen MiniLM on movie reviews: 0.79 after block 4 of 6, 0.77 after the last (measured). Large
    sets try one, so that the cache stays small.
    """
    first = max(1, round(depth * 2 / 3))
    if rows > _MANY_ROWS:
        return (first,)
    return tuple(sorted({first, max(1, depth - 1), depth}))


def row_features(bert: Bert, packed: PackedRows, layers: Sequence[int]) -> Tensor:
    """Features after each of `layers` (ascending), [R, len(layers), H] in packed order."""
    eps = bert.config.layer_norm_eps
    states = bert.states(packed, layers)
    return torch.stack([mean_feature(state, packed, eps) for state in states], dim=1)
