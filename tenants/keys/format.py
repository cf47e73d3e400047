"""The text of a key: prefix, 30 random characters, 6 of checksum.

The checksum lets anybody (a secret scanner, our gateway) refuse a mistyped key without a database.
No Django here: the gateway imports this module.
"""

import hashlib
import re
import secrets
import zlib
from dataclasses import dataclass
from typing import Final, Literal

Environment = Literal["live", "test", "sess"]

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM: Final = 30  # 178 bits: a plain sha256 is enough to store it
_CHECKSUM: Final = 6  # 62^6 > 2^32
PATTERN: Final = re.compile(r"ak_(?:live|test|sess)_[0-9A-Za-z]{36}")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key at birth. `text` is shown once and kept nowhere."""

    text: str
    digest: str
    prefix: str
    last4: str


def key_generate(environment: Environment) -> NewKey:
    """Make a key of the given kind."""
    prefix = f"ak_{environment}_"
    body = prefix + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM))
    text = body + _checksum(body)
    return NewKey(text=text, digest=_digest(text), prefix=prefix, last4=text[-4:])


def key_digest(text: str) -> str | None:
    """Return the sha256 (hex) a key is stored under, or None if its shape or checksum is wrong."""
    if not PATTERN.fullmatch(text):
        return None
    body, checksum = text[:-_CHECKSUM], text[-_CHECKSUM:]
    return _digest(text) if _checksum(body) == checksum else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _checksum(body: str) -> str:
    """CRC32 of everything before it, base62, zero padded."""
    value = zlib.crc32(body.encode())
    letters = []
    for _ in range(_CHECKSUM):
        value, digit = divmod(value, 62)
        letters.append(_ALPHABET[digit])
    return "".join(reversed(letters))
