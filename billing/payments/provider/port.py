"""What payments ask of a provider. No call may happen inside a scope: each may take seconds."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from billing.payments.contracts import (
    ChargeWanted,
    MeterEventWanted,
    ProviderCard,
    ProviderDispute,
    ProviderEvent,
    ProviderIntent,
    ProviderRefund,
    ProviderSession,
    SessionWanted,
)


class Provider(Protocol):
    """Someone who keeps cards and collects.

    Every call that changes something has a key: twice the same key is once the effect. Any may
    raise ProviderAway, after which nobody knows whether it happened, and ProviderRefused.
    """

    name: str
    prefixes: tuple[str, ...]
    """How the references of its payments, refunds and disputes begin."""

    def customer_make(self, *, name: str, organization: str, key: str) -> str:
        """Make a customer and return its reference."""
        ...

    def session_open(self, wanted: SessionWanted) -> ProviderSession:
        """Open a page to pay or to save a card."""
        ...

    def session_read(self, ref: str) -> ProviderSession:
        """Return a page as it is now."""
        ...

    def session_expire(self, ref: str) -> ProviderSession:
        """Close a page so that nobody pays there, and return what it had become by then."""
        ...

    def charge(self, wanted: ChargeWanted) -> ProviderIntent:
        """Take money from a saved card; a refused one is an answer, not an error."""
        ...

    def intent_read(self, ref: str) -> ProviderIntent:
        """Return a payment as it is now."""
        ...

    def cards(self, customer: str) -> tuple[ProviderCard, ...]:
        """Return a customer's cards as they are now, the oldest first. Raises CustomerDeleted."""
        ...

    def card_default(self, *, customer: str, card: str) -> None:
        """Pay with this card from now on."""
        ...

    def card_remove(self, card: str) -> None:
        """Forget a card; one that is gone already is no error."""
        ...

    def meter_tell(self, wanted: MeterEventWanted) -> None:
        """Count units; an identifier that is known already is no error."""
        ...

    def meter_counted(self, *, event_name: str, customer: str, hour: datetime) -> Decimal:
        """Return what is counted of a customer in an hour."""
        ...

    def portal_open(self, *, customer: str, return_url: str) -> str:
        """Return the address of the page on which a customer minds its cards."""
        ...

    def intents_since(self, moment: datetime | None) -> Iterator[ProviderIntent]:
        """Yield the payments made from a moment on, or ever, page after page."""
        ...

    def refunds_since(self, moment: datetime | None) -> Iterator[ProviderRefund]:
        """Yield the refunds made from a moment on, or ever."""
        ...

    def disputes_since(self, moment: datetime | None) -> Iterator[ProviderDispute]:
        """Yield the disputes begun from a moment on, or ever."""
        ...

    def refund(
        self, *, intent: str, amount_minor: int, currency: str, key: str, refund_id: UUID
    ) -> ProviderRefund:
        """Send money back to the card it came from; the refund bears ``refund_id``."""
        ...

    def refund_read(self, ref: str) -> ProviderRefund:
        """Return a refund as it is now."""
        ...

    def dispute_read(self, ref: str) -> ProviderDispute:
        """Return a dispute as it is now."""
        ...

    def event_verified(self, body: bytes, signature: str) -> ProviderEvent:
        """Return a signed event. Raises SignatureInvalid."""
        ...

    def events_since(self, moment: datetime) -> Iterator[ProviderEvent]:
        """Yield the events from a moment on, newest first."""
        ...
