"""What crosses the border of outcomes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from anneal.kernel.events import Event
from anneal.kernel.scopes import OrganizationRef

CONTRACT_PREFIX: Final = "oc_"
OUTCOME_PREFIX: Final = "out_"


def source_of(outcome_id: UUID) -> str:
    """Return the name under which an outcome's amount is held and asked for."""
    return f"outcome:{outcome_id}"


PREDICTION_METER: Final = "outcome_prediction"
"""A prediction whose price depends on what comes of it: it is counted and costs nothing yet."""


class OutcomeKind(StrEnum):
    """What is paid for."""

    SUCCESS_FEE = "success_fee"
    """A fine-tuning job whose model beats its baselines on rows that were sealed before."""
    CONFIRMED_PREDICTION = "confirmed_prediction"
    """Predictions of a deployment that feedback confirmed, or that nobody disputed in time."""


class OutcomeState(StrEnum):
    """Where an outcome stands. Confirmed and assumed are owed; reversed never is."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    ASSUMED = "assumed"
    REVERSED = "reversed"
    DISPUTED = "disputed"


OWED: Final = (OutcomeState.CONFIRMED, OutcomeState.ASSUMED)


class Payment(StrEnum):
    """How an owed outcome was charged."""

    NONE = ""
    BALANCE = "balance"
    INVOICE = "invoice"


@dataclass(frozen=True, slots=True)
class PolicyTerms:
    """What an operator offers.

    ``price`` is the fee of a success, or what one prediction costs. Of a success fee, ``margin`` is
    the least gain in macro-F1 over the best baseline, and ``level`` how improbable luck must be. Of
    predictions, ``window_days`` is how long feedback counts. Both can be disputed ``dispute_days``.
    """

    price: Decimal
    currency: str
    dispute_days: int
    margin: Decimal = Decimal(0)
    level: Decimal = Decimal("0.05")
    window_days: int | None = None


@dataclass(frozen=True, slots=True)
class PolicyInfo:
    """A version of a policy."""

    id: UUID
    code: str
    kind: OutcomeKind
    name_en: str
    name_zh: str
    version: int
    terms: PolicyTerms
    published_at: datetime | None


@dataclass(frozen=True, slots=True)
class ContractQuote:
    """Terms as the customer would accept them, and the hash that names just these."""

    policy: PolicyInfo
    subject: str
    document: Mapping[str, Any]
    terms_hash: str


@dataclass(frozen=True, slots=True)
class ContractInfo:
    """Accepted terms. ``subject`` is the public id of what they are about."""

    id: UUID
    kind: OutcomeKind
    subject: str
    document: Mapping[str, Any]
    terms_hash: str
    terms: PolicyTerms
    accepted_by: str
    accepted_at: datetime
    ended_by: str
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class OutcomeInfo:
    """One thing that is owed, will be or will not, and why."""

    id: UUID
    contract_id: UUID
    kind: OutcomeKind
    subject: str
    period: tuple[datetime, datetime] | None
    state: OutcomeState
    quantity: Decimal
    unit_price: Decimal
    amount: Decimal
    currency: str
    payment: Payment
    settle_at: datetime | None
    decided_at: datetime | None
    dispute_until: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StepInfo:
    """A step of an outcome, who made it and on which grounds."""

    state: OutcomeState
    at: datetime
    actor: str
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OutcomeMoved(Event):
    """An outcome is owed, disputed or reversed from now on.

    ``upheld``: it is owed after all, as it was before its dispute.
    """

    organization: OrganizationRef
    outcome: OutcomeInfo
    upheld: bool = False
