"""What other apps may know about keys."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from anneal.kernel.principal import KeyScope

CHANNEL_REVOKED: Final = "keys:revoked"
"""Redis channel; payload: the sha256 (hex) of a key whose cached answer must go."""
LIMIT_MOST: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """What a key may do on the online path, within what its organization may; None is no limit."""

    requests_per_minute: int | None = None
    calls_in_flight: int | None = None


UNLIMITED: Final = KeyLimits()


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A key without its secret."""

    id: UUID
    name: str
    kind: str
    prefix: str
    last4: str
    scopes: tuple[KeyScope, ...]
    created_by: UUID
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    limits: KeyLimits


@dataclass(frozen=True, slots=True)
class KeyMade:
    """A new key and, this one time, its text."""

    key: KeyInfo
    secret: str
