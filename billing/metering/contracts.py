"""What crosses the border of metering."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class UsageEventInfo:
    """One count. A prediction's id is its event's id."""

    id: UUID
    source: str
    event_id: str
    meter: str
    units: Decimal
    model: str
    deployment_id: UUID | None
    api_key_id: UUID | None
    occurred_at: datetime
    dims: dict[str, Any]


@dataclass(frozen=True, slots=True)
class UsageResult:
    """A sum; ``model`` and ``api_key_id`` are None unless grouped by."""

    meter: str
    units: Decimal
    model: str | None
    api_key_id: UUID | None


@dataclass(frozen=True, slots=True)
class UsageBucket:
    """What happened in ``[start, end)``."""

    start: datetime
    end: datetime
    results: tuple[UsageResult, ...]


@dataclass(frozen=True, slots=True)
class UsagePage:
    """Buckets in order of time; ``next_start`` where to go on, None at the end."""

    buckets: tuple[UsageBucket, ...]
    next_start: datetime | None
