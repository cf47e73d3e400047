"""A base with a model's own weights: W' = W + (alpha / rank) B A, or W' itself (tier full)."""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor, nn

from mlworker.engine.adapters.full import bert_with
from mlworker.engine.adapters.lora import POOLER, module_keys
from mlworker.engine.artifact import Artifact
from mlworker.engine.base.bert import Bert


def update_of(artifact: Artifact, key: str) -> Tensor:
    """(alpha / rank) B A of one layer, [k * out, in] float32; needs an artifact of tier lora."""
    lora = artifact.manifest.lora
    if lora is None:
        raise ValueError("this artifact has no adapter")
    a, b = artifact.tensors[f"lora.{key}.a"], artifact.tensors[f"lora.{key}.b"]
    parts = b.shape[0]
    blocks = a.view(parts, lora.rank, -1)
    return (lora.alpha / lora.rank) * torch.cat([b[i] @ blocks[i] for i in range(parts)])


def merged(bert: Bert, artifact: Artifact) -> Bert:
    """A copy of the base that computes as the model does; the base itself is untouched."""
    lora = artifact.manifest.lora
    if artifact.manifest.full is not None:
        return copy.deepcopy(bert_with(bert, artifact))
    result = copy.deepcopy(bert)
    if lora is None:
        return result
    with torch.no_grad():
        pooler = artifact.manifest.pooling != "token"
        for key, _ in module_keys(bert.config, lora.targets, lora.first_block, pooler=pooler):
            weight = linear_at(result, key).weight
            update = update_of(artifact, key).to(weight.device)
            weight.copy_(weight.float() + update)
    return result


def linear_at(bert: Bert, key: str) -> nn.Linear:
    """The layer that a module key (`{block}_{name}` or `pooler`) names."""
    if key == POOLER:
        return bert.pooler
    block, name = key.split("_", 1)
    return cast("nn.Linear", getattr(bert.layers[int(block)], name))
