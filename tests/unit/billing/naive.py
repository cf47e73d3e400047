"""A naive model of the ledger: every grant is a heap of pieces, each in one state.

It shares nothing with the product: no SQL, no constants, no helpers. Where the product calculates,
this tries out, tier by tier and half unit by half unit.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from tests.unit.billing.naive_plans import ModelSubscription, PlanGift

FREE, HELD, CONSUMED, EXPIRED, VOIDED = "free", "held", "consumed", "expired", "voided"
NOTHING = Decimal(0)
_DECIMALS = Decimal("0.000000000001")


@dataclass(eq=False)
class Piece:
    """Some units or coins of one grant."""

    grant: "ModelGrant"
    size: Decimal
    state: str


@dataclass(eq=False)
class ModelGrant:
    """A grant as pieces; ``gift`` says which plan gave it."""

    id: UUID
    unit: str
    kind: str
    priority: int
    effective_at: datetime
    expires_at: datetime | None
    pieces: list[Piece] = field(default_factory=list)
    gift: str = ""

    def order(self) -> tuple[Any, ...]:
        endless = self.expires_at is None
        return (
            self.priority,
            endless,
            endless or self.expires_at,
            self.kind != "promotional",
            self.effective_at,
            self.id,
        )

    def count(self, *states: str) -> Decimal:
        return sum((one.size for one in self.pieces if one.state in states), NOTHING)

    def over(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now


def cut(pieces: list[Piece], amount: Decimal) -> tuple[list[Piece], list[Piece]]:
    """Divide pieces into the first ``amount`` and the rest; the one at the border is cut in two."""
    first: list[Piece] = []
    rest = list(pieces)
    while amount > 0:
        piece = rest.pop(0)
        if piece.size > amount:
            other = Piece(piece.grant, piece.size - amount, piece.state)
            piece.grant.pieces.append(other)
            piece.size = amount
            rest.insert(0, other)
        amount -= piece.size
        first.append(piece)
    return first, rest


@dataclass(frozen=True)
class ModelPrice:
    """What the units of a period cost together."""

    model: str
    amount: Decimal = NOTHING
    units: Decimal = NOTHING
    tiers: tuple[tuple[Decimal | None, Decimal, Decimal], ...] = ()
    """Up to how many units, for each of them, once for all of them."""

    def total(self, units: Decimal) -> Decimal:
        """Sum it up."""
        if self.model == "per_unit":
            return units * self.amount
        if self.model == "package":
            packages = 0
            while units > packages * self.units:
                packages += 1
            return packages * self.amount
        total, floor = NOTHING, NOTHING
        for up_to, each, once in self.tiers:
            if units > floor:
                total += (min(units, up_to or units) - floor) * each + once
            floor = up_to or floor
        return total

    def cost(self, used: Decimal, units: Decimal) -> Decimal:
        """Return what units cost after those used before."""
        first, last = self.total(used), self.total(used + units)
        return last.quantize(_DECIMALS, ROUND_HALF_UP) - first.quantize(_DECIMALS, ROUND_HALF_UP)

    def aside(self, used: Decimal, pending: Decimal, units: Decimal, set_aside: Decimal) -> Decimal:
        """Return what more to set aside, so that all that is pending is covered, and any of it."""
        if self.model == "per_unit":
            return self.total(units).quantize(_DECIMALS, ROUND_CEILING)
        return max(self.cost(used, pending + units) - set_aside, NOTHING)


Rated = tuple[ModelPrice, datetime]


@dataclass(eq=False)
class ModelHold:
    """What is pinned and what was captured, of units and of money."""

    taken_at: datetime
    channel: str
    open: bool = True
    pinned: dict[str, list[Piece]] = field(default_factory=lambda: {"thing": [], "money": []})
    captured: dict[str, list[Piece]] = field(default_factory=lambda: {"thing": [], "money": []})
    rated: Rated | None = None
    """At which price and in which period: said once, by the first unit that no grant covers."""
    unpaid: Decimal = NOTHING
    """Units to be paid in money, not captured yet."""
    paid: Decimal = NOTHING
    """Units paid in money and not refunded."""
    ever_paid: Decimal = NOTHING
    limited: dict[datetime, Decimal] = field(default_factory=dict)
    """What of the budget for money is set aside, by window: also what others left it."""
    counted: dict[datetime, Decimal] = field(default_factory=dict)
    """What of its charges counts against the budget, by window."""

    def left(self) -> Decimal:
        return _size(self.pinned["thing"]) + self.unpaid

    def used(self) -> Decimal:
        return _size(self.captured["thing"]) + self.paid


@dataclass
class Model:
    """What the ledger should say of one organization, one meter and one currency."""

    now: datetime
    prices: dict[str, ModelPrice]
    """By channel; ``plan:CODE`` is that plan's and beats the others."""
    limits: dict[str, Decimal]
    subscription: ModelSubscription
    grants: list[ModelGrant] = field(default_factory=list)
    holds: dict[str, ModelHold] = field(default_factory=dict)
    budget: dict[datetime, Decimal] = field(default_factory=dict)
    """What was charged, by the month of the hold."""

    def give(self, grant: ModelGrant, amount: Decimal) -> None:
        grant.pieces.append(Piece(grant, amount, FREE))
        self.grants.append(grant)

    def begun(self, unit: str) -> list[ModelGrant]:
        mine = [one for one in self.grants if one.unit == unit and one.effective_at <= self.now]
        return sorted(mine, key=ModelGrant.order)

    def time_passes(self) -> None:
        for grant in self.grants:
            if grant.effective_at <= self.now and grant.over(self.now):
                for piece in grant.pieces:
                    piece.state = EXPIRED if piece.state == FREE else piece.state

    def count(self, unit: str, *states: str) -> Decimal:
        return sum((grant.count(*states) for grant in self.begun(unit)), NOTHING)

    def counted(self) -> Decimal:
        """What the limit of units counts: all that is held or was captured and kept."""
        holds = self.holds.values()
        return sum((one.used() + (one.left() if one.open else 0) for one in holds), NOTHING)

    def spent(self, window: datetime) -> Decimal:
        """What the month's limit of money counts."""
        open_holds = [one for one in self.holds.values() if one.open]
        held = sum((one.limited.get(window, NOTHING) for one in open_holds), NOTHING)
        return held + self.budget.get(window, NOTHING)

    def draw(self, hold_id: str, amount: Decimal, channel: str = "") -> str:
        """Decide a new hold, or more for an open one."""
        self.time_passes()
        hold = self.holds.get(hold_id) or ModelHold(self.now, channel)
        units = min(amount, self.count("thing", FREE))
        over, cost, rated = amount - units, NOTHING, hold.rated
        if over:
            rated = rated or self._rate(hold)
            pooled = sum((_size(one.pinned["money"]) for one in self._open(rated)), NOTHING)
            used, pending = self._used(rated), self._pending(rated)
            cost = rated[0].aside(used, pending, over, pooled)
            if not any(one.unit == "money" for one in self.grants):
                return "quota_exhausted"
            if self.count("money", FREE) < cost:
                return "quota_exhausted"
        window = hold.taken_at.replace(day=1, hour=0, minute=0)
        if amount and self.counted() + amount > self.limits["thing"]:
            return "limit_reached"
        counts = cost
        if over and rated and rated[0].model != "per_unit":
            held = sum((sum(one.limited.values()) for one in self._open(rated)), NOTHING)
            counts = rated[0].aside(used, pending, over, held)
        if counts and self.spent(window) + counts > self.limits["money"]:
            return "limit_reached"
        self.holds[hold_id] = hold
        hold.pinned["thing"] += self._pick("thing", units, HELD)
        hold.pinned["money"] += self._pick("money", cost, HELD)
        hold.unpaid += over
        hold.rated = rated if over else hold.rated
        if over:
            hold.limited[window] = hold.limited.get(window, NOTHING) + counts
        return "accepted"

    def capture(self, hold_id: str, amount: Decimal, *, closing: bool) -> None:
        hold = self.holds[hold_id]
        drawn = min(amount, _size(hold.pinned["thing"]))
        self._consume(hold, "thing", drawn)
        over = amount - drawn
        if over and hold.rated:
            cost = hold.rated[0].cost(self._used(hold.rated), over)
            own = min(cost, _size(hold.pinned["money"]))
            self._consume(hold, "money", own)
            hold.unpaid -= over
            hold.paid += over
            hold.ever_paid += over
            self._borrow(hold, cost - own)
            self._count(hold, cost)
        if closing:
            self.release(hold_id)

    def _borrow(self, hold: ModelHold, amount: Decimal) -> None:
        """Pay with what others set aside: together it is enough, or the pool did not cover."""
        for other in self._others(hold):
            part, other.pinned["money"] = cut(
                other.pinned["money"], min(amount, _size(other.pinned["money"]))
            )
            amount -= _size(part)
            for piece in part:
                piece.state = CONSUMED
            hold.captured["money"] += part
        assert not amount

    def _count(self, hold: ModelHold, cost: Decimal) -> None:
        """Count a cost where it was let in: by this hold in its window, by others in theirs."""
        for one in [hold, *self._others(hold)]:
            for window, aside in one.limited.items():
                part = min(aside, cost)
                one.limited[window] -= part
                cost -= part
                self.budget[window] = self.budget.get(window, NOTHING) + part
                if part:
                    hold.counted[window] = hold.counted.get(window, NOTHING) + part
        assert not cost

    def release(self, hold_id: str) -> None:
        hold = self.holds[hold_id]
        hold.open = False
        hold.unpaid = NOTHING
        if hold.rated:
            self._hand(hold, hold.rated)
        for pieces in hold.pinned.values():
            for piece in pieces:
                piece.state = FREE
            pieces.clear()
        hold.limited = {}
        self.time_passes()

    def _hand(self, hold: ModelHold, rated: Rated) -> None:
        """Leave to the others what is missing for what they may still capture."""
        need = rated[0].cost(self._used(rated), self._pending(rated))
        others = self._others(hold)
        heir = next((one for one in others if one.unpaid), None)
        if heir is None:
            return
        short = need - sum((_size(one.pinned["money"]) for one in others), NOTHING)
        money = min(max(short, NOTHING), _size(hold.pinned["money"]))
        given, hold.pinned["money"] = cut(hold.pinned["money"], money)
        heir.pinned["money"] += given
        short = need - sum((sum(one.limited.values()) for one in others), NOTHING)
        for window in sorted(hold.limited):
            part = min(max(short, NOTHING), hold.limited[window])
            heir.limited[window] = heir.limited.get(window, NOTHING) + part
            short -= part

    def refund(self, hold_id: str, amount: Decimal) -> list[tuple[ModelGrant, Decimal]]:
        """Give back; return which bought grants had ended, and how much of each is given anew."""
        hold = self.holds[hold_id]
        paid = min(amount, hold.paid)
        charged = _size(hold.captured["money"])
        share = charged
        if paid != hold.paid:
            share = (charged * paid / hold.paid).quantize(_DECIMALS, ROUND_FLOOR)
        hold.paid -= paid
        back = share
        for window in sorted(hold.counted, reverse=True):
            part = min(back, hold.counted[window])
            hold.counted[window] -= part
            self.budget[window] -= part
            back -= part
        anew: dict[UUID, tuple[ModelGrant, Decimal]] = {}
        for unit, back in (("money", share), ("thing", amount - paid)):
            kept = sorted(hold.captured[unit], key=lambda one: one.grant.order(), reverse=True)
            returned, hold.captured[unit] = cut(kept, back)
            for piece in returned:
                ended = piece.grant.over(self.now) and piece.grant.kind == "purchased"
                piece.state = VOIDED if ended else FREE
                if ended:
                    before = anew.get(piece.grant.id, (piece.grant, NOTHING))[1]
                    anew[piece.grant.id] = (piece.grant, before + piece.size)
        self.time_passes()
        return list(anew.values())

    def gifts(self) -> list[PlanGift]:
        """Return what plans gave, for the subscription to look at."""
        return [
            PlanGift(one.gift, one.kind, one.count(*_ALL), one.effective_at, one.expires_at)
            for one in self.grants
            if one.gift and one.expires_at
        ]

    def _rate(self, hold: ModelHold) -> Rated:
        plan = f"plan:{self.subscription.plan_at(hold.taken_at)}"
        price = self.prices.get(plan) or self.prices.get(hold.channel) or self.prices[""]
        return price, self.subscription.period_begin(hold.taken_at)

    def _open(self, rated: Rated) -> list[ModelHold]:
        return [one for one in self.holds.values() if one.open and one.rated == rated]

    def _others(self, hold: ModelHold) -> list[ModelHold]:
        """Return the other open holds of the same price and period, by id."""
        mine = [(name, one) for name, one in self.holds.items() if one is not hold and one.open]
        return [one for _, one in sorted(mine, key=lambda each: each[0]) if one.rated == hold.rated]

    def _used(self, rated: Rated) -> Decimal:
        return sum((one.ever_paid for one in self.holds.values() if one.rated == rated), NOTHING)

    def _pending(self, rated: Rated) -> Decimal:
        return sum((one.unpaid for one in self.holds.values() if one.rated == rated), NOTHING)

    def _pick(self, unit: str, amount: Decimal, state: str) -> list[Piece]:
        free = [p for grant in self.begun(unit) for p in grant.pieces if p.state == FREE]
        taken, _ = cut(free, amount)
        for piece in taken:
            piece.state = state
        return taken

    def _consume(self, hold: ModelHold, unit: str, amount: Decimal) -> None:
        part, hold.pinned[unit] = cut(hold.pinned[unit], amount)
        for piece in part:
            piece.state = CONSUMED
        hold.captured[unit] += part


_ALL = (FREE, HELD, CONSUMED, EXPIRED, VOIDED)


def _size(pieces: list[Piece]) -> Decimal:
    return sum((piece.size for piece in pieces), NOTHING)
