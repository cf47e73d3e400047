"""BERT's encoder on packed rows: the same numbers as stock `transformers`, no padding waste.

Weights load from safetensors only. A `LinearRunner` lets a caller add low-rank updates to every
linear layer; the encoder itself knows nothing of adapters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from mlworker.engine.base.config import BertConfig
from mlworker.engine.base.locate import WEIGHTS, BaseDirectory
from mlworker.engine.base.names import weights_translate
from mlworker.engine.contracts import EngineError, ErrorCode
from mlworker.engine.data.packing import PackedRows

LINEARS = ("qkv", "attention_output", "intermediate", "output")
BLOCKS = "layers."
"""What the names of the blocks' weights begin with."""
_SHORT = 128
"""Up to this width plain matrix products beat the fused attention's backward pass on a CPU."""


class LinearRunner(Protocol):
    """Runs one linear layer of the encoder, with whatever an adapter adds to it.

    `rows_only` tells that x holds one line per row (sorted order) instead of one per token.
    """

    def __call__(
        self,
        layer: int,
        name: str,
        linear: nn.Linear,
        x: Tensor,
        packed: PackedRows,
        *,
        rows_only: bool,
    ) -> Tensor:
        """x [n, in] -> [n, out]."""
        ...


def plain_linear(
    layer: int, name: str, linear: nn.Linear, x: Tensor, packed: PackedRows, *, rows_only: bool
) -> Tensor:
    """The base alone."""
    y: Tensor = linear(x)
    return y


class Linear(nn.Linear):
    """nn.Linear that computes in its input's number format: tier full keeps float32 weights."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's own name
        """x [n, in] -> [n, out]."""
        return F.linear(input, self.weight.to(input.dtype), self.bias.to(input.dtype))

    def gelu(self, x: Tensor) -> Tensor:
        """gelu of x [n, in] -> [n, out]."""
        return F.gelu(self(x))


class Norm(nn.LayerNorm):
    """nn.LayerNorm that computes in its input's number format."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's own name
        """x [n, H] -> [n, H]."""
        weight, bias = self.weight.to(input.dtype), self.bias.to(input.dtype)
        return F.layer_norm(input, self.normalized_shape, weight, bias, self.eps)


class Vectors(nn.Embedding):
    """nn.Embedding that is not drawn at random: its weights are read."""

    def reset_parameters(self) -> None:
        """Drawing where no memory is loads sympy, a third of a second of every start."""


