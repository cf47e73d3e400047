"""What crosses the border of promotions."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID


class PromotionKind(StrEnum):
    """What a code gives."""

    PERCENT = "percent"
    """A share off the next invoices."""
    AMOUNT = "amount"
    """Money off invoices until it is used up."""
    UNITS = "units"
    """Units of a meter, at once."""
    TRIAL = "trial"
    """More days for what is left of the trial, at once."""


@dataclass(frozen=True, slots=True)
class PromotionTerms:
    """What a code gives and to how many. Fields that its kind does not use are None.

    ``days``: how long units last, or how many days a trial gains. ``invoices``: from how many a
    per cent code takes its share.
    """

    kind: PromotionKind
    percent: Decimal | None = None
    invoices: int | None = None
    amount: Decimal | None = None
    currency: str = ""
    unit: str = ""
    units: Decimal | None = None
    days: int | None = None
    max_redemptions: int | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class DiscountInfo:
    """What an invoice may still take off: ``remaining`` money, or a per cent of some invoices."""

    id: UUID
    percent: Decimal | None
    invoices_left: int | None
    amount: Decimal | None
    remaining: Decimal | None
    currency: str


@dataclass(frozen=True, slots=True)
class RedemptionInfo:
    """A code an organization redeemed, and what it gave."""

    id: UUID
    code: str
    terms: PromotionTerms
    redeemed_at: datetime
    discount: DiscountInfo | None
