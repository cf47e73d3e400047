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


@dataclass(frozen=True)
class Tariff:
    """What units cost: in tiers, each from where the one before ends. A flat price is one tier."""

    name: str
    tiers: tuple[tuple[Decimal | None, Decimal], ...]

    def total(self, units: Decimal) -> Decimal:
        """Return what the first units of a period cost."""
        cost, floor = NOTHING, NOTHING
        for up_to, each in self.tiers:
            within = units if up_to is None else min(units, up_to)
            cost += max(NOTHING, within - floor) * each
            floor = up_to or floor
        return cost


@dataclass
class Budget:
    """So many units a month; what is held counts until it is let go."""

    unit: str
    amount: Decimal
    counted: dict[str, Decimal] = field(default_factory=dict)

    def fits(self, month: str, units: Decimal) -> bool:
        """Say whether the month has room for so many more."""
        return self.counted.get(month, NOTHING) + units <= self.amount

    def add(self, month: str, units: Decimal) -> None:
        """Count units, or take them back."""
        self.counted[month] = self.counted.get(month, NOTHING) + units


@dataclass
class Rebate:
    """A discount: a per cent of some invoices, or money until none is left."""

    percent: Decimal | None
    invoices: int | None
    remaining: Decimal | None
    currency: str
    drawn: dict[str, Decimal] = field(default_factory=dict)

    def draw(self, key: str, amount: Decimal, currency: str) -> Decimal:
        """Return what one invoice gets off, the same whenever it asks again."""
        if key in self.drawn:
            return self.drawn[key]
        off = NOTHING
        if self.percent is not None and self.invoices:
            off = amount * self.percent / 100
            self.invoices -= 1
        elif self.remaining is not None and currency == self.currency:
            off = min(amount, self.remaining)
            self.remaining -= off
        if off:
            self.drawn[key] = off
        return off


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
    source: str = ""
    held: Decimal = NOTHING
    consumed: Decimal = NOTHING
    voided: Decimal = NOTHING
    returned: Decimal = NOTHING
    """Of what ended unused, how much a longer trial brought back."""
    left: bool = False
    """Its plan was left at once: whatever comes free is taken back."""

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
    tariff: Tariff | None
    period: str
    month: str
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
    used: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    """Units charged by tariff and period: tiers count from here."""
    budget: Budget | None = None
    rebates: dict[UUID, Rebate] = field(default_factory=dict)
    parked: bool = False
    unpaid: bool = False
    """Parked for an unpaid invoice, not by the operator."""

    def grant(self, lot: Lot) -> None:
        """Learn of a grant."""
        self.lots.setdefault(lot.id, lot)
        if len(lot.unit) == 3 and lot.unit.isupper():
            self.currency = self.currency or lot.unit

    def take(
        self,
        hold: UUID,
        unit: str,
        amount: Decimal,
        tariff: Tariff | None,
        now: datetime,
        *,
        period: str = "",
    ) -> str:
        """Decide a request as the ledger should; set its parts aside when it is accepted.

        ``period`` is when the period began from which the tariff's tiers count.
        """
        if self.parked:
            return "account_parked"
        own = min(amount, sum((lot.free for lot in self._usable(unit, now)), NOTHING))
        cost = NOTHING
        if own < amount:
            if tariff is None or not self.currency:
                return "quota_exhausted"
            cost = self._cost(tariff, period, amount - own)
            if sum((lot.free for lot in self._usable(self.currency, now)), NOTHING) < cost:
                return "quota_exhausted"
        month = f"{now:%Y-%m}"
        if self.budget is not None and self.budget.unit == unit:
            if not self.budget.fits(month, amount):
                return "limit_reached"
            self.budget.add(month, amount)
        self.holds[hold] = Taken(
            unit=unit,
            draws=self._draw(unit, own, now),
            charges=self._draw(self.currency, cost, now) if cost else [],
            tariff=tariff,
            period=period,
            month=month,
            amount=amount,
        )
        return "accepted"

    def capture(self, hold: UUID, units: Decimal, *, keep: bool = False) -> None:
        """Charge some units of a hold; unless it is kept, let go of the rest."""
        taken = self.holds[hold]
        rest = _consume(taken.draws, units)
        if rest and taken.tariff is not None:
            unpaid = _consume(taken.charges, self._cost(taken.tariff, taken.period, rest))
            count = (taken.tariff.name, taken.period)
            self.used[count] = self.used.get(count, NOTHING) + rest
            if unpaid:
                raise AssertionError("the hold set too little money aside")
        taken.captured += units
        taken.rated += rest
        self.count(taken.unit, units)
        if not keep:
            taken.open = False
            self._budget_add(taken, taken.captured - taken.amount)
            for drawn in (*taken.draws, *taken.charges):
                drawn.lot.held -= drawn.held
                drawn.held = NOTHING

    def happened(
        self, unit: str, amount: Decimal, tariff: Tariff | None, now: datetime, *, listed: bool
    ) -> bool:
        """Charge what is over already as far as units and money go; say whether there is a hold.

        There is one where anything was drawn, or the unit is ``listed`` at any price at all.
        """
        own = min(amount, sum((lot.free for lot in self._usable(unit, now)), NOTHING))
        self.count(unit, amount)
        if not listed and not own:
            return False
        if self.budget is not None and self.budget.unit == unit:
            self.budget.add(f"{now:%Y-%m}", amount)
        cost = NOTHING
        if tariff is not None and self.currency:
            money = sum((lot.free for lot in self._usable(self.currency, now)), NOTHING)
            cost = min(tariff.total(amount - own), money)
        _consume(self._draw(unit, own, now), own)
        _consume(self._draw(self.currency, cost, now), cost)
        return True

    def trial_extend(self, now: datetime) -> list[tuple[str, Decimal]]:
        """Take back what is left of the trial; return what is given anew.

        Per unit that is all which has not ended, as one, and what ended unused, once.
        """
        left: dict[str, Decimal] = {}
        ended: list[tuple[str, Decimal]] = []
        for lot in self.lots.values():
            if lot.kind != "promotional" or lot.source.split(":")[0] != "trial":
                continue
            if lot.over(now):
                ended.append((lot.unit, lot.free - lot.returned))
                lot.returned = lot.free
            else:
                left[lot.unit] = left.get(lot.unit, NOTHING) + lot.free
                lot.voided += lot.free
        return [(unit, amount) for unit, amount in (*left.items(), *ended) if amount]

    def plan_left(self, now: datetime) -> None:
        """Take back what plans gave and nothing has used; later too, when a hold lets it go."""
        for lot in self.lots.values():
            of_plan = lot.source.split(":")[0] in ("plan", "credit_line")
            if of_plan and lot.begins < now and not lot.over(now):
                lot.left = True
        self.left_void(now)

    def left_void(self, now: datetime) -> None:
        """Take back what has come free of grants whose plan was left."""
        for lot in self.lots.values():
            if lot.left and not lot.over(now):
                lot.voided += lot.free

    def bought_void(self, source: str, wanted: Decimal) -> Decimal:
        """Take all unspent credit of a payment back; return what goes beyond what is wanted."""
        voided = NOTHING
        for lot in self.lots.values():
            if lot.source.startswith(source):
                voided += lot.free
                lot.voided += lot.free
        return max(NOTHING, voided - wanted)

    def _cost(self, tariff: Tariff, period: str, units: Decimal) -> Decimal:
        used = self.used.get((tariff.name, period), NOTHING)
        return tariff.total(used + units) - tariff.total(used)

    def _budget_add(self, taken: Taken, units: Decimal) -> None:
        if self.budget is not None and self.budget.unit == taken.unit:
            self.budget.add(taken.month, units)

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
        self._budget_add(taken, -units)
        # Tiers are of calls that nobody takes back: what is refunded had a flat price.
        cost = taken.tariff.total(money) if taken.tariff is not None else NOTHING
        return [
            *_unwind(taken.charges, cost, now),
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
