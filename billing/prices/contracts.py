"""What crosses the border of prices."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Quote:
    """What so many units would cost at today's price; not rounded to the currency's coins."""

    meter: str
    units: Decimal
    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class PriceInfo:
    """The price that rules now for one meter."""

    meter: str
    name_en: str
    name_zh: str
    unit_en: str
    unit_zh: str
    currency: str
    unit_amount: Decimal
    version: int
    effective_at: datetime
