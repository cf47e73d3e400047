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
_FIXED = {
    "model_type": ("bert",),
    "hidden_act": ("gelu",),
    "position_embedding_type": ("absolute", None),
    "is_decoder": (False, None),
    "add_cross_attention": (False, None),
    "tie_encoder_decoder": (False, None),
}
_REFUSED = ("auto_map", "custom_pipelines", "quantization_config", "trust_remote_code")


@dataclass(frozen=True, slots=True)
class BertConfig:
    """Sizes of a BERT-layout encoder."""

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    type_vocab_size: int
    layer_norm_eps: float

    @property
    def head_size(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.num_attention_heads

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read config.json; EngineError(base_corrupt) names the key that does not fit."""
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
        return cls(**sizes, type_vocab_size=types, layer_norm_eps=eps)


def _size(body: dict[str, object], key: str, low: int, high: int) -> int:
    value = body.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise _refuse(f"{key} is {value!r}, not a whole number from {low} to {high}")
    return value


def _refuse(reason: str) -> EngineError:
    return EngineError(ErrorCode.BASE_CORRUPT, f"This base model cannot be used: {reason}.")
