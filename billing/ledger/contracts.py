"""What crosses the ledger's border."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

PREDICTION = "prediction"
"""One answered item."""
TRAINED_TOKEN = "trained_token"  # noqa: S105 # a unit of account, no secret
"""One token seen in training."""


@dataclass(frozen=True, slots=True)
class GrantInfo:
    """Units given once, and until when they last."""

    id: UUID
    unit: str
    kind: str
    amount: Decimal
    priority: int
    effective_at: datetime
    expires_at: datetime | None
    source: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Units set aside. ``state`` is held, captured, released or expired; only held can change."""

    id: UUID
    unit: str
    amount: Decimal
    captured: Decimal
    state: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class BalanceInfo:
    """What an organization has of one unit: available = granted - held - consumed - expired.

    ``expires_at`` is when the first of what is available ends; with nothing left, when the last
    ended.
    """

    unit: str
    granted: Decimal
    held: Decimal
    consumed: Decimal
    expired: Decimal
    available: Decimal
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Drift:
    """Two places that should tell the same number and do not."""

    check: str
    organization_id: UUID
    subject: str
    expected: Decimal
    found: Decimal