class BertLayer(nn.Module):
    """One encoder block with query, key and value in a single matrix."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        hidden, inner = config.hidden_size, config.intermediate_size
        self.heads = config.num_attention_heads
        self.qkv = Linear(hidden, 3 * hidden)
        self.attention_output = Linear(hidden, hidden)
        self.attention_norm = Norm(hidden, eps=config.layer_norm_eps)
        self.intermediate = Linear(hidden, inner)
        self.output = Linear(inner, hidden)
        self.output_norm = Norm(hidden, eps=config.layer_norm_eps)

    def forward(
        self, x: Tensor, packed: PackedRows, index: int, run: LinearRunner, *, rows_only: bool
    ) -> Tensor:
        """x [T, H] -> [T, H], or [R, H] (first tokens) when `rows_only`."""
        qkv = run(index, "qkv", self.qkv, x, packed, rows_only=False)
        mixed = self._attend(qkv, packed, rows_only=rows_only)
        if rows_only:
            x = x.index_select(0, packed.starts)

        def step(name: str, linear: nn.Linear, value: Tensor) -> Tensor:
            return run(index, name, linear, value, packed, rows_only=rows_only)

        x = self.attention_norm(x + step("attention_output", self.attention_output, mixed))
        if run is plain_linear:
            inner = self.intermediate.gelu(x)
        else:
            inner = F.gelu(step("intermediate", self.intermediate, x))
        normed: Tensor = self.output_norm(x + step("output", self.output, inner))
        return normed

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
            mixed = _attention(query, key, value, bucket.mask)
            flat = mixed.transpose(1, 2).reshape(bucket.rows, -1, width)
            parts.append(flat[:, 0] if rows_only else bucket.packed(flat))
        fill = packed.starts.shape[0] - packed.rows if rows_only else packed.fill
        if fill:
            parts.append(qkv.new_zeros(fill, width))
        return parts[0] if len(parts) == 1 else torch.cat(parts)


def _attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """softmax(QK'/sqrt(d))V for [rows, heads, tokens, d].

    On a CPU the backward pass of fused bf16 attention is 6 times slower than float32 products
    (measured, 33 rows of 27 tokens), so gradients go through those.
    """
    if query.device.type != "cpu" or not query.requires_grad:
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    dtype = query.dtype
    query, key, value = query.float(), key.float(), value.float()
    if key.shape[2] > _SHORT:
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask).to(dtype)
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    mixed: Tensor = scores.softmax(dim=-1) @ value
    return mixed.to(dtype)


class Bert(nn.Module):
    """Embeddings and encoder blocks. No pooler: heads belong to tasks and adapters."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        self.dtype = torch.float32
        """Number format of the hidden states; weights may be kept in a longer one."""
        self.words = Vectors(config.vocab_size, config.hidden_size)
        self.places = Vectors(config.max_position_embeddings, config.hidden_size)
        self.types = Vectors(config.type_vocab_size, config.hidden_size)
        self.norm = Norm(config.hidden_size, eps=config.layer_norm_eps)
        self.layers = nn.ModuleList(BertLayer(config) for _ in range(config.num_hidden_layers))
        self.pooler = Linear(config.hidden_size, config.hidden_size)

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
        try:
            model.load_state_dict(weights_translate(weights, config), strict=True, assign=True)
        except RuntimeError as error:
            raise EngineError(
                ErrorCode.BASE_CORRUPT, f"The weights do not fit config.json: {error}"
            ) from error
        model.dtype = dtype
        return model.to(device=device, dtype=dtype).requires_grad_(False).eval()

    def forward(
        self,
        packed: PackedRows,
        *,
        run: LinearRunner = plain_linear,
        layers: int | None = None,
        first_tokens: bool = False,
    ) -> Tensor:
        """Hidden states [T, H] after `layers` blocks (default all), or [R, H] of first tokens.

        `first_tokens` computes the last block for the first token of each row alone, which is
        all that a [CLS] head reads: a seventh of a six-block model's work saved.
        """
        depth = self.config.num_hidden_layers if layers is None else layers
        x = self._embed(packed)
        for index in range(depth):
            last = first_tokens and index == depth - 1
            x = self.layers[index](x, packed, index, run, rows_only=last)
        hidden: Tensor = x[: packed.rows if first_tokens else packed.tokens]
        return hidden

    def states(self, packed: PackedRows, layers: Sequence[int]) -> list[Tensor]:
        """Hidden states [T, H] after each block count of `layers` (ascending), in one pass."""
        x, found = self._embed(packed), []
        for index in range(max(layers)):
            x = self.layers[index](x, packed, index, plain_linear, rows_only=False)
            if index + 1 in layers:
                found.append(x[: packed.tokens])
        return found

    def _embed(self, packed: PackedRows) -> Tensor:
        x = self.words(packed.ids) + self.places(packed.positions) + self.types.weight[0]
        normed: Tensor = self.norm(x)
        return normed.to(self.dtype)


def mean_pool(hidden: Tensor, packed: PackedRows) -> Tensor:
    """Mean over each row's tokens, float32 [R, H] in sorted order."""
    total = torch.zeros(packed.rows, hidden.shape[1], dtype=torch.float32, device=hidden.device)
    total.index_add_(0, packed.row_of_token, hidden.float())
    return total / packed.lengths[:, None]
