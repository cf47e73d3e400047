"""The ledger against a naive model that keeps every single unit as an item of a list."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from anneal.kernel.ids import uuid7
from tests.unit.billing.books import Books
from tests.unit.billing.conftest import NOW
from tests.unit.conftest import DatabaseClone

FREE, HELD, CONSUMED, EXPIRED = "free", "held", "consumed", "expired"


@dataclass
class ModelGrant:
    """A grant as a list of units, each in one state."""

    number: int
    priority: int
    effective_at: datetime
    expires_at: datetime | None
    promotional: bool
    units: list[str]

    def order(self) -> tuple[Any, ...]:
        endless = self.expires_at is None
        return (
            self.priority,
            endless,
            self.expires_at or NOW,
            not self.promotional,
            self.effective_at,
            self.number,
        )


@dataclass
class Model:
    """What the ledger should say."""

    now: datetime = NOW
    grants: list[ModelGrant] = field(default_factory=list)
    holds: dict[str, list[tuple[ModelGrant, int]]] = field(default_factory=dict)

    def begun(self) -> list[ModelGrant]:
        return [grant for grant in self.grants if grant.effective_at <= self.now]

    def time_passes(self) -> None:
        for grant in self.begun():
            if grant.expires_at is not None and grant.expires_at <= self.now:
                grant.units = [EXPIRED if unit == FREE else unit for unit in grant.units]

    def count(self, state: str) -> int:
        return sum(grant.units.count(state) for grant in self.begun())

    def draw(self, hold: str, amount: int) -> bool:
        if self.count(FREE) < amount:
            return False
        taken = self.holds.setdefault(hold, [])
        for grant in sorted(self.begun(), key=ModelGrant.order):
            for place, unit in enumerate(grant.units):
                if amount and unit == FREE:
                    grant.units[place] = HELD
                    taken.append((grant, place))
                    amount -= 1
        return True

    def settle(self, hold: str, captured: int) -> None:
        for grant, place in self.holds.pop(hold):
            grant.units[place] = CONSUMED if captured else FREE
            captured = max(0, captured - 1)


class LedgerMachine(RuleBasedStateMachine):
    """Grant, hold, capture, release, extend and expire, in any order, under a clock of its own."""

    clone: DatabaseClone

    def __init__(self) -> None:
        super().__init__()
        self.connection = psycopg.connect(self.clone.app_url, autocommit=True)
        self.books = Books(self.connection, uuid7())
        self.books.organization_add()
        self.model = Model()

    def teardown(self) -> None:
        self.connection.close()

    @rule(
        amount=st.integers(1, 20),
        priority=st.sampled_from([10, 50]),
        begins=st.integers(0, 3),
        lasts=st.none() | st.integers(1, 8),
        kind=st.sampled_from(["promotional", "purchased"]),
    )
    def grant(self, amount: int, priority: int, begins: int, lasts: int | None, kind: str) -> None:
        effective_at = self.model.now + timedelta(days=begins)
        expires_at = None if lasts is None else effective_at + timedelta(days=lasts)
        number = len(self.model.grants)
        self.books.grant(
            amount,
            source=f"grant-{number}",
            now=self.model.now,
            kind=kind,
            priority=priority,
            effective_at=effective_at,
            expires_at=expires_at,
        )
        self.model.grants.append(
            ModelGrant(
                number, priority, effective_at, expires_at, kind == "promotional", [FREE] * amount
            )
        )

    @rule(amount=st.integers(1, 15))
    def take(self, amount: int) -> None:
        request = self.books.request(amount)
        accepted = self.books.take(request, now=self.model.now) == [(True, "accepted")]
        assert accepted == self.model.draw(request["hold_id"], amount)

    @rule(data=st.data(), extra=st.integers(0, 5))
    def extend(self, data: st.DataObject, extra: int) -> None:
        hold = self._any_hold(data)
        if hold is not None:
            code = self.books.extend(hold, extra, now=self.model.now)
            assert (code == "extended") == self.model.draw(hold, extra)

    @rule(data=st.data())
    def capture(self, data: st.DataObject) -> None:
        hold = self._any_hold(data)
        if hold is not None:
            captured = data.draw(st.integers(0, len(self.model.holds[hold])))
            settlement = self.books.settlement(UUID(hold), captured)
            first = self.books.settle(settlement, now=self.model.now)
            again = self.books.settle(settlement, now=self.model.now)
            assert first[0][2] == again[0][2] == captured
            assert again[0][0] == "duplicate"
            self.model.settle(hold, captured)

    @rule(data=st.data())
    def expire(self, data: st.DataObject) -> None:
        hold = self._any_hold(data)
        if hold is not None:
            self.books.hold_age(hold)
            self.connection.execute("SELECT hold_reap(1000, %s)", [self.model.now])
            self.model.settle(hold, 0)

    @rule(days=st.integers(1, 4))
    def wait(self, days: int) -> None:
        self.model.now += timedelta(days=days)
        self.model.time_passes()

    @invariant()
    def same(self) -> None:
        self.model.time_passes()
        self.books.sweep(now=self.model.now)
        assert self.books.balance() == {
            "granted": sum(len(grant.units) for grant in self.model.begun()),
            "held": self.model.count(HELD),
            "consumed": self.model.count(CONSUMED),
            "expired": self.model.count(EXPIRED),
            "available": self.model.count(FREE),
        }
        parts = "SELECT source, held, consumed, expired FROM ledger_grant"
        assert {row[0]: row[1:] for row in self.books._in_scope(parts, [])} == {
            f"grant-{grant.number}": tuple(map(grant.units.count, (HELD, CONSUMED, EXPIRED)))
            for grant in self.model.grants
        }
        assert self.books.drift() == []

    def _any_hold(self, data: st.DataObject) -> str | None:
        return data.draw(st.sampled_from(sorted(self.model.holds))) if self.model.holds else None


def test_the_ledger_and_a_naive_model_never_differ(database_clone: DatabaseClone) -> None:
    LedgerMachine.clone = database_clone

    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=10,
            stateful_step_count=30,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
