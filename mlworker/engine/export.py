"""A model version as files that stock `transformers` and `peft` load, with equal logits.

`export_merged` writes a folder of the architecture that the task names, for every tier.
`export_adapter` writes a PEFT folder (tier lora) to be put on the unchanged base.
Neither needs transformers or peft here; the tests load the result with them.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from mlworker.engine.adapters.lora import POOLER
from mlworker.engine.adapters.merge import merged
from mlworker.engine.artifact import Artifact
from mlworker.engine.base.bert import Bert
from mlworker.engine.base.config import BertConfig
from mlworker.engine.base.locate import BaseDirectory
from mlworker.engine.base.names import RENAMED
from mlworker.engine.heads import query_of
from mlworker.engine.tasks import task_named

_COPIED = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "sentencepiece.bpe.model",
)
_PARTS = ("query", "key", "value")
_SMALL = 2.0**-14
"""tanh(x) = x to float32 precision for |x| this much smaller than 1 times a feature."""


def export_merged(artifact: Artifact, base: BaseDirectory, out: Path) -> Path:
    """Write config, weights and tokenizer of one self-contained classifier into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    bert = merged(Bert.load(base), artifact)
    layers = artifact.manifest.layers
    weights = _encoder_weights(bert, layers)
    head, bias = artifact.tensors["head.weight"], artifact.tensors["head.bias"]
    if artifact.manifest.pooling == "attention":
        weights |= _attention_layer(bert, layers, query_of(artifact.tensors, bert.config))
        layers += 1
        weights["bert.pooler.dense.weight"] = _SMALL * torch.eye(bert.config.hidden_size)
        weights["bert.pooler.dense.bias"] = torch.zeros(bert.config.hidden_size)
        head = head / _SMALL
    elif artifact.manifest.pooling == "cls":
        weights["bert.pooler.dense.weight"] = bert.pooler.weight
        weights["bert.pooler.dense.bias"] = bert.pooler.bias
    weights |= {"classifier.weight": head, "classifier.bias": bias}
    save_file(
        {name: value.detach().float().contiguous().clone() for name, value in weights.items()},
        out / "model.safetensors",
        metadata={"format": "pt"},
    )
    _write_config(artifact, base, out, layers)
    _copy_tokenizer(artifact, base, out)
    return out


