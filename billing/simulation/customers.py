"""Who is simulated: the customers' habits, and what was done to them."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final
from uuid import UUID

from anneal.kernel.scopes import OrganizationRef
from billing.prices.currency import DEFAULT
from billing.simulation.model import Account

TIERED: Final = "tiered"
DIMS: Final[dict[str, dict[str, str]]] = {
    "": {},
    "batch": {"channel": "batch"},
    TIERED: {"task": TIERED},
}
"""What calls of each kind say of themselves; prices ask for it."""
OTHER_CURRENCY: Final = "EUR"
CURRENCIES: Final = (DEFAULT, "JPY", "KWD", OTHER_CURRENCY)
DECIMALS: Final = {"JPY": 0, "KWD": 3}
"""Of coins; elsewhere two."""
ZONES: Final = (
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "Pacific/Kiritimati",
    "Etc/GMT+12",
    "America/New_York",
    "Europe/Berlin",
    "America/Santiago",
    "Asia/Kathmandu",
    "Pacific/Chatham",
    "UTC",
)
COUNTRIES: Final = ("DE", "FR", "CA", "JP", "KW", "")
HAPPENS: Final = (
    "accounts freed",
    "accounts parked",
    "budgets",
    "cancellations",
    "cancellations at once",
    "codes redeemed, amount",
    "codes redeemed, percent",
    "codes redeemed, trial",
    "codes redeemed, units",
    "codes refused",
    "discounts drawn",
    "credit bought",
    "credit notes",
    "expired holds",
    "grants",
    "holds",
    "holds in tiers paid",
    f"holds paid in {DEFAULT}",
    f"holds paid in {OTHER_CURRENCY}",
    "invoices",
    "outcomes",
    "outcomes reversed",
    "payments",
    "payments refused",
    "payments taken back",
    "payments too large",
    "payments twice",
    "plan changes",
    "refunds",
    "refusals",
    "refusals by a budget",
    "refusals while parked",
    "settlements",
    "sign-ups",
    "stored, charged",
)
"""What a year should have had: the report says of each how often, also that it never was."""


class Disagreement(AssertionError):
    """Ledger and model decided differently."""


@dataclass
class Customer:
    """One organization, its habits and its model."""

    ref: OrganizationRef
    busy: float
    account: Account = field(default_factory=Account)
    currency: str = DEFAULT
    """In which it buys."""
    zone: str = "UTC"
    country: str = ""
    tax_id: str = ""
    prompt: float = 0.3
    """How likely it pays on a day."""
    outcomes: list[str] = field(default_factory=list)
    training: dict[UUID, int] = field(default_factory=dict)
    """Open training holds and the segments captured of each."""
    settled: list[UUID] = field(default_factory=list)
    """Holds that may be refunded."""
    grants: int = 0


@dataclass
class Booked:
    """What was asked for, paid and taken off, as those who did it know it."""

    items: dict[tuple[UUID, str], Decimal] = field(default_factory=dict)
    """Outcomes, by organization and source."""
    dropped: set[tuple[UUID, str]] = field(default_factory=set)
    payments: dict[tuple[UUID, str], tuple[UUID, int]] = field(default_factory=dict)
    """By organization and key, the invoice and the coins; below zero they were taken back."""
    top_ups: dict[tuple[UUID, str], int] = field(default_factory=dict)
    notes: dict[UUID, tuple[UUID, int]] = field(default_factory=dict)
    """By note, the invoice and the coins taken off."""


def coins(minor: int, currency: str) -> Decimal:
    """Return coins as an amount of the currency."""
    return Decimal(minor).scaleb(-DECIMALS.get(currency, 2))
