"""What crosses the border of metering."""

from dataclasses import dataclass, field
from datetime import date, datetime
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
class UsageEventNew:
    """A count to ingest. ``(source, event_id)`` names it for ever within its organization.

    A retry may carry another ``occurred_at``: it is the same event all the same.
    """

    organization_id: UUID
    source: str
    event_id: str
    meter: str
    units: Decimal
    occurred_at: datetime
    model: str = ""
    deployment_id: UUID | None = None
    api_key_id: UUID | None = None
    dims: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UsageIngested:
    """How many events of a batch are new, and how many were counted before."""

    counted: int
    known: int


@dataclass(frozen=True, slots=True)
class UsageRefusal:
    """Why one item of a batch, numbered from 0, was not taken; nothing of the batch was."""

    index: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class UsageResult:
    """A sum; ``model``, ``api_key_id`` and ``deployment_id`` are None unless grouped by."""

    meter: str
    units: Decimal
    model: str | None
    api_key_id: UUID | None
    deployment_id: UUID | None


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


@dataclass(frozen=True, slots=True)
class UsageSum:
    """What was used of one meter by one ``of``: a day, key, deployment or model; None is none."""

    of: date | UUID | str | None
    meter: str
    units: Decimal


@dataclass(frozen=True, slots=True)
class UsageSummary:
    """The same usage cut five ways."""

    total: tuple[UsageSum, ...]
    by_day: tuple[UsageSum, ...]
    by_key: tuple[UsageSum, ...]
    by_deployment: tuple[UsageSum, ...]
    by_model: tuple[UsageSum, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """A forecast between its bounds."""

    low: Decimal
    expected: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class MeterForecast:
    """One meter's period: used so far, and at its end. Money is None without a price."""

    meter: str
    used: Decimal
    units: Range
    amount_used: Decimal | None
    amount: Range | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """The period that runs, by meter and in money, at the prices that rule now."""

    start: datetime
    end: datetime
    currency: str
    meters: tuple[MeterForecast, ...]
    amount_used: Decimal
    amount: Range


@dataclass(frozen=True, slots=True)
class UsageDrift:
    """Two places that should tell the same number of usage and do not."""

    check: str
    organization_id: UUID
    subject: str
    expected: Decimal
    found: Decimal
