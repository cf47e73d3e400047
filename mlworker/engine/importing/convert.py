"""From a checked folder to an artifact of tier full, on a base that is here. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from mlworker.engine.artifact_manifest import (
    WEIGHTS as ARTIFACT_WEIGHTS,
)
from mlworker.engine.artifact_manifest import (
    ArtifactManifest,
    FullEntry,
)
from mlworker.engine.base.config import BertConfig
from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.durable import publish_folder
from mlworker.engine.importing.configs import (
    SIZES,
    Described,
    config_read,
    max_length_of,
    tokenizer_check,
)
from mlworker.engine.importing.files import CONFIG, TOKENIZER, WEIGHTS, ImportInvalid
from mlworker.engine.importing.tensors import TensorFile

TASK: Final = "text_classification"
_IGNORED: Final = ("bert.embeddings.position_ids",)
_BLOCK: Final = {
    "attention_output": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "intermediate": "intermediate.dense",
    "output": "output.dense",
    "output_norm": "output.LayerNorm",
}
Array = npt.NDArray[np.float32]


def folder_convert(folder: Path, bases: Mapping[str, BaseDirectory], out: Path) -> ArtifactManifest:
    """Write the artifact of a Hugging Face classifier. ImportInvalid says what does not fit."""
    described = config_read(folder)
    base = _base_of(folder, described, bases)
    source = TensorFile(folder / WEIGHTS)
    _names_check(source, described)
    manifest = ArtifactManifest(
        task=TASK,
        tier="full",
        labels=described.labels,
        base_id=base.id,
        base_sha256=base.weights_sha256,
        max_length=max_length_of(folder, described.sizes.max_position_embeddings),
        pooling="cls",
        layers=described.sizes.num_hidden_layers,
        lora=None,
        full=FullEntry(0, embeddings=True),
        config={},
        metrics={},
    )
    tensors = dict(_tensors(source, described.sizes))
    with publish_folder(out, manifest.describe()) as temporary:
        save_file(tensors, temporary / ARTIFACT_WEIGHTS)
    return manifest


def _base_of(
    folder: Path, described: Described, bases: Mapping[str, BaseDirectory]
) -> BaseDirectory:
    """The base with these sizes and this tokenizer: what serves it can serve the import."""
    reasons = []
    for base in bases.values():
        sizes = BertConfig.read(base.directory / CONFIG)
        odd = [
            f"{name} is {getattr(described.sizes, name)}, not {getattr(sizes, name)}"
            for name in sorted(SIZES)
            if getattr(described.sizes, name) != getattr(sizes, name)
        ]
        if not odd and tokenizer_check(folder, base.directory):
            return base
        reasons.append(f"{base.id}: {odd[0] if odd else TOKENIZER + ' is another'}")
    raise ImportInvalid(
        "The model has the shape of no base model of this installation "
        f"({'; '.join(reasons) or 'there is none'})."
    )


def _names_check(source: TensorFile, described: Described) -> None:
    wanted = dict(_shapes(described.sizes, len(described.labels)))
    found = {name for name in source.entries if name not in _IGNORED}
    missing, strange = sorted(set(wanted) - found), sorted(found - set(wanted))
    if missing:
        raise ImportInvalid(f"{WEIGHTS} lacks {missing[0]!r}.")
    if strange:
        raise ImportInvalid(f"{WEIGHTS} holds {strange[0][:120]!r}, which no part of a BERT needs.")
    for name, shape in wanted.items():
        if source.shape(name) != shape:
            raise ImportInvalid(
                f"{WEIGHTS}: {name!r} has the shape {list(source.shape(name))}, not {list(shape)}."
            )


def _shapes(config: BertConfig, labels: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    hidden, inner = config.hidden_size, config.intermediate_size
    yield "bert.embeddings.word_embeddings.weight", (config.vocab_size, hidden)
    yield "bert.embeddings.position_embeddings.weight", (config.max_position_embeddings, hidden)
    yield "bert.embeddings.token_type_embeddings.weight", (config.type_vocab_size, hidden)
    yield from _both("bert.embeddings.LayerNorm", (hidden,))
    yield from _both("bert.pooler.dense", (hidden, hidden))
    yield from _both("classifier", (labels, hidden))
    for block in range(config.num_hidden_layers):
        prefix = f"bert.encoder.layer.{block}."
        for part in ("query", "key", "value"):
            yield from _both(f"{prefix}attention.self.{part}", (hidden, hidden))
        yield from _both(f"{prefix}attention.output.dense", (hidden, hidden))
        yield from _both(f"{prefix}attention.output.LayerNorm", (hidden,))
        yield from _both(f"{prefix}intermediate.dense", (inner, hidden))
        yield from _both(f"{prefix}output.dense", (hidden, inner))
        yield from _both(f"{prefix}output.LayerNorm", (hidden,))


def _both(name: str, shape: tuple[int, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", shape
    yield f"{name}.bias", shape[:1]


def _tensors(source: TensorFile, config: BertConfig) -> Iterator[tuple[str, Array]]:
    embeddings = "bert.embeddings."
    yield "full.words.weight", source.read(f"{embeddings}word_embeddings.weight")
    yield "full.places.weight", source.read(f"{embeddings}position_embeddings.weight")
    yield "full.types.weight", source.read(f"{embeddings}token_type_embeddings.weight")
    for kind in ("weight", "bias"):
        yield f"full.norm.{kind}", source.read(f"{embeddings}LayerNorm.{kind}")
        yield f"full.pooler.{kind}", source.read(f"bert.pooler.dense.{kind}")
        yield f"head.{kind}", source.read(f"classifier.{kind}")
        for block in range(config.num_hidden_layers):
            theirs = f"bert.encoder.layer.{block}."
            parts = [
                source.read(f"{theirs}attention.self.{part}.{kind}")
                for part in ("query", "key", "value")
            ]
            yield f"full.layers.{block}.qkv.{kind}", np.concatenate(parts)
            for ours, name in _BLOCK.items():
                yield f"full.layers.{block}.{ours}.{kind}", source.read(f"{theirs}{name}.{kind}")
