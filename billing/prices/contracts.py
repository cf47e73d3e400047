"""What crosses the border of prices."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

MONEY_METER: Final = "outcome_fee"
"""A unit of money owed by contract, so that the ledger can hold it: its price is always 1."""


class PriceModel(StrEnum):
    """How an amount follows from units. What a period's first unit costs is `unit_amount`."""

    PER_UNIT = "per_unit"
    """Each unit costs the same."""
    GRADUATED = "graduated"
    """Each unit costs what its own tier says."""
    VOLUME = "volume"
    """All units cost what the tier of their number says."""
    PACKAGE = "package"
    """Begun packages are paid whole."""
    PERCENTAGE = "percentage"
    """A share of an amount of money, which is what the meter counts."""


@dataclass(frozen=True, slots=True)
class Tier:
    """Units up to and with ``up_to``; None is the last tier. ``flat_amount`` is paid once."""

    up_to: Decimal | None
    unit_amount: Decimal
    flat_amount: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class PriceTerms:
    """How units are charged. ``minimum`` is what an invoice's line is raised to."""

    model: PriceModel = PriceModel.PER_UNIT
    unit_amount: Decimal = Decimal(0)
    tiers: tuple[Tier, ...] = ()
    package_units: Decimal | None = None
    package_amount: Decimal | None = None
    percent: Decimal | None = None
    minimum: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """What so many units would cost at today's price; not rounded to the currency's coins."""

    meter: str
    units: Decimal
    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class PriceInfo:
    """One price of one meter: for all usage, or for what ``match`` says.

    ``plan`` is empty in a list price.
    """

    id: UUID
    meter: str
    name_en: str
    name_zh: str
    unit_en: str
    unit_zh: str
    currency: str
    version: int
    effective_at: datetime
    terms: PriceTerms
    plan: str = ""
    match: Mapping[str, str] = field(default_factory=dict)

    @property
    def unit_amount(self) -> Decimal:
        """What the first unit costs."""
        return self.terms.unit_amount
