"""What credit notes have left of an invoice's lines."""

from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from billing.invoices.contracts import ItemKind
from billing.invoices.models import CreditNoteLine, Invoice, InvoiceLine
from billing.invoices.money import spread


@dataclass(frozen=True, slots=True)
class LineCredit:
    """What a note takes off a line, its taxes apart."""

    line_id: UUID
    amount_minor: int
    taxes: tuple[tuple[str, int], ...]

    @property
    def tax_minor(self) -> int:
        """The taxes' sum."""
        return sum(minor for _, minor in self.taxes)


@dataclass(frozen=True, slots=True)
class Rest:
    """What is left of a line: the amount and each tax."""

    line_id: UUID
    item_id: UUID | None
    kind: ItemKind
    amount_minor: int
    taxes: tuple[tuple[str, int], ...]

    @property
    def gross(self) -> int:
        """All of it."""
        return self.amount_minor + sum(minor for _, minor in self.taxes)

    def credit(self, part: int) -> LineCredit:
        """Take a part of the gross off amount and taxes, in proportion to what is left of each.

        The last part takes what is left of each, so all parts add up to the line.
        """
        names = [name for name, _ in self.taxes]
        if not self.gross:
            return LineCredit(self.line_id, 0, ())
        amount, *taxes = spread(part, [self.amount_minor, *(minor for _, minor in self.taxes)])
        shares = tuple((name, minor) for name, minor in zip(names, taxes, strict=True) if minor)
        return LineCredit(self.line_id, amount, shares)


def rests_of(invoice: Invoice) -> list[Rest]:
    """Return what is left of each line of a final invoice, in the lines' order."""
    lines = list(InvoiceLine.objects.filter(invoice=invoice).order_by("position"))
    amounts: Counter[UUID] = Counter()
    taxes: Counter[tuple[UUID, str]] = Counter()
    for credit in CreditNoteLine.objects.filter(line__in=[line.id for line in lines]):
        amounts[credit.line_id] += credit.amount_minor
        for rate, minor in credit.taxes:
            taxes[credit.line_id, rate] += minor
    return [
        Rest(
            line_id=line.id,
            item_id=line.item_id,
            kind=ItemKind(line.kind),
            amount_minor=line.amount_minor - amounts[line.id],
            taxes=tuple((rate, minor - taxes[line.id, rate]) for rate, minor in line.taxes),
        )
        for line in lines
    ]


def worth_left(rests: list[Rest], item_id: UUID) -> int:
    """Return what is left of an item's line before taxes, less its share of the discounts."""
    sold = [rest for rest in rests if rest.kind != ItemKind.DISCOUNT and rest.amount_minor > 0]
    place = next((n for n, rest in enumerate(sold) if rest.item_id == item_id), None)
    if place is None:
        return 0
    off = -sum(rest.amount_minor for rest in rests if rest.kind == ItemKind.DISCOUNT)
    weights = [rest.amount_minor for rest in sold]
    return max(weights[place] - spread(off, weights)[place], 0)
