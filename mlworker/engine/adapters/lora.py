"""LoRA: y = Wx + b + (alpha / rank) B A x, trained while W stays frozen.

Query, key and value share one fused matrix here but keep an adapter each, as stock `peft` has
them, so that every adapter exports exactly. Shapes: A [k * rank, in], B [k, out, rank] with k = 3
for `qkv`, else 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mlworker.engine.base.bert import LINEARS
from mlworker.engine.base.config import BertConfig
from mlworker.engine.data.packing import PackedRows
from mlworker.engine.noise import drop

POOLER = "pooler"


@dataclass(frozen=True, slots=True)
class LoraSpec:
    """Rank, alpha and dropout of one adapter."""

    rank: int
    alpha: float
    dropout: float = 0.0
    targets: str = "all"
    """A key of TARGETS."""
    first_block: int = 0
    """Blocks below it have no adapter."""
    hidden_dropout: float = 0.0
    pooler: bool = True
    """Whether the pooler has an adapter; a head on tokens has no pooler below it."""

    @property
    def scale(self) -> float:
        """What B A is multiplied by."""
        return self.alpha / self.rank


def linear_shapes(config: BertConfig) -> dict[str, tuple[int, int, int]]:
    """Name -> (in, out, k) of each linear layer in a block, and of the pooler."""
    hidden, inner = config.hidden_size, config.intermediate_size
    return {
        "qkv": (hidden, hidden, 3),
        "attention_output": (hidden, hidden, 1),
        "intermediate": (hidden, inner, 1),
        "output": (inner, hidden, 1),
        POOLER: (hidden, hidden, 1),
    }


TARGETS = {
    "all": LINEARS,
    "attention": ("qkv", "attention_output"),
    "query_value": ("qkv",),
    "feed_forward": ("intermediate", "output"),
}
"""Layers of a block that get an adapter, by the hyper-parameter `lora_targets`."""
_QUERY_VALUE = (1.0, 0.0, 1.0)


def module_keys(
    config: BertConfig, targets: str = "all", first_block: int = 0, *, pooler: bool = True
) -> Iterator[tuple[str, tuple[int, int, int]]]:
    """Every adapted layer, `{block}_{name}` then `pooler` where it has one, with its shape."""
    shapes = linear_shapes(config)
    for block in range(first_block, config.num_hidden_layers):
        for name in TARGETS[targets]:
            yield f"{block}_{name}", shapes[name]
    if pooler:
        yield POOLER, shapes[POOLER]


class LoraAdapter(nn.Module):
    """Trainable A and B of the chosen layers; also the `LinearRunner` that applies them.

    Parameters stay float32; products run in the base's dtype.
    """

    def __init__(self, config: BertConfig, spec: LoraSpec) -> None:
        super().__init__()
        self.spec = spec
        shapes = dict(module_keys(config, spec.targets, spec.first_block, pooler=spec.pooler))
        self.keys = tuple(shapes)
        self.a = nn.ParameterDict()
        self.b = nn.ParameterDict()
        for key, (width, out, parts) in shapes.items():
            a = torch.empty(parts * spec.rank, width)
            nn.init.kaiming_uniform_(a, a=math.sqrt(5))
            self.a[key] = nn.Parameter(a)
            self.b[key] = nn.Parameter(torch.zeros(parts, out, spec.rank))
            if spec.targets == "query_value" and parts > 1:
                # The key's B stays zero: the fused matrix trains as if only two adapters were.
                self.b[key].register_hook(_keep_query_value)

    def forward(
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
        y = self._apply_to(f"{layer}_{name}", linear, x, rows_only=rows_only)
        share = self.spec.hidden_dropout if layer >= self.spec.first_block else 0.0
        return drop_result(y, name, share, self, rows_only=rows_only)

    def pool(self, linear: nn.Linear, first: Tensor) -> Tensor:
        """tanh(pooler(first tokens)) [R, H]."""
        return torch.tanh(self._apply_to(POOLER, linear, first, rows_only=True))

    def _apply_to(self, key: str, linear: nn.Linear, x: Tensor, *, rows_only: bool) -> Tensor:
        if key not in self.a:
            plain: Tensor = linear(x)
            return plain
        adapted = x
        if self.training and self.spec.dropout:
            adapted = drop(x, self.spec.dropout, rows_only=rows_only)
        y: Tensor = _LoraLinear.apply(  # type: ignore[no-untyped-call]  # torch's own
            x, adapted, linear.weight, linear.bias, self.a[key], self.b[key], self.spec.scale
        )
        return y


def drop_result(
    y: Tensor, name: str, share: float, module: nn.Module, *, rows_only: bool
) -> Tensor:
    """BERT's hidden dropout: on what a trained block adds to its input, while training."""
    if not share or not module.training or name not in _ADDED:
        return y
    return drop(y, share, rows_only=rows_only)


_ADDED = ("attention_output", "output")


def _keep_query_value(grad: Tensor) -> Tensor:
    return grad * grad.new_tensor(_QUERY_VALUE).view(-1, 1, 1)


class _LoraLinear(torch.autograd.Function):
    """Base and update in one node: results are added in place, W gets no gradient."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        adapted: Tensor,
        weight: Tensor,
        bias: Tensor,
        a: Tensor,
        b: Tensor,
        scale: float,
    ) -> Tensor:
        low = a.to(x.dtype)
        high = _block_diagonal(b * scale).to(x.dtype)
        inner = adapted @ low.t()
        y = F.linear(x, weight, bias)
        y.addmm_(inner, high.t())
        ctx.save_for_backward(adapted, inner, weight, low, high)
        ctx.same = x is adapted
        ctx.scale = scale
        ctx.parts = b.shape[0]
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        adapted, inner, weight, low, high = ctx.saved_tensors
        back = grad @ high
        grad_a = (back.t() @ adapted).float()
        grad_b = _diagonal_blocks((grad.t() @ inner).float(), ctx.parts) * ctx.scale
        grad_x = grad @ weight if ctx.needs_input_grad[0] else None
        if ctx.same:
            if grad_x is not None:
                grad_x.addmm_(back, low)
            return grad_x, None, None, None, grad_a, grad_b, None
        return grad_x, back @ low, None, None, grad_a, grad_b, None


def _block_diagonal(b: Tensor) -> Tensor:
    """[k, out, r] -> [k * out, k * r]."""
    if b.shape[0] == 1:
        return b[0]
    parts, out, rank = b.shape
    full = b.new_zeros(parts, out, parts, rank)
    for part in range(parts):
        full[part, :, part] = b[part]
    return full.view(parts * out, parts * rank)


def _diagonal_blocks(full: Tensor, parts: int) -> Tensor:
    """The inverse of `_block_diagonal`."""
    height, width = full.shape[0] // parts, full.shape[1] // parts
    return torch.stack(
        [full[i * height : (i + 1) * height, i * width : (i + 1) * width] for i in range(parts)]
    )
