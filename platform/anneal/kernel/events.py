"""Talk upward: a lower layer publishes a typed fact, a higher one acts in the same transaction.

Handlers run in order of registration, in the publisher's scope; one that raises stops the service
and so rolls its transaction back.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from anneal.kernel.scopes import OrganizationRef


@dataclass(frozen=True, slots=True)
class Event:
    """A fact that happened inside the open scope."""


@dataclass(frozen=True, slots=True)
class OrganizationCreated(Event):
    """A new organization; its trial is granted here."""

    organization: OrganizationRef


@dataclass(frozen=True, slots=True)
class OrganizationSuspended(Event):
    """The operator suspended an organization."""

    organization: OrganizationRef


@dataclass(frozen=True, slots=True)
class DatasetDeleting(Event):
    """A dataset is about to go; a subscriber may refuse by raising."""

    organization: OrganizationRef
    dataset_id: UUID


@dataclass(frozen=True, slots=True)
class FileArriving(Event):
    """A file of so many bytes is about to be stored; a subscriber may refuse by raising."""

    organization: OrganizationRef
    bytes: int


@dataclass(frozen=True, slots=True)
class FileStored(Event):
    """A file's row is written; a subscriber may still refuse by raising."""

    organization: OrganizationRef
    bytes: int


@dataclass(frozen=True, slots=True)
class SeatTaking(Event):
    """One more person is invited or joins, ``taken`` seats being taken; a subscriber may refuse.

    The organization's people are locked meanwhile, so ``taken`` stays true until the commit.
    """

    organization: OrganizationRef
    taken: int


@dataclass(frozen=True, slots=True)
class ThresholdReached(Event):
    """So many per cent of a balance or budget are used; told once per rule, period and threshold.

    A budget whose amount was changed tells again what the new amount reaches.
    ``rule`` is ``balance:{unit}`` or ``limit:{id}``, the amounts are exact decimal numbers.
    """

    organization: OrganizationRef
    notice_id: UUID
    rule: str
    unit: str
    threshold: int
    used: str
    amount: str
    period: datetime


@dataclass(frozen=True, slots=True)
class PlanChanged(Event):
    """An organization is on another plan from now on; by their codes, None for none."""

    organization: OrganizationRef
    subscription_id: UUID
    plan: str | None
    previous: str | None


@dataclass(frozen=True, slots=True)
class PlanPaying(Event):
    """An organization wants a plan that must be paid; a subscriber may refuse by raising.

    ``costs`` says what for, to be put after the plan's code.
    """

    organization: OrganizationRef
    plan: str
    costs: str


@dataclass(frozen=True, slots=True)
class CreditLineGiven(Event):
    """An account may use money that it pays later; its lock is held."""

    organization: OrganizationRef


@dataclass(frozen=True, slots=True)
class AccountFreed(Event):
    """An account is parked no more for the reason ``parked_for``. In a system scope."""

    organization: OrganizationRef
    parked_for: str


@dataclass(frozen=True, slots=True)
class PeriodOpened(Event):
    """A stretch of a plan began, and its units were given; its row is written."""

    organization: OrganizationRef
    period_id: UUID


@dataclass(frozen=True, slots=True)
class PeriodCut(Event):
    """A stretch of a plan ends now, before its time; ``left``: the plan was left at once."""

    organization: OrganizationRef
    period_id: UUID
    left: bool


@dataclass(frozen=True, slots=True)
class InvoiceFinalized(Event):
    """An invoice has its number and never changes. Nothing is due where it is paid already."""

    organization: OrganizationRef
    invoice_id: UUID
    number: str
    kind: str
    currency: str
    amount_due_minor: int


@dataclass(frozen=True, slots=True)
class InvoicePaid(Event):
    """Nothing of an invoice is due any more: it was paid, or credit notes took off the rest."""

    organization: OrganizationRef
    invoice_id: UUID
    number: str


@dataclass(frozen=True, slots=True)
class InvoiceGivenUp(Event):
    """The operator expects no more money for an invoice."""

    organization: OrganizationRef
    invoice_id: UUID


@dataclass(frozen=True, slots=True)
class CreditNoteIssued(Event):
    """Something was taken off an invoice; ``returned_minor`` goes back by ``return_by``.

    By ``refund`` whoever collected it returns it, of ``payment_id`` where one is named.
    """

    organization: OrganizationRef
    credit_note_id: UUID
    invoice_id: UUID
    number: str
    currency: str
    total_minor: int
    returned_minor: int
    return_by: str
    payment_id: UUID | None


@dataclass(frozen=True, slots=True)
class PaymentExcess(Event):
    """More was paid than was due, in a currency in which the account can keep no credit.

    Whoever collected ``payment_id`` returns it; None is a transfer, which the operator returns.
    """

    organization: OrganizationRef
    payment_id: UUID | None
    amount_minor: int


@dataclass(frozen=True, slots=True)
class PaymentRetryDue(Event):
    """An unpaid invoice is to be collected once more; ``step`` counts from 0."""

    organization: OrganizationRef
    invoice_id: UUID
    step: int


EventType = TypeVar("EventType", bound=Event)
_handlers: Final[dict[type[Event], list[Callable[[Any], None]]]] = defaultdict(list)


def subscribe(event_type: type[EventType], handler: Callable[[EventType], None]) -> None:
    """Call ``handler`` for each such event. Registering the same handler twice counts once."""
    if handler not in _handlers[event_type]:
        _handlers[event_type].append(handler)


def publish(event: Event) -> None:
    """Run every handler of the event's type, now and here."""
    for handler in _handlers[type(event)]:
        handler(event)
