"""Rows of different lengths as one run of tokens.

Linear layers see packed tokens [T, H] and waste nothing. Attention needs rectangles, so rows are
sorted by length and cut into buckets of almost equal length; a bucket whose rows are all equally
long is a plain view of the packed tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mlworker.engine.device import ByDevice

_SLACK = ByDevice(cpu=1.2, accelerator=4.0)
"""A bucket's longest row is at most this factor (plus 2 tokens) longer than its shortest. Each
bucket is some dozen calls at every layer.
"""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Rows [first_row, first_row+rows) of the sorted order, tokens [start, start+tokens)."""

    first_row: int
    rows: int
    width: int
    start: int
    tokens: int
    gather: Tensor | None
    """[rows * width] token index inside the bucket for each cell; None when nothing is padded."""
    keep: Tensor | None
    """[tokens] cell index of each token, the inverse of `gather`."""
    mask: Tensor | None
    """[rows, 1, 1, width] True where a cell is a token."""

    def padded(self, x: Tensor) -> Tensor:
        """Tokens of this bucket out of packed [T, ...] as [rows, width, ...]."""
        whole = self.tokens == x.shape[0]
        # a slice's gradient is a tensor of zeros and a copy into it
        part = x if whole else x[self.start : self.start + self.tokens]
        if self.gather is not None:
            part = part.index_select(0, self.gather)
        return part.view(self.rows, self.width, *x.shape[1:])

    def packed(self, x: Tensor) -> Tensor:
        """[rows, width, ...] back to [tokens, ...]."""
        flat = x.reshape(self.rows * self.width, *x.shape[2:])
        return flat if self.keep is None else flat.index_select(0, self.keep)


@dataclass(frozen=True, slots=True)
class PackedRows:
    """A batch ready for the encoder; all tensors lie on one device."""

    ids: Tensor
    positions: Tensor
    starts: Tensor
    """[R] index of each row's first token, in sorted order; filled up with 0 to the row grain."""
    row_of_token: Tensor
    lengths: Tensor
    buckets: tuple[Bucket, ...]
    order: tuple[int, ...]
    """Sorted position -> place in the caller's sequence."""
    inverse: Tensor
    """[R] place in the caller's sequence -> sorted position."""
    tokens: int
    """Real tokens; `ids` and `positions` may be longer, filled up to the token grain."""

    @property
    def fill(self) -> int:
        """Tokens at the end that belong to no row."""
        return self.ids.shape[0] - self.tokens

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.order)


@dataclass(frozen=True, slots=True)
class Grain:
    """Round shapes up, so that few different ones occur.

    oneDNN compiles and keeps a kernel for each shape it meets: without this, 80 training steps in
    bf16 grow a process by 1.2 GB (measured). Float32 products go elsewhere and need it not.
    """

    tokens: int = 1
    rows: int = 1
    short: int = 0
    """In place of `tokens` for batches of fewer than these; 0 = none."""

    def fill(self, tokens: int) -> int:
        """How many tokens of nobody a batch of so many gets."""
        step = self.short if self.short and tokens < self.tokens else self.tokens
        return -tokens % step


EXACT = Grain()
COARSE = Grain(tokens=64, rows=16)
SERVING = Grain(tokens=64, rows=16, short=16)
"""A lone call has some 30 tokens: filled up to 64 it took a sixth longer in bf16 (measured)."""
TRAINING = ByDevice(cpu=COARSE, accelerator=EXACT)
"""What rows are packed with where a model is trained; filling is calls at every layer."""


def pack_rows(
    rows: Sequence[Sequence[int]], device: torch.device | str = "cpu", grain: Grain = EXACT
) -> PackedRows:
    """Pack token id lists (none empty); shapes as in `PackedRows`."""
    order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    lengths = [len(rows[index]) for index in order]
    if not lengths or lengths[0] == 0:
        raise ValueError("pack_rows needs at least one row and no empty row")
    flat = [token for index in order for token in rows[index]]
    sizes = torch.tensor(lengths)
    ends = sizes.cumsum(0)
    starts = ends - sizes
    row_of_token = torch.repeat_interleave(torch.arange(len(lengths)), sizes)
    positions = torch.arange(len(flat)) - starts.index_select(0, row_of_token)
    inverse = torch.empty(len(order), dtype=torch.long)
    inverse[torch.tensor(order)] = torch.arange(len(order))

    def move(tensor: Tensor) -> Tensor:
        return tensor.to(device, non_blocking=True)

    fill = grain.fill(len(flat))
    return PackedRows(
        ids=move(torch.tensor(flat + [0] * fill)),
        positions=move(_filled(positions, fill)),
        starts=move(_filled(starts, -len(order) % grain.rows)),
        row_of_token=move(row_of_token),
        lengths=move(sizes),
        buckets=tuple(_buckets(lengths, device)),
        order=tuple(order),
        inverse=move(inverse),
        tokens=len(flat),
    )


def _filled(values: Tensor, fill: int) -> Tensor:
    """Zeros appended."""
    return torch.cat([values, values.new_zeros(fill)]) if fill else values


def padding_of(lengths: Sequence[int], device: torch.device | str = "cpu") -> int:
    """Cells without a token in the rectangles that rows of these lengths are packed into."""
    ascending = sorted(lengths)
    return sum(
        (last - first) * ascending[last - 1] - sum(ascending[first:last])
        for first, last in _cuts(ascending, device)
    )


def _cuts(lengths: Sequence[int], device: torch.device | str) -> Iterator[tuple[int, int]]:
    """Greedy cuts [first, last) over ascending lengths."""
    slack = _SLACK.on(device)
    first = 0
    while first < len(lengths):
        limit = int(lengths[first] * slack) + 2
        last = first
        while last < len(lengths) and lengths[last] <= limit:
            last += 1
        yield first, last
        first = last


def _buckets(lengths: list[int], device: torch.device | str) -> list[Bucket]:
    buckets: list[Bucket] = []
    start = 0
    for first, last in _cuts(lengths, device):
        bucket = _bucket(first, start, lengths[first:last], device)
        buckets.append(bucket)
        start += bucket.tokens
    return buckets


def _bucket(first: int, start: int, lengths: list[int], device: torch.device | str) -> Bucket:
    rows, width, tokens = len(lengths), lengths[-1], sum(lengths)
    if lengths[0] == width:
        return Bucket(first, rows, width, start, tokens, None, None, None)
    sizes = torch.tensor(lengths)
    columns = torch.arange(width)
    real = columns[None, :] < sizes[:, None]
    begins = sizes.cumsum(0) - sizes
    # a padding cell repeats its row's first token: finite values, then masked away
    gather = torch.where(real, begins[:, None] + columns[None, :], begins[:, None]).flatten()
    keep = real.flatten().nonzero().flatten()
    return Bucket(
        first,
        rows,
        width,
        start,
        tokens,
        gather.to(device, non_blocking=True),
        keep.to(device, non_blocking=True),
        real.view(rows, 1, 1, width).to(device, non_blocking=True),
    )
