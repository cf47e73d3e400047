"""What crosses the border of plans."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID


class Period(StrEnum):
    """How long a plan's fee lasts."""

    MONTH = "month"
    YEAR = "year"

    @property
    def months(self) -> int:
        """The length in months."""
        return 12 if self is Period.YEAR else 1


class Overage(StrEnum):
    """What happens when included units are used up and nothing else is left."""

    BLOCK = "block"
    INVOICE = "invoice"
    """More may be used, up to the credit line, and is paid by invoice."""


@dataclass(frozen=True, slots=True)
class PlanLimits:
    """What a plan allows at once; None is no limit. A lower priority number is served first.

    ``calls_in_flight`` is of the online path, ``concurrency`` of training jobs.
    """

    requests_per_minute: int | None = None
    calls_in_flight: int | None = None
    concurrency: int | None = None
    priority: int = 50
    storage_gb: int | None = None
    seats: int | None = None


@dataclass(frozen=True, slots=True)
class LimitsInForce:
    """The limits an organization is held to: its plan's, else the installation's (no ``plan``)."""

    plan: str | None
    limits: PlanLimits


class CapWindow(StrEnum):
    """Over which time a cap counts: days and months of UTC, whatever the plan's period is."""

    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class PlanCap:
    """So many units of a meter, or so much of the plan's money, in a window. Soft ones warn."""

    unit: str
    window: CapWindow
    amount: Decimal
    hard: bool = True


@dataclass(frozen=True, slots=True)
class PlanTerms:
    """What a version of a plan costs and gives. ``included`` is units by meter and period.

    ``caps`` are what may be used at most, whoever pays for it: limits of scope plan in the ledger.
    """

    fee: Decimal = Decimal(0)
    currency: str = "USD"
    period: Period = Period.MONTH
    included: Mapping[str, Decimal] = field(default_factory=dict)
    limits: PlanLimits = field(default_factory=PlanLimits)
    overage: Overage = Overage.BLOCK
    credit_line: Decimal | None = None
    caps: tuple[PlanCap, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanInfo:
    """One version of a plan."""

    id: UUID
    code: str
    name_en: str
    name_zh: str
    version: int
    terms: PlanTerms
    published_at: datetime | None


@dataclass(frozen=True, slots=True)
class SubscriptionInfo:
    """The plan an organization is on, its present period, and what follows.

    ``ends_with_period``: cancelled, with no plan to follow.
    """

    id: UUID
    plan: PlanInfo
    starts_at: datetime
    period_starts_at: datetime
    period_ends_at: datetime
    time_zone: str
    next_plan: PlanInfo | None
    ends_with_period: bool


@dataclass(frozen=True, slots=True)
class CancellationInfo:
    """What leaving the plan means: where it leads, when, and which units would end at once.

    ``plan`` is the free plan that would follow, None for no plan. ``waits``: it is arranged for the
    period's end already. ``returned`` are units and money that leaving at once takes back.
    """

    plan: PlanInfo | None
    period_ends_at: datetime
    waits: bool
    returned: tuple[tuple[str, Decimal], ...]


@dataclass(frozen=True, slots=True)
class TrialTermsInfo:
    """What a new organization gets, and for how many days."""

    version: int
    days: int
    units: Mapping[str, Decimal]