def export_adapter(artifact: Artifact, base: BaseDirectory, out: Path, hub: str = "") -> Path:
    """Write a PEFT adapter folder; ValueError for a tier that has no adapter.

    ``hub`` is the repository that has the base, where there is one: peft finds it by that.
    """
    lora = artifact.manifest.lora
    if lora is None:
        raise ValueError(
            f"Tier {artifact.manifest.tier} has no adapter. Export the merged model instead."
        )
    if BertConfig.read(base.directory / "config.json").architecture != "bert":
        raise ValueError(
            "An adapter alone can be exported for bases of BERT's own layout. "
            "Export the merged model instead."
        )
    out.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Tensor] = {}
    for name, value in artifact.tensors.items():
        if name.startswith("lora.") and name.endswith(".a"):
            tensors |= _peft_names(name.split(".")[1], value, artifact, lora.rank)
    adapted = list(tensors)
    tensors["base_model.model.classifier.weight"] = artifact.tensors["head.weight"]
    tensors["base_model.model.classifier.bias"] = artifact.tensors["head.bias"]
    plain = {name: value.contiguous().clone() for name, value in tensors.items()}
    save_file(plain, out / "adapter_model.safetensors", metadata={"format": "pt"})
    config = {
        "peft_type": "LORA",
        "task_type": task_named(artifact.manifest.task).stock.peft,
        "base_model_name_or_path": hub or base.id,
        "r": lora.rank,
        "lora_alpha": lora.alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "inference_mode": True,
        "target_modules": sorted(
            {name.removeprefix("base_model.model.").rsplit(".lora_", 1)[0] for name in adapted}
        ),
        "modules_to_save": ["classifier"],
    }
    (out / "adapter_config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
    _copy_tokenizer(artifact, base, out)
    return out


def _encoder_weights(bert: Bert, layers: int) -> dict[str, Tensor]:
    """Embeddings and the first blocks under their Hugging Face names."""
    weights = {
        "bert.embeddings.word_embeddings.weight": bert.words.weight,
        "bert.embeddings.position_embeddings.weight": bert.places.weight,
        "bert.embeddings.token_type_embeddings.weight": bert.types.weight,
        "bert.embeddings.LayerNorm.weight": bert.norm.weight,
        "bert.embeddings.LayerNorm.bias": bert.norm.bias,
    }
    state = bert.state_dict()
    for block in range(layers):
        theirs = f"bert.encoder.layer.{block}."
        for kind in ("weight", "bias"):
            fused = state[f"layers.{block}.qkv.{kind}"].chunk(3)
            for part, value in zip(_PARTS, fused, strict=True):
                weights[f"{theirs}attention.self.{part}.{kind}"] = value
            for ours, name in RENAMED.items():
                weights[f"{theirs}{name}.{kind}"] = state[f"layers.{block}.{ours}.{kind}"]
    return weights


def _attention_layer(bert: Bert, block: int, query: Tensor) -> dict[str, Tensor]:
    """A block that turns its first token into LayerNorm(attention over tokens + first token).

    Each head's query is a constant: 1 in the head's first place, by the bias. The first row of its
    key matrix is the learned query, so their product is the score. Value and output are the
    identity; the residual adds the first token; the feed-forward part is zero.
    """
    hidden, inner = bert.config.hidden_size, bert.config.intermediate_size
    width = hidden // query.shape[0]
    key = torch.zeros(hidden, hidden)
    key[::width] = query * width**0.5  # stock attention divides scores by this root
    first = torch.zeros(hidden)
    first[::width] = 1.0
    shapes = {
        "attention.self.query": torch.zeros(hidden, hidden),
        "attention.self.key": key,
        "attention.self.value": torch.eye(hidden),
        "attention.output.dense": torch.eye(hidden),
        "intermediate.dense": torch.zeros(inner, hidden),
        "output.dense": torch.zeros(hidden, inner),
        "attention.output.LayerNorm": torch.ones(hidden),
        "output.LayerNorm": torch.ones(hidden),
    }
    weights: dict[str, Tensor] = {}
    for name, weight in shapes.items():
        weights[f"bert.encoder.layer.{block}.{name}.weight"] = weight
        weights[f"bert.encoder.layer.{block}.{name}.bias"] = torch.zeros(weight.shape[0])
    weights[f"bert.encoder.layer.{block}.attention.self.query.bias"] = first
    return weights


def _peft_names(key: str, a: Tensor, artifact: Artifact, rank: int) -> dict[str, Tensor]:
    """One adapted layer's A and B under PEFT's names."""
    b = artifact.tensors[f"lora.{key}.b"]
    targets = artifact.manifest.lora.targets if artifact.manifest.lora else "all"
    if key == POOLER:
        names = ["bert.pooler.dense"]
    else:
        block, name = key.split("_", 1)
        prefix = f"bert.encoder.layer.{block}."
        if name == "qkv":
            names = [f"{prefix}attention.self.{part}" for part in _PARTS]
            if targets == "query_value":
                names[1] = ""
        else:
            names = [prefix + RENAMED[name]]
    out: dict[str, Tensor] = {}
    for index, module in enumerate(names):
        if not module:
            continue  # trained without an adapter on the key
        out[f"base_model.model.{module}.lora_A.weight"] = a[index * rank : (index + 1) * rank]
        out[f"base_model.model.{module}.lora_B.weight"] = b[index]
    return out


def _write_config(artifact: Artifact, base: BaseDirectory, out: Path, layers: int) -> None:
    config = json.loads((base.directory / "config.json").read_text(encoding="utf-8"))
    shape = BertConfig.read(base.directory / "config.json")
    if shape.architecture != "bert":
        config = _as_bert(shape, config.get("pad_token_id"))
    labels = artifact.manifest.labels
    config.pop("_name_or_path", None)
    stock = task_named(artifact.manifest.task).stock
    config |= {
        "architectures": [stock.architecture],
        "num_hidden_layers": layers,
        "id2label": {str(index): label for index, label in enumerate(labels)},
        "label2id": {label: index for index, label in enumerate(labels)},
        "problem_type": stock.problem,
    }
    (out / "config.json").write_text(
        json.dumps(config, indent=1, ensure_ascii=False), encoding="utf-8"
    )


def _as_bert(shape: BertConfig, padding: object) -> dict[str, object]:
    """The config of the same encoder in BERT's layout: what RoBERTa and DistilBERT compute is
    BERT's, once the unused places are left out and the missing token types are zeros.
    """
    sizes = asdict(shape)
    del sizes["architecture"], sizes["position_offset"]
    return {
        **sizes,
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "pad_token_id": padding if isinstance(padding, int) else 0,
    }


def _copy_tokenizer(artifact: Artifact, base: BaseDirectory, out: Path) -> None:
    """The base's tokenizer files, cut to the model's length and without fixed padding."""
    for name in _COPIED:
        if (base.directory / name).is_file():
            shutil.copyfile(base.directory / name, out / name)
    path = out / "tokenizer.json"
    body = json.loads(path.read_text(encoding="utf-8"))
    body["padding"] = None
    body["truncation"] = None
    path.write_text(json.dumps(body, ensure_ascii=False), encoding="utf-8")
    settings = out / "tokenizer_config.json"
    # A base need not have one; what runs an export reads the length there.
    body = json.loads(settings.read_text(encoding="utf-8")) if settings.is_file() else {}
    body["model_max_length"] = artifact.manifest.max_length
    settings.write_text(json.dumps(body, ensure_ascii=False, indent=1), encoding="utf-8")
