"""Identifiers: UUIDv7 keys inside, prefixed base32 text outside."""

import os
import threading
import time
from typing import Final
from uuid import UUID

from anneal.kernel.errors import NotFound

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's, without i, l, o, u
_VALUES: Final = {letter: value for value, letter in enumerate(_ALPHABET)}
_LENGTH: Final = 26  # 26 x 5 bits hold the 128 of a UUID
_lock: Final = threading.Lock()
_last = 0


def uuid7() -> UUID:
    """Return a new UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, then random bits.

    Those of one process ascend even within a millisecond, so that a list by id is one by time.
    """
    global _last
    milliseconds = time.time_ns() // 1_000_000
    random_bits = int.from_bytes(os.urandom(10))
    value = (milliseconds & (1 << 48) - 1) << 80 | random_bits
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    with _lock:
        # The next number after the last keeps version and variant: 62 random bits do not run over.
        value = value if value > _last else _last + 1
        _last = value
    return UUID(int=value)


def public_id(prefix: str, value: UUID) -> str:
    """Render ``value`` as ``prefix`` plus 26 characters; the prefix brings its own separator."""
    number = value.int
    return prefix + "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def parse_id(prefix: str, text: str) -> UUID:
    """Read a public id back. Anything malformed is NotFound, as an unknown id would be."""
    body = text.removeprefix(prefix)
    if not text.startswith(prefix) or len(body) != _LENGTH or not set(body) <= _VALUES.keys():
        raise NotFound(f"No object has the id '{text[:80]}'.")
    number = 0
    for letter in body:
        number = number << 5 | _VALUES[letter]
    if number >> 128:
        raise NotFound(f"No object has the id '{text[:80]}'.")
    return UUID(int=number)
