"""Dropout that hangs on what is read, and not on how it is cut.

Whether a number is dropped is decided by a hash of the step's seed, its row, its token's place, its
column and how often was dropped before in this reading. A batch that is read whole, in halves side
by side, or in small parts while others are served, meets the same noise. The hash takes half the
time of torch's generator (450 tokens of 384 in bf16: 0.5 instead of 1.0 ms).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from zlib import crc32

import torch
import torch.nn.functional as F
from torch import Tensor

from mlworker.engine.data.packing import PackedRows

_FIRST, _SECOND = -0x7A143595, -0x3D4D51CB
"""Multipliers of MurmurHash3's finalizer, as signed 32-bit numbers."""
_GOLDEN = -0x61C88647
"""2^32 divided by the golden ratio: multiples of it lie far apart."""
_BITS = 32


class _Noise(threading.local):
    tokens: Tensor | None = None
    """[T] int32, one for each token of the batch that this thread reads."""
    rows: Tensor | None = None
    """[R] int32, one for each row."""
    drawn: int = 0


_noise = _Noise()


def noise_begin(seed: int, packed: PackedRows, rows: Sequence[int]) -> None:
    """Begin this thread's noise for a batch; `rows` says which rows it packs, in packed order."""
    start = crc32(seed.to_bytes(16, "little")) - 2 ** (_BITS - 1)
    device = packed.ids.device
    known = torch.tensor(rows, dtype=torch.int32, device=device)
    keys = _mixed(known.mul_(_GOLDEN).add_(start))
    places = packed.positions[: packed.tokens].int().mul_(_GOLDEN)
    each = _mixed(keys.index_select(0, packed.row_of_token).add_(places))
    # Filling belongs to nobody: whatever it gets is thrown away.
    _noise.tokens = F.pad(each, (0, packed.fill))
    _noise.rows = F.pad(keys, (0, packed.starts.shape[0] - packed.rows))
    _noise.drawn = 0


def drop(x: Tensor, share: float, *, rows_only: bool) -> Tensor:
    """Dropout of [n, H], a line for each token, or for each row when `rows_only`."""
    keys = _noise.rows if rows_only else _noise.tokens
    if keys is None:
        raise RuntimeError("drop() needs noise_begin() in the same thread.")
    _noise.drawn += 1
    columns = torch.arange(x.shape[-1], dtype=torch.int32, device=x.device)
    columns = _mixed(columns.mul_(_GOLDEN).add_(_noise.drawn))
    kept = _mixed(keys[: x.shape[0], None] ^ columns) >= int(share * 2**_BITS) - 2 ** (_BITS - 1)
    left: Tensor = x * kept.to(x.dtype).div_(1 - share)
    return left


def _mixed(x: Tensor) -> Tensor:
    """Each int32 to another that looks random, in place."""
    # `>>` repeats the sign: what it fills in is masked away.
    x ^= (x >> 16) & 0xFFFF
    x *= _FIRST
    x ^= (x >> 13) & 0x7FFFF
    x *= _SECOND
    x ^= (x >> 16) & 0xFFFF
    return x
