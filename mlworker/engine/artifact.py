"""Writing and loading a model version's tensors. Safetensors only; every shape is checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from mlworker.engine.adapters.full import FULL, full_shapes
from mlworker.engine.adapters.lora import module_keys
from mlworker.engine.artifact_manifest import WEIGHTS, ArtifactManifest, read_manifest
from mlworker.engine.base.config import BertConfig
from mlworker.engine.contracts import EngineError, ErrorCode
from mlworker.engine.durable import manifest_sha256, publish_folder
from mlworker.engine.heads import QUERY


@dataclass(frozen=True, slots=True)
class Artifact:
    """A model version in memory: float32 tensors on the CPU.

    `head.weight` [C, H], `head.bias` [C]; tier head also `pool.query` [A, H]; tier lora also
    `lora.{key}.a` [k * r, in] and `lora.{key}.b` [k, out, r], keys as in
    `adapters.lora.module_keys`; tier full also `full.{name}`, the base's own names.
    """

    manifest: ArtifactManifest
    tensors: Mapping[str, Tensor]


def save_artifact(folder: Path, manifest: ArtifactManifest, tensors: Mapping[str, Tensor]) -> str:
    """Publish an artifact folder, durably; returns the sha256 of its manifest."""
    with publish_folder(folder, manifest.describe()) as temporary:
        plain = {name: value.float().contiguous() for name, value in tensors.items()}
        save_file(plain, temporary / WEIGHTS)
    return manifest_sha256(folder)


def load_artifact(folder: Path) -> Artifact:
    """Load and check an artifact folder; EngineError(artifact_corrupt) says what is wrong."""
    manifest = read_manifest(folder)
    try:
        tensors = load_file(folder / WEIGHTS)
    except Exception as error:  # safetensors has no common error class across versions
        raise _corrupt(folder, f"weights cannot be read: {error}") from error
    for name, value in tensors.items():
        if value.dtype != torch.float32 or not bool(torch.isfinite(value).all()):
            raise _corrupt(folder, f"{name} is not finite float32")
    head = tensors.get("head.weight")
    bias = tensors.get("head.bias")
    if head is None or bias is None or head.dim() != 2 or bias.shape != head.shape[:1]:
        raise _corrupt(folder, "head.weight and head.bias do not fit each other")
    if head.shape[0] != len(manifest.labels):
        raise _corrupt(folder, f"{head.shape[0]} outputs for {len(manifest.labels)} labels")
    has_lora = any(name.startswith("lora.") for name in tensors)
    if has_lora != (manifest.lora is not None):
        raise _corrupt(folder, "the manifest and the weights disagree about an adapter")
    # one whose blocks are all frozen may bring none; what it must bring, its base tells
    if manifest.full is None and any(name.startswith(FULL) for name in tensors):
        raise _corrupt(folder, "the manifest and the weights disagree about full weights")
    return Artifact(manifest, tensors)


def check_shapes(artifact: Artifact, config: BertConfig) -> None:
    """EngineError(artifact_corrupt) unless every tensor fits a base."""
    hidden = config.hidden_size
    wanted: dict[str, tuple[int, ...]] = {
        "head.weight": (len(artifact.manifest.labels), hidden),
        "head.bias": (len(artifact.manifest.labels),),
    }
    if QUERY in artifact.tensors:
        wanted[QUERY] = (config.num_attention_heads, hidden)
    lora = artifact.manifest.lora
    if lora is not None:
        pooler = artifact.manifest.pooling != "token"
        shapes = module_keys(config, lora.targets, lora.first_block, pooler=pooler)
        for key, (width, out, parts) in shapes:
            wanted[f"lora.{key}.a"] = (parts * lora.rank, width)
            wanted[f"lora.{key}.b"] = (parts, out, lora.rank)
    if artifact.manifest.full is not None:
        wanted |= full_shapes(config, artifact.manifest.full)
    found = {name: tuple(value.shape) for name, value in artifact.tensors.items()}
    if found != wanted:
        odd = sorted(set(found.items()) ^ set(wanted.items()))[:2]
        raise EngineError(
            ErrorCode.ARTIFACT_CORRUPT, f"The model's weights do not fit its base: {odd}."
        )


def _corrupt(folder: Path, reason: str) -> EngineError:
    return EngineError(ErrorCode.ARTIFACT_CORRUPT, f"{folder.name} cannot be loaded: {reason}.")
