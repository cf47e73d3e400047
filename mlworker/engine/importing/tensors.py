"""A safetensors file of a stranger: the header is believed only where the bytes bear it out."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mlworker.engine.importing.configs import json_once
from mlworker.engine.importing.files import ImportInvalid

MAX_HEADER: Final = 4_000_000
MAX_TENSORS: Final = 10_000
MAX_DIMENSIONS: Final = 4
_BYTES: Final = {"F32": 4, "F16": 2, "BF16": 2, "I64": 8}
_PREFIX: Final = 8
_FOREIGN: Final = ((b"\x80", "a pickle"), (b"PK", "a zip"), (b"\x93NUMPY", "a numpy file"))


@dataclass(frozen=True, slots=True)
class Entry:
    """One tensor of the header, checked."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


class TensorFile:
    """Tensors by name, read from the file when asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.entries, self._start = _header(path)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor; KeyError when there is none."""
        return self.entries[name].shape

    def read(self, name: str) -> npt.NDArray[np.float32]:
        """A tensor as finite float32. ImportInvalid names it otherwise."""
        entry = self.entries[name]
        if entry.dtype == "I64":
            raise ImportInvalid(f"{self._path.name}: {name[:120]} holds whole numbers.")
        with self._path.open("rb") as source:
            source.seek(self._start + entry.begin)
            data = source.read(entry.end - entry.begin)
        values: npt.NDArray[np.float32]
        if entry.dtype == "BF16":
            wide = np.frombuffer(data, dtype="<u2").astype(np.uint32) << 16
            values = wide.view(np.float32)
        else:
            values = np.frombuffer(data, dtype="<f4" if entry.dtype == "F32" else "<f2").astype(
                np.float32
            )
        if not np.isfinite(values).all():
            raise ImportInvalid(
                f"{self._path.name}: {name[:120]} holds values that are not finite."
            )
        return values.reshape(entry.shape)


def _header(path: Path) -> tuple[Mapping[str, Entry], int]:
    total = path.stat().st_size
    with path.open("rb") as source:
        prefix = source.read(_PREFIX)
        for magic, kind in _FOREIGN:
            # A true header is far shorter than a length that begins with these bytes and is whole.
            length = int.from_bytes(prefix, "little")
            if prefix.startswith(magic) and _PREFIX + length > total:
                raise _refuse(path, f"is {kind} by its content, not safetensors")
        length = int.from_bytes(prefix, "little")
        if len(prefix) < _PREFIX or not 2 <= length <= min(MAX_HEADER, total - _PREFIX):
            raise _refuse(path, f"declares a header of {length:,} bytes in a file of {total:,}")
        raw = source.read(length)
    try:
        body = json.loads(raw, object_pairs_hook=json_once)
    except (ValueError, RecursionError) as error:
        raise _refuse(path, f"has a header that is not JSON ({error})") from error
    if not isinstance(body, dict):
        raise _refuse(path, "has a header that is not an object")
    body.pop("__metadata__", None)
    if not 0 < len(body) <= MAX_TENSORS:
        raise _refuse(path, f"holds {len(body):,} tensors")
    entries = {name: _entry(path, name, item) for name, item in body.items()}
    position = 0
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin != position:
            raise _refuse(path, f"has a gap or an overlap before {name[:120]!r}")
        position = entry.end
    if _PREFIX + length + position != total:
        raise _refuse(path, "has not the length that its header declares")
    return entries, _PREFIX + length


def _entry(path: Path, name: str, item: Any) -> Entry:
    try:
        dtype, shape, offsets = item["dtype"], item["shape"], item["data_offsets"]
        begin, end = offsets
    except (KeyError, TypeError, ValueError) as error:
        raise _refuse(path, f"describes {name[:120]!r} incompletely") from error
    if dtype not in _BYTES:
        raise _refuse(path, f"holds {name[:120]!r} as {str(dtype)[:20]}; read are F32, F16, BF16")
    if not isinstance(shape, list) or len(shape) > MAX_DIMENSIONS or not all(map(_count, shape)):
        raise _refuse(path, f"gives {name[:120]!r} a shape that is none")
    if not _count(begin) or not _count(end) or end - begin != math.prod(shape) * _BYTES[dtype]:
        raise _refuse(path, f"gives {name[:120]!r} offsets that do not fit its shape")
    return Entry(dtype, tuple(shape), begin, end)


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**40


def _refuse(path: Path, reason: str) -> ImportInvalid:
    return ImportInvalid(f"{path.name} {reason}.")
