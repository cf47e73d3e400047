"""Tier full: weights of a model's own in place of the base's, under the base's names.

What was not trained is not stored: a model shares those tensors with the base, in memory too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

import torch
from torch import Tensor

from mlworker.engine.artifact_manifest import ArtifactManifest, FullEntry
from mlworker.engine.base.bert import BLOCKS, Bert
from mlworker.engine.base.config import BertConfig
from mlworker.engine.contracts import EngineError, ErrorCode

FULL = "full."
"""Prefix of a trained weight's name in an artifact."""
_EMBEDDINGS = ("words.", "places.", "types.", "norm.")


class HasWeights(Protocol):
    """An artifact; named by its shape, because artifact.py needs this module."""

    @property
    def manifest(self) -> ArtifactManifest:
        """What the weights are."""
        ...

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """The weights by name."""
        ...


def trained_name(name: str, entry: FullEntry) -> bool:
    """Whether a weight of the base, by its name, is the model's own."""
    if name.startswith(_EMBEDDINGS):
        return entry.embeddings
    if name.startswith(BLOCKS):
        return int(name.split(".")[1]) >= entry.first_block
    return entry.pooler


def trained_names(bert: Bert, entry: FullEntry) -> Iterator[str]:
    """Names of the model's own weights, in the base's order."""
    yield from (name for name in bert.state_dict() if trained_name(name, entry))


def full_shapes(config: BertConfig, entry: FullEntry) -> dict[str, tuple[int, ...]]:
    """Name in the artifact -> shape, for all that an artifact of tier full must bring."""
    with torch.device("meta"):
        empty = Bert(config)
    state = empty.state_dict()
    return {FULL + name: tuple(state[name].shape) for name in trained_names(empty, entry)}


def full_bytes(artifact: HasWeights, bert: Bert) -> int:
    """Memory that a model takes beside its base; 0 for tiers that have only an adapter or head."""
    widths = {FULL + name: value.itemsize for name, value in bert.state_dict().items()}
    own = {name: value for name, value in artifact.tensors.items() if name.startswith(FULL)}
    return sum(value.numel() * widths.get(name, value.itemsize) for name, value in own.items())


def bert_with(bert: Bert, artifact: HasWeights) -> Bert:
    """A model of tier full that shares with the base whatever was not trained."""
    entry = artifact.manifest.full
    if entry is None:
        raise EngineError(ErrorCode.ARTIFACT_CORRUPT, "The model has no weights of its own.")
    with torch.device("meta"):
        result = Bert(bert.config)
    result.dtype = bert.dtype
    state = dict(bert.state_dict())
    for name in trained_names(bert, entry):
        state[name] = artifact.tensors[FULL + name].to(state[name].device, state[name].dtype)
    result.load_state_dict(state, strict=True, assign=True)
    return result.requires_grad_(False).eval()
