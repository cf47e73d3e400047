"""BERT's encoder on packed rows: the same numbers as stock `transformers`, no padding waste.

Weights load from safetensors only. `delta` lets a caller add low-rank updates to every linear
layer; the encoder itself knows nothing of adapters.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, Self

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from mlworker.engine.base.config import BertConfig
from mlworker.engine.base.locate import WEIGHTS, BaseDirectory
from mlworker.engine.contracts import EngineError, ErrorCode
from mlworker.engine.data.packing import PackedRows

LINEARS = ("qkv", "attention_output", "intermediate", "output")


class Delta(Protocol):
    """Adds an update to a linear layer's result.

    `rows_only` tells that x holds one line per row (sorted order) instead of one per token.
    """

    def __call__(
        self, layer: int, name: str, x: Tensor, y: Tensor, packed: PackedRows, *, rows_only: bool
    ) -> Tensor:
        """y [n, out] plus the update for x [n, in]; may change y in place."""
        ...


class BertLayer(nn.Module):
    """One encoder block with query, key and value in a single matrix."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        hidden, inner = config.hidden_size, config.intermediate_size
        self.heads = config.num_attention_heads
        self.qkv = nn.Linear(hidden, 3 * hidden)
        self.attention_output = nn.Linear(hidden, hidden)
        self.attention_norm = nn.LayerNorm(hidden, eps=config.layer_norm_eps)
        self.intermediate = nn.Linear(hidden, inner)
        self.output = nn.Linear(inner, hidden)
        self.output_norm = nn.LayerNorm(hidden, eps=config.layer_norm_eps)

    def forward(
        self, x: Tensor, packed: PackedRows, index: int, delta: Delta | None, *, rows_only: bool
    ) -> Tensor:
        """x [T, H] -> [T, H], or [R, H] (first tokens) when `rows_only`."""
        qkv = self._linear("qkv", self.qkv, x, packed, index, delta)
        mixed = self._attend(qkv, packed, rows_only=rows_only)
        if rows_only:
            x = x.index_select(0, packed.starts)
        y = self._linear(
            "attention_output", self.attention_output, mixed, packed, index, delta, rows_only
        )
        x = self.attention_norm(x + y)
        y = self._linear("intermediate", self.intermediate, x, packed, index, delta, rows_only)
        y = self._linear("output", self.output, F.gelu(y), packed, index, delta, rows_only)
        normed: Tensor = self.output_norm(x + y)
        return normed

    def _linear(
        self,
        name: str,
        linear: nn.Linear,
        x: Tensor,
        packed: PackedRows,
        index: int,
        delta: Delta | None,
        rows_only: bool = False,
    ) -> Tensor:
        y: Tensor = linear(x)
        return y if delta is None else delta(index, name, x, y, packed, rows_only=rows_only)

    def _attend(self, qkv: Tensor, packed: PackedRows, *, rows_only: bool) -> Tensor:
        """Attention bucket by bucket; [T, 3H] -> [T, H], or [R, H] when `rows_only`."""
        width = qkv.shape[1] // 3
        parts: list[Tensor] = []
        for bucket in packed.buckets:
            cells = bucket.padded(qkv).view(
                bucket.rows, bucket.width, 3, self.heads, width // self.heads
            )
            query, key, value = cells.permute(2, 0, 3, 1, 4)
            if rows_only:
                query = query[:, :, :1]
            mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bucket.mask)
            mixed = mixed.transpose(1, 2)
            flat = mixed.reshape(bucket.rows, -1, width)
            parts.append(flat[:, 0] if rows_only else bucket.packed(flat))
        return parts[0] if len(parts) == 1 else torch.cat(parts)


