"""A naive model of the ledger: every single unit and coin is an item of a list, in one state."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tests.unit.billing.conftest import NOW

FREE, HELD, CONSUMED, EXPIRED, VOIDED = "free", "held", "consumed", "expired", "voided"
Place = tuple["ModelGrant", int]


@dataclass(eq=False)
class ModelGrant:
    """A grant as a list of units, each in one state."""

    id: UUID
    unit: str
    kind: str
    priority: int
    effective_at: datetime
    expires_at: datetime | None
    states: list[str]

    def order(self) -> tuple[Any, ...]:
        endless = self.expires_at is None
        return (
            self.priority,
            endless,
            self.expires_at or NOW,
            self.kind != "promotional",
            self.effective_at,
            self.id,
        )

    def count(self, *states: str) -> int:
        return sum(self.states.count(state) for state in states)

    def over(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now


@dataclass(eq=False)
class ModelHold:
    """What is pinned and what was captured, of units and of coins (a unit costs one)."""

    open: bool = True
    pinned: dict[str, list[Place]] = field(default_factory=lambda: {"thing": [], "USD": []})
    captured: dict[str, list[Place]] = field(default_factory=lambda: {"thing": [], "USD": []})

    def left(self) -> int:
        return sum(map(len, self.pinned.values()))

    def used(self) -> int:
        return sum(map(len, self.captured.values()))


@dataclass
class Model:
    """What the ledger should say."""

    limit: int
    now: datetime = NOW
    grants: list[ModelGrant] = field(default_factory=list)
    holds: dict[str, ModelHold] = field(default_factory=dict)

    def begun(self, unit: str) -> list[ModelGrant]:
        mine = [one for one in self.grants if one.unit == unit and one.effective_at <= self.now]
        return sorted(mine, key=ModelGrant.order)

    def time_passes(self) -> None:
        for grant in self.grants:
            if grant.effective_at <= self.now and grant.over(self.now):
                grant.states = [EXPIRED if one == FREE else one for one in grant.states]

    def count(self, unit: str, *states: str) -> int:
        return sum(grant.count(*states) for grant in self.begun(unit))

    def counted(self) -> int:
        """What the limit counts: all that is held or was captured and kept."""
        return sum(hold.used() + (hold.left() if hold.open else 0) for hold in self.holds.values())

    def draw(self, hold_id: str, amount: int) -> str:
        self.time_passes()
        units = min(amount, self.count("thing", FREE))
        if self.count("USD", FREE) < amount - units:
            return "quota_exhausted"
        if amount and self.counted() + amount > self.limit:
            return "limit_reached"
        hold = self.holds.setdefault(hold_id, ModelHold())
        for unit, need in (("thing", units), ("USD", amount - units)):
            hold.pinned[unit] += self._pick(unit, need)
        return "accepted"

    def _pick(self, unit: str, need: int) -> list[Place]:
        taken: list[Place] = []
        for grant in self.begun(unit):
            for place, state in enumerate(grant.states):
                if len(taken) < need and state == FREE:
                    grant.states[place] = HELD
                    taken.append((grant, place))
        return taken

    def capture(self, hold_id: str, amount: int, *, closing: bool) -> None:
        hold = self.holds[hold_id]
        for unit in ("thing", "USD"):
            part, hold.pinned[unit] = hold.pinned[unit][:amount], hold.pinned[unit][amount:]
            amount -= len(part)
            for grant, place in part:
                grant.states[place] = CONSUMED
            hold.captured[unit] += part
        if closing:
            self.release(hold_id)

    def release(self, hold_id: str) -> None:
        hold = self.holds[hold_id]
        hold.open = False
        for places in hold.pinned.values():
            for grant, place in places:
                grant.states[place] = FREE
            places.clear()
        self.time_passes()

    def refund(self, hold_id: str, amount: int) -> list[tuple[ModelGrant, int]]:
        """Give back; return which bought grants had ended, and how much of each is given anew."""
        hold = self.holds[hold_id]
        anew: dict[UUID, tuple[ModelGrant, int]] = {}
        for unit in ("USD", "thing"):
            kept = hold.captured[unit]
            last_first = sorted(kept, key=lambda one: one[0].order(), reverse=True)
            for grant, place in last_first[:amount]:
                ended = grant.over(self.now) and grant.kind == "purchased"
                grant.states[place] = VOIDED if ended else FREE
                if ended:
                    anew[grant.id] = (grant, anew.get(grant.id, (grant, 0))[1] + 1)
            amount -= len(last_first[:amount])
            hold.captured[unit] = [one for one in kept if one[0].states[one[1]] == CONSUMED]
        self.time_passes()
        return list(anew.values())

    def anew(self, grant_id: UUID, of: ModelGrant, amount: int) -> None:
        """A bought grant that had ended is given anew for 30 days."""
        until = self.now + timedelta(days=30)
        self.grants.append(
            ModelGrant(grant_id, of.unit, of.kind, of.priority, self.now, until, [FREE] * amount)
        )
