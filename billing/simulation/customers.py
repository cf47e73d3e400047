"""Who is simulated: the customers' habits, and what was done to them."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final
from uuid import UUID

from anneal.kernel.scopes import OrganizationRef
from billing.outcomes.contracts import OutcomeInfo, OutcomeKind
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
CARDS: Final = (
    "4242424242424242",
    "",
    "5555555555554444",
    "4000000000000341",
    "4242424242424242",
)
"""By turns: cards that pay, none at all, and one that is saved and then always declined."""
COUNTRIES: Final = ("DE", "FR", "CA", "JP", "KW", "")
HAPPENS: Final = (
    "accounts freed",
    "accounts parked",
    "accounts restored",
    "accounts suspended",
    "automatic top-ups",
    "budgets",
    "cancellations",
    "cancellations at once",
    "card payments",
    "card payments refused",
    "cards declined on a page",
    "cards preferred",
    "cards removed",
    "cards saved",
    "codes redeemed, amount",
    "codes redeemed, percent",
    "codes redeemed, trial",
    "codes redeemed, units",
    "codes refused",
    "credit notes",
    "credit notes refunded",
    "discounts drawn",
    "disputes lost",
    "disputes won",
    "events of the bank told twice",
    "expired holds",
    "grants",
    "holds",
    "holds in tiers paid",
    f"holds paid in {DEFAULT}",
    f"holds paid in {OTHER_CURRENCY}",
    "invoices",
    "invoices paid by hand",
    "outcomes",
    "outcomes assumed",
    "outcomes confirmed",
    "outcomes disputed",
    "outcomes paid from the balance",
    "outcomes reversed",
    "pages left",
    "plan changes",
    "plans begun on a page",
    "refunds",
    "refunds in the dashboard",
    "refusals",
    "refusals by a budget",
    "refusals while parked",
    "settlements",
    "sign-ups",
    "stored, charged",
    "top-ups on a page",
    "transfers",
    "transfers too large",
    "transfers twice",
)
"""What a year should have had: the report says of each how often, also that it never was."""


class Disagreement(AssertionError):
    """Ledger and model decided differently."""


@dataclass
class Bargain:
    """A contract about outcomes, and what of it waits for an end or a decision."""

    customer: "Customer"
    kind: OutcomeKind
    contract: UUID
    waiting: list[OutcomeInfo] = field(default_factory=list)
    disputed: list[OutcomeInfo] = field(default_factory=list)


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
    """How likely it sends what is due on a day, where it has no card. One that is slow minds its
    invoices only once it is parked."""
    card: str = ""
    """The number of the card with which it pays; without one it sends money."""
    registered: bool = False
    """It has saved a card once."""
    bargains: list[Bargain] = field(default_factory=list)
    jobs: int = 0
    """Begun under a contract."""
    training: dict[UUID, int] = field(default_factory=dict)
    """Open training holds and the segments captured of each."""
    settled: list[UUID] = field(default_factory=list)
    """Holds that may be refunded."""
    grants: int = 0


SLOW: Final = 0.1
"""Who is less prompt is slow."""


@dataclass(frozen=True)
class Sent:
    """A transfer for an invoice."""

    invoice: UUID
    amount_minor: int
    currency: str


@dataclass
class Booked:
    """What was asked for, paid and taken off, as those who did it know it."""

    items: dict[tuple[UUID, str], Decimal] = field(default_factory=dict)
    """Outcomes, by organization and source."""
    dropped: set[tuple[UUID, str]] = field(default_factory=set)
    sent: dict[tuple[UUID, str], Sent] = field(default_factory=dict)
    """By organization and key. What came by card the bank tells."""
    notes: dict[UUID, tuple[UUID, int]] = field(default_factory=dict)
    """By note, the invoice and the coins taken off."""
    gone: set[str] = field(default_factory=set)
    """Lost disputes and refunds in the dashboard of which the models know."""


def coins(minor: int, currency: str) -> Decimal:
    """Return coins as an amount of the currency."""
    return Decimal(minor).scaleb(-DECIMALS.get(currency, 2))
