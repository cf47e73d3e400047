"""An encoder whose bf16 weights lie as the processor's matrix units read them.

A plain product brings its weight into that order each time, which is most of the work for a few
rows: a lone text of 32 tokens takes half as long in the blocks' products, 1,700 tokens nine tenths
(measured). The order is oneDNN's own, and torch's compiler uses the same two operations.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from mlworker.engine.base.bert import LINEARS, Bert


class PackedLinear(nn.Module):
    """A linear layer in bf16 whose weight cannot be read back."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self._weight: Tensor = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach())
        self._bias = linear.bias.detach()

    def forward(self, x: Tensor) -> Tensor:
        """x [n, in] -> [n, out]."""
        return self._product(x, "none", "")

    def gelu(self, x: Tensor) -> Tensor:
        """gelu of x [n, in] -> [n, out], before the sum is rounded to bf16."""
        return self._product(x, "gelu", "none")

    def _product(self, x: Tensor, after: str, kind: str) -> Tensor:
        run = torch.ops.mkldnn._linear_pointwise
        return cast("Tensor", run(x, self._weight, self._bias, after, [], kind))


def can_pack(bert: Bert) -> bool:
    """Whether this machine has the operations for the encoder's device."""
    return (
        bert.pooler.weight.device.type == "cpu"
        and bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call] # torch's own
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    )


def packed_of(half: Bert, known: tuple[Bert, Bert] | None = None) -> Bert:
    """A bf16 encoder with packed blocks, which shares all else.

    `known` = an encoder and what this made of it: layers that both share are packed once.
    """
    with torch.device("meta"):
        result = Bert(half.config)
    result.dtype = half.dtype
    result.load_state_dict(half.state_dict(), strict=True, assign=True)
    packed = _packed_layers(*known) if known else {}
    for layer in result.layers:
        for name in LINEARS:
            linear = getattr(layer, name)
            setattr(layer, name, packed.get(linear.weight.data_ptr()) or PackedLinear(linear))
    return result.requires_grad_(False).eval()


def _packed_layers(half: Bert, packed: Bert) -> dict[int, nn.Module]:
    """What became of each weight, by where it lies."""
    return {
        getattr(plain, name).weight.data_ptr(): getattr(done, name)
        for plain, done in zip(half.layers, packed.layers, strict=True)
        for name in LINEARS
    }
