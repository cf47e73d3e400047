"""A job's metrics as a TensorBoard event file, made from its events when it is asked for.

The format is two small public ones: TFRecord frames (length, masked CRC-32C, bytes) around protocol
buffers of four fields. Writing them takes less than a library would bring along.
"""

import struct
from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import UUID

from anneal.kernel.scopes import OrganizationRef, require_scope
from mlworker.jobs.models import JobEvent
from mlworker.jobs.states import EventKind

TAGS: Final[Mapping[str, str]] = {
    "train_loss": "loss/train",
    "valid_loss": "loss/validation",
    "valid_accuracy": "accuracy/validation",
    "valid_macro_f1": "macro_f1/validation",
    "learning_rate": "training/learning_rate",
    "epoch": "training/epoch",
    "rows_per_second": "speed/rows_per_second",
    "tokens_per_second": "speed/tokens_per_second",
    "memory_bytes": "machine/memory_bytes",
}
"""Fields of a metric event, and the curves they become."""
MOST: Final = 10_000
"""Points without a validation that a file holds; of more, every n-th is taken."""

_POLYNOMIAL: Final = 0x82F63B78
_MASK: Final = 0xA282EAD8
_VERSION: Final = b"brain.Event:2"


def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ (_POLYNOMIAL if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


_TABLE: Final = _table()


def event_file(*, organization: OrganizationRef, job_id: UUID) -> bytes:
    """Return the job's event file: one record per measurement, all its curves in it."""
    require_scope(organization)
    rows = JobEvent.objects.filter(job_id=job_id, kind=EventKind.METRIC).order_by("seq")
    found = list(rows.values_list("created_at", "data"))
    every = max(1, -(-len(found) // MOST))
    parts = [_record(_double(1, found[0][0].timestamp() if found else 0.0) + _bytes(3, _VERSION))]
    for number, (when, data) in enumerate(found):
        if number % every == 0 or "valid_loss" in data:
            parts.append(_record(_event(when.timestamp(), data)))
    return b"".join(parts)


def _event(when: float, data: Mapping[str, Any]) -> bytes:
    values = b"".join(_bytes(1, value) for value in _values(data))
    step = max(0, int(data.get("step") or 0))
    return _double(1, when) + b"\x10" + _varint(step) + _bytes(5, values)


def _values(data: Mapping[str, Any]) -> Iterator[bytes]:
    for name, tag in TAGS.items():
        value = data.get(name)
        if isinstance(value, int | float):
            yield _bytes(1, tag.encode()) + b"\x15" + struct.pack("<f", value)


def _record(body: bytes) -> bytes:
    head = struct.pack("<Q", len(body))
    return head + _masked(head) + body + _masked(body)


def _masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + _MASK) & 0xFFFFFFFF)


def crc32c(data: bytes) -> int:
    """Return the checksum that the frames carry (Castagnoli's polynomial)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _bytes(field: int, value: bytes) -> bytes:
    return bytes([field << 3 | 2]) + _varint(len(value)) + value


def _double(field: int, value: float) -> bytes:
    return bytes([field << 3 | 1]) + struct.pack("<d", value)
