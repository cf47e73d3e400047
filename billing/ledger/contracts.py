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
    available: Decimal = Decimal(0)
    """What of it is neither spent, held, expired nor taken back."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Units set aside. ``state`` is held, captured, released or expired; only held can change.

    ``charged`` is what the captured units cost in ``currency``, beyond what grants covered.
    """

    id: UUID
    unit: str
    amount: Decimal
    captured: Decimal
    state: str
    expires_at: datetime
    refunded: Decimal = Decimal(0)
    currency: str = ""
    charged: Decimal = Decimal(0)
    charge_refunded: Decimal = Decimal(0)
    """What of ``charged`` went back."""


@dataclass(frozen=True, slots=True)
class HoldQuote:
    """What taking a hold would come to. ``refusal`` is the code of why not, None if it would do.

    ``cost`` is the most that what grants do not cover can cost, in the account's ``currency``; None
    if no price says so. ``available`` is what grants have left: before a refusal, else after it.
    """

    refusal: str | None
    cost: Decimal | None
    currency: str
    available: Decimal


@dataclass(frozen=True, slots=True)
class RefundInfo:
    """Captured units given back. ``charge`` is the money that went back with them."""

    id: UUID
    hold_id: UUID
    units: Decimal
    charge: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class LimitInfo:
    """What may be used in a window, and what counts against it now.

    ``scope`` is organization, plan, member or key; ``subject_id`` the member's or key's id. A soft
    limit (``hard`` off) only warns. ``alerts`` are percentages.
    """

    id: UUID
    scope: str
    subject_id: UUID | None
    unit: str
    window: str
    amount: Decimal
    hard: bool
    alerts: tuple[int, ...]
    used: Decimal
    held: Decimal
    begins_at: datetime


@dataclass(frozen=True, slots=True)
class NoticeInfo:
    """A threshold that was reached: ``threshold`` per cent of ``amount``."""

    id: UUID
    rule: str
    unit: str
    threshold: int
    used: Decimal
    amount: Decimal
    period: datetime
    reached_at: datetime


@dataclass(frozen=True, slots=True)
class AccountInfo:
    """An account as a whole; ``parked_reason`` is empty unless it is parked."""

    currency: str
    parked_at: datetime | None
    parked_reason: str


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
    """Two places that should tell the same number and do not.

    What no account has, such as how often a code was redeemed, is nobody's: None.
    """

    check: str
    organization_id: UUID | None
    subject: str
    expected: Decimal
    found: Decimal


@dataclass(frozen=True, slots=True)
class ReconcileReport:
    """What a comparison found. ``fresh`` says that the operators were not told of just this yet.

    ``away`` says why somebody outside, such as the payment provider, could not be asked.
    """

    run_id: UUID
    drifts: tuple[Drift, ...]
    parked: tuple[str, ...]
    fresh: bool
    away: tuple[str, ...] = ()
