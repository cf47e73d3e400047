"""What other apps may know about keys."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from anneal.kernel.principal import KeyScope

CHANNEL_REVOKED: Final = "keys:revoked"
"""Redis channel; payload: the sha256 (hex) of a key whose cached answer must go."""


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


@dataclass(frozen=True, slots=True)
class KeyMade:
    """A new key and, this one time, its text."""

    key: KeyInfo
    secret: str
