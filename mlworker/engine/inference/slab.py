"""Adapters of many models side by side, and the runner that gives each row its own.

For every adapted layer the slab holds A [slots, in, k * r] and B [slots, k, r, out] (already scaled
and both transposed for the product), with r the largest rank loaded so far; smaller ranks are
padded with zeros, which changes no result. An empty slot is all zeros: the base alone.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mlworker.engine.adapters.lora import POOLER, module_keys
from mlworker.engine.artifact import Artifact
from mlworker.engine.base.bert import Bert
from mlworker.engine.data.packing import PackedRows

WIDEST = 64
"""The largest rank that training offers."""
FREE_SHARE = 4
"""Of what an accelerator has free, a quarter: a slab that grows is there twice for a moment."""


def slot_bytes(bert: Bert, rank: int) -> int:
    """Memory of one slot of a rank once an adapter was put into it."""
    width = sum((width + out) * parts for _, (width, out, parts) in module_keys(bert.config))
    return width * rank * bert.dtype.itemsize


def slots_within(bert: Bert, slots: int, free: int) -> int:
    """So many of the slots as fit an accelerator's `free` bytes, where empty ones cost as much."""
    return max(1, min(slots, free // FREE_SHARE // slot_bytes(bert, WIDEST)))


class Slab:
    """Tensors of all slots; grows in rank by replacing itself (`with_rank`)."""

    def __init__(self, bert: Bert, slots: int, rank: int) -> None:
        self.bert, self.slots, self.rank = bert, slots, rank
        weight = bert.pooler.weight
        self.a: dict[str, Tensor] = {}
        self.b: dict[str, Tensor] = {}
        for key, (width, out, parts) in module_keys(bert.config):
            self.a[key] = _zeros(weight, slots, width, parts * rank)
            self.b[key] = _zeros(weight, slots, parts, rank, out)

    def with_rank(self, rank: int, used: Sequence[int]) -> Slab:
        """A copy of the used slots with room for a larger rank."""
        grown = Slab(self.bert, self.slots, rank)
        rows = torch.tensor(used, dtype=torch.long, device=self.bert.pooler.weight.device)
        for key, a in self.a.items():
            parts = self.b[key].shape[1]
            old = a.view(self.slots, -1, parts, self.rank)
            grown.a[key].view(self.slots, -1, parts, rank)[rows, ..., : self.rank] = old[rows]
            grown.b[key][rows, :, : self.rank] = self.b[key][rows]
        return grown

    def put(self, slot: int, artifact: Artifact) -> None:
        """Copy an adapter into a slot; its rank must not exceed the slab's."""
        lora = artifact.manifest.lora
        if lora is None:
            return
        for key, a in self.a.items():
            parts = self.b[key].shape[1]
            a[slot].zero_()
            self.b[key][slot].zero_()
            if f"lora.{key}.a" not in artifact.tensors:
                continue
            low = artifact.tensors[f"lora.{key}.a"].view(parts, lora.rank, -1)
            high = artifact.tensors[f"lora.{key}.b"] * (lora.alpha / lora.rank)
            a[slot].view(-1, parts, self.rank)[..., : lora.rank] = low.permute(2, 0, 1)
            self.b[key][slot, :, : lora.rank] = high.transpose(1, 2)

    def update(self, key: str, slot: int) -> Tensor:
        """What a slot's adapter adds to a layer's weight, [k * out, in]."""
        b = self.b[key][slot]
        low = self.a[key][slot].view(-1, b.shape[0], self.rank)
        return torch.cat([(low[:, part] @ each).t() for part, each in enumerate(b)])


def _zeros(like: Tensor, *shape: int) -> Tensor:
    """Zeros of a tensor's kind; on a processor they take no memory until they are written."""
    if like.device.type != "cpu":
        return like.new_zeros(shape)
    # torch writes its zeros; those of the kernel are pages that are not there yet
    pages = mmap.mmap(-1, math.prod(shape) * like.itemsize, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return torch.frombuffer(pages, dtype=like.dtype).view(shape)


class SlabRunner:
    """`LinearRunner` for one batch: row i (sorted order) uses adapter `slots[i]`."""

    def __init__(self, slab: Slab, slots: Sequence[int]) -> None:
        self._slab = slab
        self._only = slots[0] if len(set(slots)) == 1 else None
        self._slots = torch.tensor(slots, device=slab.bert.pooler.weight.device)

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
        y: Tensor = linear(x)
        self._add(f"{layer}_{name}", x, y, packed, rows_only=rows_only)
        return y

    def pool(self, first: Tensor, packed: PackedRows) -> Tensor:
        """tanh(pooler(first tokens)) [R, H]."""
        y: Tensor = self._slab.bert.pooler(first)
        self._add(POOLER, first, y, packed, rows_only=True)
        return torch.tanh(y)

    def _add(self, key: str, x: Tensor, y: Tensor, packed: PackedRows, *, rows_only: bool) -> None:
        a, b = self._slab.a[key], self._slab.b[key]
        if self._only is not None:
            _add_shared(x, y, a[self._only].to(x.dtype), b[self._only].to(x.dtype))
            return
        own_a, own_b = a.index_select(0, self._slots), b.index_select(0, self._slots)
        if rows_only:
            count = packed.rows
            _add_rows(x[:count].unsqueeze(1), y[:count].unsqueeze(1), own_a, own_b)
            return
        for bucket in packed.buckets:
            rows = slice(bucket.first_row, bucket.first_row + bucket.rows)
            part = y[bucket.start : bucket.start + bucket.tokens]
            cells = bucket.padded(x)
            if bucket.gather is None:
                update = part.view(bucket.rows, bucket.width, -1)
                _add_rows(cells, update, own_a[rows], own_b[rows])
            else:
                update = y.new_zeros(bucket.rows, bucket.width, y.shape[1])
                _add_rows(cells, update, own_a[rows], own_b[rows])
                part += bucket.packed(update)


def _add_shared(x: Tensor, y: Tensor, a: Tensor, b: Tensor) -> None:
    """One adapter for every line: x [n, in], y [n, k * out], a [in, k * r], b [k, r, out]."""
    low = x @ a
    parts, rank, out = b.shape
    for part in range(parts):
        y[:, part * out : (part + 1) * out].addmm_(low[:, part * rank : (part + 1) * rank], b[part])


def _add_rows(x: Tensor, y: Tensor, a: Tensor, b: Tensor) -> None:
    """One adapter a row: x [R, S, in], y [R, S, k * out], a [R, in, k * r], b [R, k, r, out]."""
    low = torch.bmm(x.to(a.dtype), a)
    parts, rank, out = b.shape[1:]
    for part in range(parts):
        own = y[:, :, part * out : (part + 1) * out]
        inner = low[:, :, part * rank : (part + 1) * rank]
        if y.dtype == b.dtype:
            own.baddbmm_(inner, b[:, part])
        else:
            own += torch.bmm(inner, b[:, part])
