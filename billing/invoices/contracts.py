"""What crosses the border of invoices."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID


class ItemKind(StrEnum):
    """What is asked for, or given back."""

    FEE = "fee"
    """A plan's fee for a stretch of time, or what is given back of one that was cut."""
    USAGE = "usage"
    """What a credit line paid, at one price."""
    MINIMUM = "minimum"
    """What a price asks for beyond the usage of a period."""
    OUTCOME = "outcome"
    TOP_UP = "top_up"
    MANUAL = "manual"
    DISCOUNT = "discount"
    """A line of an invoice alone: it is no item."""


class InvoiceKind(StrEnum):
    """Why an invoice was made."""

    SUBSCRIPTION = "subscription"
    OUTCOME = "outcome"
    TOP_UP = "top_up"
    MANUAL = "manual"


class InvoiceStatus(StrEnum):
    """A draft becomes final and then never changes, or void."""

    DRAFT = "draft"
    FINAL = "final"
    VOID = "void"


class PaymentStatus(StrEnum):
    """What became of a final invoice's money."""

    OPEN = "open"
    PAID = "paid"
    UNCOLLECTIBLE = "uncollectible"


class ReturnBy(StrEnum):
    """How money that was paid goes back with a credit note."""

    NONE = "none"
    """Nothing goes back: the note only lowers what is due."""
    REFUND = "refund"
    """To the card it came from: payments hears `CreditNoteIssued`."""
    CREDIT = "credit"
    """As credit of the account."""
    OUTSIDE = "outside"
    """The operator has returned it, or a bank has taken it back."""


class FapiaoKind(StrEnum):
    """Which Chinese tax invoice a customer asks for."""

    NONE = ""
    GENERAL = "general"
    SPECIAL = "special"


@dataclass(frozen=True, slots=True)
class ItemInfo:
    """One thing to be paid, or given back when ``amount`` is below zero.

    ``invoice_id`` is the invoice that took it. A dropped item is never asked for.
    """

    id: UUID
    source: str
    kind: ItemKind
    currency: str
    amount: Decimal
    invoice_id: UUID | None
    dropped: bool


@dataclass(frozen=True, slots=True)
class InvoiceInfo:
    """An invoice; amounts are in the currency's smallest coins.

    ``due_minor`` is what is still to be paid.
    """

    id: UUID
    number: str
    kind: InvoiceKind
    status: InvoiceStatus
    payment_status: PaymentStatus
    currency: str
    subtotal_minor: int
    tax_minor: int
    total_minor: int
    paid_minor: int
    credited_minor: int
    returned_minor: int
    due_minor: int
    issued_at: datetime | None
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class InvoiceDue:
    """What a payment must know of an invoice."""

    id: UUID
    number: str
    currency: str
    amount_due_minor: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class CreditNoteInfo:
    """What was taken off a final invoice.

    ``due_minor`` lowered what was still to be paid, ``returned_minor`` goes back.
    """

    id: UUID
    number: str
    invoice_id: UUID
    currency: str
    total_minor: int
    due_minor: int
    returned_minor: int
    return_by: ReturnBy
    reason: str


@dataclass(frozen=True, slots=True)
class Reversal:
    """What reversing an item came to: it was dropped, or its invoice has a credit note.

    ``waits`` is given back by the next invoice: its own asked for less than the item.
    """

    dropped: bool
    credit_note: CreditNoteInfo | None = None
    waits: ItemInfo | None = None


@dataclass(frozen=True, slots=True)
class TopUpInfo:
    """A paid top-up: its invoice and the credit that came of it."""

    invoice: InvoiceInfo
    grant_id: UUID
    credit: Decimal


@dataclass(frozen=True, slots=True)
class Profile:
    """Whom invoices are made out to. Empty fields are not printed.

    The fapiao fields are what a Chinese tax invoice needs; ``fapiao_kind`` asks for one.
    """

    legal_name: str = ""
    email: str = ""
    line1: str = ""
    line2: str = ""
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""
    tax_id: str = ""
    language: str = "en"
    fapiao_kind: FapiaoKind = FapiaoKind.NONE
    fapiao_title: str = ""
    fapiao_taxpayer_id: str = ""
    fapiao_address: str = ""
    fapiao_phone: str = ""
    fapiao_bank: str = ""
    fapiao_account: str = ""


@dataclass(frozen=True, slots=True)
class SellerTerms:
    """Who sells, as invoices print it, and how they are made.

    ``payment_days`` is how long a customer has who pays by hand. ``number_prefix`` begins each
    number. Where ``top_ups_taxed``, what is paid for credit includes the tax of the country.
    """

    legal_name: str = ""
    email: str = ""
    address: str = ""
    country: str = ""
    tax_id: str = ""
    number_prefix: str = "INV"
    footer_en: str = ""
    footer_zh: str = ""
    payment_days: int = 7
    top_ups_taxed: bool = False


@dataclass(frozen=True, slots=True)
class Rate:
    """A tax of a country, in per cent of what is sold."""

    id: UUID
    name_en: str
    name_zh: str
    country: str
    percent: Decimal
    reverse_charge: bool = False


@dataclass(frozen=True, slots=True)
class LineDraft:
    """A line before it is written: from an item, or a discount."""

    kind: ItemKind
    description: str
    params: dict[str, str]
    amount: Decimal
    amount_minor: int
    item_id: UUID | None = None
    quantity: Decimal | None = None
    unit_price: Decimal | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TaxDraft:
    """A tax of an invoice: its share of each line, in the lines' order, adds up to it."""

    rate: Rate
    base_minor: int
    amount_minor: int
    shares: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Upcoming:
    """What the next invoice would ask for, as of now."""

    currency: str
    closes_at: datetime
    lines: tuple[LineDraft, ...]
    taxes: tuple[TaxDraft, ...] = field(default=())

    @property
    def subtotal_minor(self) -> int:
        """The lines' sum."""
        return sum(line.amount_minor for line in self.lines)

    @property
    def tax_minor(self) -> int:
        """The taxes' sum."""
        return sum(tax.amount_minor for tax in self.taxes)
