"""The adapters of all slots, stacked: A [N, k * r, in] and B [N * k, r, out] of every layer.

A batch gathers the matrices of its rows and multiplies them row by row (`bmm`), so rows of many
organizations share the base's own products. k is 3 for the fused query, key and value, else 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mlworker.engine.adapters.lora import POOLER, module_keys
from mlworker.engine.base.config import BertConfig
from mlworker.engine.data.packing import PackedRows

_FIRST_RANK = 8


class Slab:
    """Stacked adapters of `slots` models of at most `rank`; a slot without one is zero."""

    def __init__(
        self, config: BertConfig, slots: int, dtype: torch.dtype, device: str, rank: int
    ) -> None:
        self.rank = rank
        self.parts = {key: shape[2] for key, shape in module_keys(config)}
        self.a: dict[str, Tensor] = {}
        self.b: dict[str, Tensor] = {}
        for key, (width, out, parts) in module_keys(config):
            self.a[key] = torch.zeros(slots, parts * rank, width, dtype=dtype, device=device)
            self.b[key] = torch.zeros(slots, parts, rank, out, dtype=dtype, device=device)

    @classmethod
    def empty(cls, config: BertConfig, slots: int, dtype: torch.dtype, device: str) -> Slab:
        """A slab of zeros, for adapters of the usual rank."""
        return cls(config, slots, dtype, device, _FIRST_RANK)

    def grown(self, config: BertConfig, rank: int) -> Slab:
        """A copy that holds adapters of `rank` too; batches under way keep the old one."""
        any_a = next(iter(self.a.values()))
        wider = Slab(config, any_a.shape[0], any_a.dtype, str(any_a.device), rank)
        for key, parts in self.parts.items():
            slots, _, width = self.a[key].shape
            old = self.a[key].view(slots, parts, self.rank, width)
            wider.a[key].view(slots, parts, rank, width)[:, :, : self.rank].copy_(old)
            wider.b[key][:, :, : self.rank].copy_(self.b[key])
        return wider

    def put(self, slot: int, tensors: Mapping[str, Tensor], rank: int, scale: float) -> None:
        """Write one model's adapter, `lora.{key}.a` and `.b`; the scale goes into B."""
        self.clear(slot)
        for key, parts in self.parts.items():
            a, b = tensors[f"lora.{key}.a"], tensors[f"lora.{key}.b"]
            width = a.shape[1]
            room = self.a[key][slot].view(parts, self.rank, width)
            room[:, :rank].copy_(a.view(parts, rank, width))
            self.b[key][slot, :, :rank].copy_((b * scale).transpose(1, 2))

    def clear(self, slot: int) -> None:
        """Zero a slot."""
        for key in self.parts:
            self.a[key][slot].zero_()
            self.b[key][slot].zero_()


@dataclass(frozen=True, slots=True)
class SlabRunner:
    """The `LinearRunner` of one batch: base products for all rows, updates per row.

    `slots` [R] are the rows' slots in packed order; `only` is the slot when there is one alone.
    """

    slab: Slab
    slots: Tensor
    only: int | None

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
        return self._run(f"{layer}_{name}", linear, x, None if rows_only else packed)

    def pool(self, linear: nn.Linear, first: Tensor) -> Tensor:
        """tanh(pooler(first tokens)) [R, H]."""
        return torch.tanh(self._run(POOLER, linear, first, None))

    def _run(self, key: str, linear: nn.Linear, x: Tensor, packed: PackedRows | None) -> Tensor:
        y: Tensor = linear(x)
        a, b = self.slab.a[key], self.slab.b[key]
        if self.only is not None:
            _add_alone(y, x, a[self.only], b[self.only])
        elif packed is None:
            y += _update(x[:, None], a[self.slots], b[self.slots])[:, 0]
        else:
            for bucket in packed.buckets:
                slots = self.slots[bucket.first_row : bucket.first_row + bucket.rows]
                update = _update(bucket.padded(x), a[slots], b[slots])
                y[bucket.start : bucket.start + bucket.tokens] += bucket.packed(update)
        return y


def _add_alone(y: Tensor, x: Tensor, a: Tensor, b: Tensor) -> None:
    """y [n, k * out] += x A' B for one model: a [k * r, in], b [k, r, out]."""
    parts, rank, out = b.shape
    inner = x @ a.t()
    for part in range(parts):
        y[:, part * out : (part + 1) * out].addmm_(
            inner[:, part * rank : (part + 1) * rank], b[part]
        )


def _update(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """x [R, W, in], a [R, k * r, in], b [R, k, r, out] -> [R, W, k * out]."""
    rows, parts, rank, out = b.shape
    width = x.shape[1]
    inner = torch.bmm(x, a.transpose(1, 2))
    if parts == 1:
        return torch.bmm(inner, b[:, 0])
    split = inner.view(rows, width, parts, rank).transpose(1, 2).reshape(-1, width, rank)
    wide = torch.bmm(split, b.reshape(-1, rank, out)).view(rows, parts, width, out)
    return wide.transpose(1, 2).reshape(rows, width, parts * out)
