"""The few keys of a Hugging Face config.json that the engine obeys; every other is checked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from mlworker.engine.contracts import EngineError, ErrorCode

_MAX_CONFIG_BYTES = 1_000_000
_REQUIRED = {
    "vocab_size": (1, 2_000_000),
    "hidden_size": (8, 16_384),
    "num_hidden_layers": (1, 200),
    "num_attention_heads": (1, 256),
    "intermediate_size": (8, 65_536),
    "max_position_embeddings": (8, 65_536),
}
ARCHITECTURES = ("bert", "roberta", "xlm-roberta", "distilbert")
"""Layouts that are BERT's encoder under other names; `model_type` of config.json."""
_DISTILBERT = {
    "hidden_size": "dim",
    "num_hidden_layers": "n_layers",
    "num_attention_heads": "n_heads",
    "intermediate_size": "hidden_dim",
    "hidden_act": "activation",
}
"""Names that DistilBERT has of its own."""
_FIXED = {
    "hidden_act": ("gelu",),
    "position_embedding_type": ("absolute", None),
    "is_decoder": (False, None),
    "add_cross_attention": (False, None),
    "tie_encoder_decoder": (False, None),
}
_REFUSED = ("auto_map", "custom_pipelines", "quantization_config", "trust_remote_code")


@dataclass(frozen=True, slots=True)
class BertConfig:
    """Sizes of a BERT-layout encoder. `max_position_embeddings` are those a text can use."""

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    type_vocab_size: int
    layer_norm_eps: float
    architecture: str = "bert"
    position_offset: int = 0
    """Places at the beginning of the table that no token of a text has (RoBERTa's padding)."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read config.json; EngineError(base_corrupt) names the key that does not fit."""
        body = _body(path)
        architecture = _architecture(body)
        for key, allowed in _FIXED.items():
            if body.get(key) not in allowed:
                raise _refuse(f"{key} is {body.get(key)!r}; supported: {allowed[0]!r}")
        sizes = {key: _size(body, key, *bounds) for key, bounds in _REQUIRED.items()}
        if sizes["hidden_size"] % sizes["num_attention_heads"]:
            raise _refuse("hidden_size is not a multiple of num_attention_heads")
        eps = body.get("layer_norm_eps", 1e-12)
        if not isinstance(eps, float) or not 0 < eps < 1e-2:
            raise _refuse(f"layer_norm_eps is {eps!r}")
        types = _size({"type_vocab_size": 2, **body}, "type_vocab_size", 1, 16)
        offset = _offset(body) if "roberta" in architecture else 0
        sizes["max_position_embeddings"] -= offset
        return cls(
            **sizes,
            type_vocab_size=types,
            layer_norm_eps=eps,
            architecture=architecture,
            position_offset=offset,
        )


def _body(path: Path) -> dict[str, object]:
    """The object of the file, asking for nothing that is never run."""
    if path.stat().st_size > _MAX_CONFIG_BYTES:
        raise _refuse("config.json is larger than 1 MB")
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise _refuse(f"config.json is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise _refuse("config.json is not an object")
    for key in _REFUSED:
        if body.get(key):
            raise _refuse(f"config key {key!r} asks for code or formats that are never run")
    return body


def _architecture(body: dict[str, object]) -> str:
    """The layout; DistilBERT's own names are brought to BERT's."""
    found = body.get("model_type")
    if not isinstance(found, str) or found not in ARCHITECTURES:
        raise _refuse(f"model_type is {found!r}; supported: {', '.join(ARCHITECTURES)}")
    if found == "distilbert":
        if body.get("sinusoidal_pos_embds"):
            raise _refuse("sinusoidal_pos_embds is true; supported: false")
        body |= {ours: body.get(theirs) for ours, theirs in _DISTILBERT.items()}
        body |= {"type_vocab_size": 1, "layer_norm_eps": 1e-12}
    return found


def _offset(body: dict[str, object]) -> int:
    """RoBERTa counts places from the one behind its padding token's."""
    highest = _size(body, "max_position_embeddings", *_REQUIRED["max_position_embeddings"]) - 8
    return _size({"pad_token_id": 1, **body}, "pad_token_id", 0, highest - 1) + 1


def _size(body: dict[str, object], key: str, low: int, high: int) -> int:
    value = body.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise _refuse(f"{key} is {value!r}, not a whole number from {low} to {high}")
    return value


def _refuse(reason: str) -> EngineError:
    return EngineError(ErrorCode.BASE_CORRUPT, f"This base model cannot be used: {reason}.")
