"""Rows as rectangles from the start, for batches in which every row has an adapter of its own.

Products of one row with its own adapter need rectangles at every layer, not in attention alone.
Moving tokens into them and back at each layer took as long as those products (measured), so here
the tokens lie in rectangles all the way, and a rectangle is as wide as its longest row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from mlworker.engine.data.packing import Bucket, Grain, PackedRows
from mlworker.engine.device import ByDevice

_WORTH = ByDevice(cpu=8, accelerator=512)
"""How many cells of padding cost as much as one rectangle more, with its calls at every layer."""


def pack_cells(rows: Sequence[Sequence[int]], device: torch.device, grain: Grain) -> PackedRows:
    """Pack token id lists (none empty) for a head that reads first tokens alone.

    `tokens` and `row_of_token` count cells: nothing here tells padding from tokens but the masks.
    """
    order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    lengths = [len(rows[index]) for index in order]
    if not lengths or lengths[0] == 0:
        raise ValueError("pack_cells needs at least one row and no empty row")
    buckets = tuple(_buckets(lengths, device))
    widths = [bucket.width for bucket in buckets for _ in range(bucket.rows)]
    flat: list[int] = []
    places: list[int] = []
    for index, width in zip(order, widths, strict=True):
        flat.extend(rows[index])
        flat.extend([0] * (width - len(rows[index])))
        places.extend(range(width))
    cells = len(flat)
    fill = [0] * grain.fill(cells)
    sizes = torch.tensor(widths)
    starts = sizes.cumsum(0) - sizes
    inverse = torch.empty(len(order), dtype=torch.long)
    inverse[torch.tensor(order)] = torch.arange(len(order))

    def move(tensor: Tensor) -> Tensor:
        return tensor.to(device, non_blocking=True)

    return PackedRows(
        ids=move(torch.tensor(flat + fill)),
        positions=move(torch.tensor(places + fill)),
        starts=move(torch.cat([starts, starts.new_zeros(-len(order) % grain.rows)])),
        row_of_token=move(torch.repeat_interleave(torch.arange(len(order)), sizes)),
        lengths=move(torch.tensor(lengths)),
        buckets=buckets,
        order=tuple(order),
        inverse=move(inverse),
        tokens=cells,
    )


def _buckets(lengths: list[int], device: torch.device) -> Iterator[Bucket]:
    """Cut ascending lengths where one more rectangle costs less than the padding it saves."""
    worth = _WORTH.on(device)
    first, start = 0, 0
    for last in range(1, len(lengths) + 1):
        if last < len(lengths):
            wider = lengths[last] - lengths[last - 1]
            if wider * (last - first) <= worth:
                continue
        rows, width = last - first, lengths[last - 1]
        yield _bucket(first, start, lengths[first:last], device)
        first, start = last, start + rows * width


def _bucket(first: int, start: int, lengths: list[int], device: torch.device) -> Bucket:
    rows, width = len(lengths), lengths[-1]
    mask = None
    if lengths[0] < width:
        real = torch.arange(width)[None, :] < torch.tensor(lengths)[:, None]
        mask = real.view(rows, 1, 1, width).to(device, non_blocking=True)
    return Bucket(first, rows, width, start, rows * width, None, None, mask)