class Bert(nn.Module):
    """Embeddings and encoder blocks. No pooler: heads belong to tasks and adapters."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        self.words = nn.Embedding(config.vocab_size, config.hidden_size)
        self.places = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.types = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.layers = nn.ModuleList(BertLayer(config) for _ in range(config.num_hidden_layers))
        self.pooler = nn.Linear(config.hidden_size, config.hidden_size)

    @classmethod
    def load(
        cls, base: BaseDirectory, *, dtype: torch.dtype = torch.float32, device: str = "cpu"
    ) -> Self:
        """Build from a Hugging Face folder; frozen, in eval mode. EngineError when it misfits."""
        config = BertConfig.read(base.directory / "config.json")
        try:
            weights = load_file(base.directory / WEIGHTS)
        except Exception as error:  # safetensors has no common error class across versions
            raise EngineError(
                ErrorCode.BASE_CORRUPT, f"model.safetensors cannot be read: {error}"
            ) from error
        with torch.device("meta"):
            model = cls(config)
        model.load_state_dict(_translate(weights, config), strict=True, assign=True)
        return model.to(device=device, dtype=dtype).requires_grad_(False).eval()

    def forward(
        self,
        packed: PackedRows,
        *,
        delta: Delta | None = None,
        layers: int | None = None,
        first_tokens: bool = False,
    ) -> Tensor:
        """Hidden states [T, H] after `layers` blocks (default all), or [R, H] of first tokens.

        `first_tokens` computes the last block for the first token of each row alone, which is
        all that a [CLS] head reads: a seventh of a six-block model's work saved.
        """
        depth = self.config.num_hidden_layers if layers is None else layers
        x = self.words(packed.ids) + self.places(packed.positions) + self.types.weight[0]
        x = self.norm(x)
        for index in range(depth):
            last = first_tokens and index == depth - 1
            x = self.layers[index](x, packed, index, delta, rows_only=last)
        hidden: Tensor = x
        return hidden


def mean_pool(hidden: Tensor, packed: PackedRows) -> Tensor:
    """Mean over each row's tokens, float32 [R, H] in sorted order."""
    total = torch.zeros(packed.rows, hidden.shape[1], dtype=torch.float32, device=hidden.device)
    total.index_add_(0, packed.row_of_token, hidden.float())
    return total / packed.lengths[:, None]


def _translate(weights: Mapping[str, Tensor], config: BertConfig) -> dict[str, Tensor]:
    """Hugging Face names to ours; EngineError(base_corrupt) names what is missing."""
    prefix = "bert." if any(name.startswith("bert.") for name in weights) else ""

    def take(name: str) -> Tensor:
        if prefix + name not in weights:
            raise EngineError(ErrorCode.BASE_CORRUPT, f"model.safetensors lacks {prefix + name}.")
        return weights[prefix + name].float()

    out = {
        "words.weight": take("embeddings.word_embeddings.weight"),
        "places.weight": take("embeddings.position_embeddings.weight"),
        "types.weight": take("embeddings.token_type_embeddings.weight"),
        "norm.weight": take("embeddings.LayerNorm.weight"),
        "norm.bias": take("embeddings.LayerNorm.bias"),
    }
    for kind in ("weight", "bias"):
        if f"{prefix}pooler.dense.{kind}" in weights:
            out[f"pooler.{kind}"] = take(f"pooler.dense.{kind}")
    for index in range(config.num_hidden_layers):
        theirs = f"encoder.layer.{index}."
        for kind in ("weight", "bias"):
            out[f"layers.{index}.qkv.{kind}"] = torch.cat(
                [take(f"{theirs}attention.self.{part}.{kind}") for part in ("query", "key", "value")]
            )
            for ours, name in _RENAMED.items():
                out[f"layers.{index}.{ours}.{kind}"] = take(f"{theirs}{name}.{kind}")
    if "pooler.weight" not in out:
        out["pooler.weight"] = torch.eye(config.hidden_size)
        out["pooler.bias"] = torch.zeros(config.hidden_size)
    return out


_RENAMED = {
    "attention_output": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "intermediate": "intermediate.dense",
    "output": "output.dense",
    "output_norm": "output.LayerNorm",
}
