"""What crosses the border of payments, and what a provider answers."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from anneal.kernel.events import Event
from anneal.kernel.scopes import OrganizationRef


class Purpose(StrEnum):
    """What a checkout is for."""

    TOP_UP = "top_up"
    PLAN = "plan"
    PAYMENT_METHOD = "payment_method"
    INVOICE = "invoice"


DISPUTE_LOST: Final = "lost"
DISPUTE_PREVENTED: Final = "prevented"
"""It ended before it began; by some card networks' rules its bank has the money all the same."""
DISPUTES_ENDED: Final = frozenset({DISPUTE_LOST, DISPUTE_PREVENTED, "won", "warning_closed"})
"""States in which a dispute is over, unless whoever lost it appeals."""
REFUND_ASKED: Final = "asked"
"""The provider has not answered yet. Its other states are the provider's own."""
REFUNDS_NOT_SENT: Final = frozenset({"failed", "canceled"})
DEMO_REF: Final = "demo_"
"""How every reference of the demo's begins, and no other provider's."""


class CheckoutState(StrEnum):
    """A checkout is open until its page was completed or its time is over."""

    OPEN = "open"
    COMPLETE = "complete"
    EXPIRED = "expired"


class AttemptState(StrEnum):
    """What became of a try to collect. Money that comes late still makes it succeed."""

    OPEN = "open"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


UNANSWERED: Final = "unanswered"
"""How a try failed whose answer never came."""
REFUSED: Final = (UNANSWERED, "payment_provider_refused")
"""How tries failed without their cards being asked."""


class EventState(StrEnum):
    """What became of an event of the provider."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    """It was tried too often: the operator may ask for it again."""


class ExportState(StrEnum):
    """What became of units that Stripe's meters are to be told of."""

    WAITING = "waiting"
    SENT = "sent"
    PARKED = "parked"
    """Stripe does not take them: the operator may have them sent again."""


class IntentStatus(StrEnum):
    """A provider's payment, as far as we must tell states apart."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ProviderCard:
    """A card that a provider keeps for a customer."""

    ref: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    default: bool = False


@dataclass(frozen=True, slots=True)
class CardsRead:
    """A customer's cards, and when their reading began: a reading that began later rules."""

    customer: str
    cards: tuple[ProviderCard, ...]
    began_at: datetime
    deleted: bool = False
    """Whether the provider has the customer no more."""


@dataclass(frozen=True, slots=True)
class ProviderIntent:
    """A provider's payment; ``attempt_id`` is what it was made for, from its metadata.

    ``card`` is what it was paid with, as far as the provider says.
    """

    ref: str
    status: IntentStatus
    amount_minor: int
    currency: str
    customer: str
    attempt_id: UUID | None
    failure: str = ""
    card: ProviderCard | None = None


@dataclass(frozen=True, slots=True)
class ProviderSession:
    """A provider's page on which a customer pays or saves a card."""

    ref: str
    state: CheckoutState
    url: str
    expires_at: datetime
    customer: str
    intent: str = ""


@dataclass(frozen=True, slots=True)
class ProviderRefund:
    """Money that went back to a card, or is on its way."""

    ref: str
    intent: str
    amount_minor: int
    currency: str
    state: str
    refund_id: UUID | None
    """Which of ours it is, from its metadata; None was made at the provider."""


@dataclass(frozen=True, slots=True)
class ProviderDispute:
    """A payment that a customer's bank asks back."""

    ref: str
    intent: str
    amount_minor: int
    currency: str
    state: str
    reason: str
    evidence_due_at: datetime | None = None
    """Until when the bank takes an answer; None where it wants none."""
    withdrawn_minor: int = 0
    """What it has of the money now, as the provider's own books say."""

    @property
    def taken_minor(self) -> int:
        """Return what the bank has taken for good."""
        if self.state == DISPUTE_PREVENTED:
            return self.withdrawn_minor
        return self.amount_minor if self.state == DISPUTE_LOST else 0


@dataclass(frozen=True, slots=True)
class DisputeRead:
    """A dispute, and when its reading began: a reading that began later rules."""

    dispute: ProviderDispute
    began_at: datetime


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """Something that happened at the provider: what it is about is read again there."""

    ref: str
    type: str
    kind: str
    """The object's kind, such as ``payment_intent``."""
    object_ref: str
    customer: str
    intent: str
    """Of refunds and disputes, which name no customer: the payment they are about."""
    created_at: datetime
    body: str


@dataclass(frozen=True, slots=True)
class SessionWanted:
    """A page to open. Without an amount it only saves a card."""

    customer: str
    success_url: str
    cancel_url: str
    key: str
    checkout_id: UUID
    attempt_id: UUID | None = None
    amount_minor: int = 0
    currency: str = ""
    label: str = ""
    own_page: str = ""
    """Where a provider without pages sends the customer."""


@dataclass(frozen=True, slots=True)
class ChargeWanted:
    """An amount to take from a saved card while nobody sits before the page."""

    customer: str
    card: str
    amount_minor: int
    currency: str
    key: str
    attempt_id: UUID
    label: str = ""


@dataclass(frozen=True, slots=True)
class MeterEventWanted:
    """Units to count at the provider; the same identifier counts once, whatever the key."""

    customer: str
    event_name: str
    units: Decimal
    at: datetime
    identifier: str
    key: str


@dataclass(frozen=True, slots=True)
class CheckoutInfo:
    """A checkout as the customer sees it."""

    id: UUID
    purpose: Purpose
    state: CheckoutState
    url: str
    expires_at: datetime
    error: str = ""


@dataclass(frozen=True, slots=True)
class AttemptInfo:
    """A try to collect."""

    id: UUID
    state: AttemptState
    invoice_id: UUID | None
    amount_minor: int
    currency: str
    failure: str


@dataclass(frozen=True, slots=True)
class AutoTopUpTerms:
    """When credit is bought by itself: below ``threshold``, ``amount``, a day ``daily_cap``."""

    enabled: bool = False
    threshold: Decimal = field(default=Decimal(0))
    amount: Decimal = field(default=Decimal(0))
    daily_cap: Decimal = field(default=Decimal(0))
    currency: str = ""
    paused: str = ""
    """Why it waits: its card was declined or the day's cap is reached."""
    paused_until: datetime | None = None
    """When it is tried again by itself."""


@dataclass(frozen=True, slots=True)
class AutoTopUpPaused(Event):
    """Credit is not bought by itself until a moment, though it is wanted."""

    organization: OrganizationRef
    reason: str
    until: datetime
