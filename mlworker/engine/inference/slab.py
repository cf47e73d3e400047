"""Adapters of many models side by side, and the runner that gives each row its own.

For every adapted layer the slab holds A [slots, k * r, in] and B [slots, k, r, out] (already scaled
and transposed for the product), with r the largest rank loaded so far; smaller ranks are padded
with zeros, which changes no result. An empty slot is all zeros: the base alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mlworker.engine.adapters.lora import POOLER, module_keys
from mlworker.engine.artifact import Artifact
from mlworker.engine.base.bert import Bert
from mlworker.engine.data.packing import PackedRows


class Slab:
    """Tensors of all slots; grows in rank by replacing itself (`with_rank`)."""

    def __init__(self, bert: Bert, slots: int, rank: int) -> None:
        self.bert, self.slots, self.rank = bert, slots, rank
        weight = bert.pooler.weight
        self.a: dict[str, Tensor] = {}
        self.b: dict[str, Tensor] = {}
        for key, (width, out, parts) in module_keys(bert.config):
            self.a[key] = weight.new_zeros(slots, parts * rank, width)
            self.b[key] = weight.new_zeros(slots, parts, rank, out)

    def with_rank(self, rank: int) -> Slab:
        """A copy with room for a larger rank."""
        grown = Slab(self.bert, self.slots, rank)
        for key, a in self.a.items():
            parts = self.b[key].shape[1]
            old = a.view(self.slots, parts, self.rank, -1)
            grown.a[key].view(self.slots, parts, rank, -1)[:, :, : self.rank] = old
            grown.b[key][:, :, : self.rank] = self.b[key]
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
            a[slot].view(parts, self.rank, -1)[:, : lora.rank] = low
            self.b[key][slot, :, : lora.rank] = high.transpose(1, 2)


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
            _add_shared(x, y, a[self._only], b[self._only])
        elif rows_only:
            own_a, own_b = a.index_select(0, self._slots), b.index_select(0, self._slots)
            count = packed.rows
            _add_rows(x[:count].unsqueeze(1), y[:count].unsqueeze(1), own_a, own_b)
        else:
            for bucket in packed.buckets:
                own = self._slots[bucket.first_row : bucket.first_row + bucket.rows]
                own_a, own_b = a.index_select(0, own), b.index_select(0, own)
                part = y[bucket.start : bucket.start + bucket.tokens]
                cells = bucket.padded(x)
                if bucket.gather is None:
                    _add_rows(cells, part.view(bucket.rows, bucket.width, -1), own_a, own_b)
                else:
                    update = torch.zeros(
                        bucket.rows, bucket.width, y.shape[1], dtype=y.dtype, device=y.device
                    )
                    _add_rows(cells, update, own_a, own_b)
                    part += bucket.packed(update)


def _add_shared(x: Tensor, y: Tensor, a: Tensor, b: Tensor) -> None:
    """One adapter for every line: x [n, in], y [n, k * out], a [k * r, in], b [k, r, out]."""
    low = x @ a.t()
    parts, rank, out = b.shape
    for part in range(parts):
        y[:, part * out : (part + 1) * out].addmm_(low[:, part * rank : (part + 1) * rank], b[part])


def _add_rows(x: Tensor, y: Tensor, a: Tensor, b: Tensor) -> None:
    """One adapter a row: x [R, S, in], y [R, S, k * out], a [R, k * r, in], b [R, k, r, out]."""
    low = torch.bmm(x, a.transpose(1, 2))
    parts, rank, out = b.shape[1:]
    for part in range(parts):
        y[:, :, part * out : (part + 1) * out].baddbmm_(
            low[:, :, part * rank : (part + 1) * rank], b[:, part]
        )
