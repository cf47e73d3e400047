"""What crosses the border of the webhooks: public events in, webhooks and deliveries out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from anneal.kernel.ids import public_id
from anneal.kernel.scopes import OrganizationRef

WEBHOOK_PREFIX: Final = "wh_"
DELIVERY_PREFIX: Final = "whd_"
EVENT_PREFIX: Final = "evt_"
TEST_EVENT: Final = "webhook.test"
"""Sent when somebody asks for it, whatever the webhook's list of types."""


class DisabledReason(StrEnum):
    """Why a webhook gets nothing."""

    NONE = ""
    MANUAL = "manual"
    GONE = "gone"
    FAILING = "failing"


class DeliveryState(StrEnum):
    """Waiting for its next attempt, or done with one way or the other."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Fact:
    """A public event. ``data`` is thin: the object's ``id``, and what no later read would show."""

    organization: OrganizationRef
    type: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class WebhookInfo:
    """A webhook without its secrets."""

    id: UUID
    url: str
    description: str
    event_types: tuple[str, ...]
    enabled: bool
    disabled_reason: DisabledReason
    disabled_at: datetime | None
    failing_since: datetime | None
    old_secret_until: datetime | None
    created_at: datetime

    @property
    def public_id(self) -> str:
        """The id the API shows."""
        return public_id(WEBHOOK_PREFIX, self.id)


@dataclass(frozen=True, slots=True)
class WebhookMade:
    """A webhook and, this one time, the secret that signs for it."""

    webhook: WebhookInfo
    secret: str


@dataclass(frozen=True, slots=True)
class DeliveryInfo:
    """How one event fares on its way to one webhook."""

    id: UUID
    event_id: UUID
    event_type: str
    event_at: datetime
    state: DeliveryState
    attempts: int
    response_status: int | None
    error: str
    duration_ms: int | None
    last_attempt_at: datetime | None
    next_attempt_at: datetime | None
    delivered_at: datetime | None
