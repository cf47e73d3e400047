"""Names that Hugging Face's layouts give to the tensors of BERT's encoder, and ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from mlworker.engine.base.config import BertConfig
from mlworker.engine.contracts import EngineError, ErrorCode

RENAMED = {
    "attention_output": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "intermediate": "intermediate.dense",
    "output": "output.dense",
    "output_norm": "output.LayerNorm",
}
_PARTS = ("attention.self.query", "attention.self.key", "attention.self.value")
_DISTILBERT = {
    "attention_output": "attention.out_lin",
    "attention_norm": "sa_layer_norm",
    "intermediate": "ffn.lin1",
    "output": "ffn.lin2",
    "output_norm": "output_layer_norm",
}
_DISTILBERT_PARTS = ("attention.q_lin", "attention.k_lin", "attention.v_lin")
_PREFIXES = {"bert": "bert.", "roberta": "roberta.", "xlm-roberta": "roberta."}
_OLD_KINDS = {"weight": "gamma", "bias": "beta"}
"""What the first BERT files call the two tensors of a norm."""

Take = Callable[[str], Tensor]


def weights_translate(weights: Mapping[str, Tensor], config: BertConfig) -> dict[str, Tensor]:
    """Hugging Face names to ours; EngineError(base_corrupt) names what is missing.

    What a layout lacks is filled in so that it computes the same: no token types = zeros, no pooler
    = the identity. RoBERTa's unused first places are left out.
    """
    prefix = _PREFIXES.get(config.architecture, "distilbert.")
    prefix = prefix if any(name.startswith(prefix) for name in weights) else ""

    def take(name: str) -> Tensor:
        stem, _, kind = name.rpartition(".")
        for found in (f"{prefix}{name}", f"{prefix}{stem}.{_OLD_KINDS.get(kind, kind)}"):
            if found in weights:
                return weights[found].float()
        raise EngineError(ErrorCode.BASE_CORRUPT, f"model.safetensors lacks {prefix}{name}.")

    places = take("embeddings.position_embeddings.weight")
    out = {
        "words.weight": take("embeddings.word_embeddings.weight"),
        "places.weight": places[config.position_offset :].contiguous(),
        "types.weight": (
            torch.zeros(1, config.hidden_size)
            if config.architecture == "distilbert"
            else take("embeddings.token_type_embeddings.weight")
        ),
        "norm.weight": take("embeddings.LayerNorm.weight"),
        "norm.bias": take("embeddings.LayerNorm.bias"),
    }
    for block in range(config.num_hidden_layers):
        out |= _block(block, take, config)
    has_pooler = all(f"{prefix}pooler.dense.{kind}" in weights for kind in ("weight", "bias"))
    if has_pooler:
        out["pooler.weight"] = take("pooler.dense.weight")
        out["pooler.bias"] = take("pooler.dense.bias")
    else:
        out["pooler.weight"] = torch.eye(config.hidden_size)
        out["pooler.bias"] = torch.zeros(config.hidden_size)
    return out


def _block(block: int, take: Take, config: BertConfig) -> dict[str, Tensor]:
    distilled = config.architecture == "distilbert"
    theirs = f"transformer.layer.{block}." if distilled else f"encoder.layer.{block}."
    renamed = _DISTILBERT if distilled else RENAMED
    parts = _DISTILBERT_PARTS if distilled else _PARTS
    out: dict[str, Tensor] = {}
    for kind in ("weight", "bias"):
        out[f"layers.{block}.qkv.{kind}"] = torch.cat(
            [take(f"{theirs}{part}.{kind}") for part in parts]
        )
        for ours, name in renamed.items():
            out[f"layers.{block}.{ours}.{kind}"] = take(f"{theirs}{name}.{kind}")
    return out
