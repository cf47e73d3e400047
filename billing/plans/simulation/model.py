"""What the ledger should say, by plain arithmetic: lots of credit, and holds that draw on them.

It shares no line with the ledger. It is told what grants there are and what was asked; from that it
decides itself, and is compared.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

NOTHING = Decimal(0)
REGRANT = timedelta(days=30)


@dataclass
class Lot:
    """One grant, and what became of its units."""

    id: UUID
    unit: str
    kind: str
    priority: int
    begins: datetime
    ends: datetime | None
    amount: Decimal
    held: Decimal = NOTHING
    consumed: Decimal = NOTHING
    voided: Decimal = NOTHING

    @property
    def free(self) -> Decimal:
        """What no hold has and nothing consumed; at its end this is what expires."""
        return self.amount - self.held - self.consumed - self.voided

    def usable(self, now: datetime) -> bool:
        """Say whether it has begun and has not ended."""
        return self.begins <= now and not self.over(now)

    def over(self, now: datetime) -> bool:
        """Say whether it has ended."""
        return self.ends is not None and self.ends <= now


@dataclass
class Drawn:
    """A part of a lot in a hold: still held, and captured."""

    lot: Lot
    held: Decimal
    captured: Decimal = NOTHING


@dataclass
class Taken:
    """A hold: its units from lots, the rest at a price in money from lots of the currency."""

    unit: str
    draws: list[Drawn]
    charges: list[Drawn]
    price: Decimal
    amount: Decimal
    captured: Decimal = NOTHING
    rated: Decimal = NOTHING
    refunded: Decimal = NOTHING
    open: bool = True


@dataclass(frozen=True)
class Totals:
    """A balance."""

    granted: Decimal = NOTHING
    held: Decimal = NOTHING
    consumed: Decimal = NOTHING
    expired: Decimal = NOTHING


@dataclass
class Account:
    """One organization."""

    currency: str = ""
    lots: dict[UUID, Lot] = field(default_factory=dict)
    holds: dict[UUID, Taken] = field(default_factory=dict)
    events: dict[str, Decimal] = field(default_factory=dict)
    reported: dict[UUID, bool] = field(default_factory=dict)
    """Usage that had happened, by name, and whether a hold charged what could be."""

    def grant(self, lot: Lot) -> None:
        """Learn of a grant."""
        self.lots.setdefault(lot.id, lot)
        if len(lot.unit) == 3 and lot.unit.isupper():
            self.currency = self.currency or lot.unit

    def take(
        self, hold: UUID, unit: str, amount: Decimal, price: Decimal | None, now: datetime
    ) -> bool:
        """Decide a request as the ledger should; set its parts aside when it is accepted."""
        own = min(amount, sum((lot.free for lot in self._usable(unit, now)), NOTHING))
        cost = NOTHING
        if own < amount:
            if price is None or not self.currency:
                return False
            cost = (amount - own) * price
            if sum((lot.free for lot in self._usable(self.currency, now)), NOTHING) < cost:
                return False
        self.holds[hold] = Taken(
            unit=unit,
            draws=self._draw(unit, own, now),
            charges=self._draw(self.currency, cost, now) if cost else [],
            price=price or NOTHING,
            amount=amount,
        )
        return True

    def capture(self, hold: UUID, units: Decimal, *, keep: bool = False) -> None:
        """Charge some units of a hold; unless it is kept, let go of the rest."""
        taken = self.holds[hold]
        rest = _consume(taken.draws, units)
        unpaid = _consume(taken.charges, rest * taken.price)
        if unpaid:
            raise AssertionError("the hold set too little money aside")
        taken.captured += units
        taken.rated += rest
        self.count(taken.unit, units)
        if not keep:
            taken.open = False
            for drawn in (*taken.draws, *taken.charges):
                drawn.lot.held -= drawn.held
                drawn.held = NOTHING

    def happened(self, unit: str, amount: Decimal, price: Decimal | None, now: datetime) -> bool:
        """Charge what is over already as far as units and money go; say whether there is a hold."""
        own = min(amount, sum((lot.free for lot in self._usable(unit, now)), NOTHING))
        self.count(unit, amount)
        if price is None and not own:
            return False
        cost = NOTHING
        if price is not None and self.currency:
            money = sum((lot.free for lot in self._usable(self.currency, now)), NOTHING)
            cost = min((amount - own) * price, money)
        _consume(self._draw(unit, own, now), own)
        _consume(self._draw(self.currency, cost, now), cost)
        return True

    def count(self, meter: str, units: Decimal) -> None:
        """Count usage, paid or not."""
        if units:
            self.events[meter] = self.events.get(meter, NOTHING) + units

    def refund(self, hold: UUID, units: Decimal, now: datetime) -> list[tuple[str, Decimal]]:
        """Give captured units back; return what is granted anew since its grant has ended."""
        taken = self.holds[hold]
        money = min(units, taken.rated)
        taken.refunded += units
        taken.rated -= money
        return [
            *_unwind(taken.charges, money * taken.price, now),
            *_unwind(taken.draws, units - money, now),
        ]

    def totals(self, now: datetime) -> dict[str, Totals]:
        """Return every balance after all that is due has begun and ended."""
        found: dict[str, Totals] = {}
        for lot in self.lots.values():
            before = found.get(lot.unit, Totals())
            if lot.begins <= now:
                before = Totals(
                    granted=before.granted + lot.amount - lot.voided,
                    held=before.held + lot.held,
                    consumed=before.consumed + lot.consumed,
                    expired=before.expired + (lot.free if lot.over(now) else NOTHING),
                )
            found[lot.unit] = before
        return found

    def _usable(self, unit: str, now: datetime) -> list[Lot]:
        return sorted(
            (lot for lot in self.lots.values() if lot.unit == unit and lot.usable(now)),
            key=_order,
        )

    def _draw(self, unit: str, amount: Decimal, now: datetime) -> list[Drawn]:
        drawn = []
        for lot in self._usable(unit, now):
            part = min(amount, lot.free)
            if part > 0:
                lot.held += part
                drawn.append(Drawn(lot, part))
                amount -= part
        return drawn


def _order(lot: Lot) -> tuple[object, ...]:
    """Say who is drawn first: by priority, the next to end, gifts, the oldest."""
    return (
        lot.priority,
        lot.ends is None,
        lot.ends or lot.begins,
        lot.kind != "promotional",
        lot.begins,
        lot.id,
    )


def _consume(parts: Iterable[Drawn], amount: Decimal) -> Decimal:
    """Capture from parts in their order; return what they did not cover."""
    for drawn in parts:
        part = min(amount, drawn.held)
        drawn.held -= part
        drawn.captured += part
        drawn.lot.held -= part
        drawn.lot.consumed += part
        amount -= part
    return amount


def _unwind(parts: list[Drawn], amount: Decimal, now: datetime) -> list[tuple[str, Decimal]]:
    """Give back to lots, the last drawn first. A bought lot that ended is given anew."""
    anew = []
    for drawn in sorted(parts, key=lambda each: _order(each.lot), reverse=True):
        part = min(amount, drawn.captured)
        amount -= part
        drawn.captured -= part
        drawn.lot.consumed -= part
        if part and drawn.lot.over(now) and drawn.lot.kind == "purchased":
            drawn.lot.voided += part
            anew.append((drawn.lot.unit, part))
    return anew
