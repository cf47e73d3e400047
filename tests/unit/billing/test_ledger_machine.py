"""The ledger against a naive model that keeps every unit and coin as an item of a list."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from anneal.kernel.ids import uuid7
from tests.unit.billing.books import Books
from tests.unit.billing.naive import CONSUMED, EXPIRED, FREE, HELD, VOIDED, Model, ModelGrant
from tests.unit.conftest import DatabaseClone

LIMIT = 40
some_open = precondition(lambda self: any(hold.open for hold in self.model.holds.values()))
some_used = precondition(lambda self: any(hold.used() for hold in self.model.holds.values()))
UNITS = {"thing": "machine_thing", "USD": "USD"}


class LedgerMachine(RuleBasedStateMachine):
    """Everything that moves units and money, in any order, under a clock of its own."""

    clone: DatabaseClone

    def __init__(self) -> None:
        super().__init__()
        self.connection = psycopg.connect(self.clone.app_url, autocommit=True)
        self.books = Books(self.connection, uuid7(), UNITS["thing"])
        self.books.organization_add()
        self.limit_id = self.books.limit(LIMIT, window="total")
        self.model = Model(LIMIT)
        self.number = 0

    def teardown(self) -> None:
        self.connection.close()

    @initialize(promotional=st.integers(1, 12), purchased=st.integers(1, 12))
    def open_account(self, promotional: int, purchased: int) -> None:
        """Something to draw from, of every sort: else most steps would find nothing to do."""
        self.give("thing", promotional, 50, 0, 5, "promotional")
        self.give("thing", purchased, 50, 0, 5, "purchased")
        self.give("USD", purchased, 50, 0, 4, "purchased")
        self.give("USD", 10, 100, 0, None, "credit_line")

    @rule(
        unit=st.sampled_from(["thing", "thing", "USD"]),
        amount=st.integers(1, 20),
        priority=st.sampled_from([10, 50]),
        begins=st.integers(0, 3),
        lasts=st.none() | st.integers(1, 8),
        kind=st.sampled_from(["promotional", "purchased", "credit_line"]),
    )
    def grant(
        self, unit: str, amount: int, priority: int, begins: int, lasts: int | None, kind: str
    ) -> None:
        self.give(unit, amount, priority, begins, lasts, kind)

    def give(
        self, unit: str, amount: int, priority: int, begins: int, lasts: int | None, kind: str
    ) -> None:
        kind = "operator" if (unit, kind) == ("thing", "credit_line") else kind
        effective_at = self.model.now + timedelta(days=begins)
        expires_at = None if lasts is None else effective_at + timedelta(days=lasts)
        self.number += 1
        books = self.books if unit == "thing" else self.books.money()
        grant_id = books.grant(
            amount,
            source=f"grant-{self.number}",
            now=self.model.now,
            kind=kind,
            priority=priority,
            effective_at=effective_at,
            expires_at=expires_at,
        )
        self.model.grants.append(
            ModelGrant(grant_id, unit, kind, priority, effective_at, expires_at, [FREE] * amount)
        )

    @rule(amount=st.integers(1, 20))
    def change_plan(self, amount: int) -> None:
        """What is unspent of the old plan's units goes, the new plan's come; the rest stays."""
        for old in [one for one in self.model.grants if one.kind == "operator"]:
            self.books._in_scope(
                "SELECT grant_void(%s, %s, %s)",
                [self.books.organization_id, old.id, self.model.now],
            )
            self.model.time_passes()
            old.states = [VOIDED if one == FREE else one for one in old.states]
        self.give("thing", amount, 50, 0, 30, "operator")

    @rule(amount=st.integers(1, 15))
    def take(self, amount: int) -> None:
        request = self.books.request(amount)
        ((_, code),) = self.books.take(request, now=self.model.now)
        assert code == self.model.draw(request["hold_id"], amount)

    @some_open
    @rule(data=st.data(), extra=st.integers(0, 5))
    def extend(self, data: st.DataObject, extra: int) -> None:
        hold = self._open(data)
        code = self.books.extend(hold, extra, now=self.model.now)
        assert code.replace("extended", "accepted") == self.model.draw(hold, extra)

    @some_open
    @rule(data=st.data())
    def segment(self, data: st.DataObject) -> None:
        hold = self._open(data)
        if left := self.model.holds[hold].left():
            amount = data.draw(st.integers(1, left))
            self.number += 1
            part = {"hold_id": hold}, amount, f"{hold}:{self.number}"
            assert self.books.segment(*part, now=self.model.now)[:2] == ("captured", "held")
            assert self.books.segment(*part, now=self.model.now)[:2] == ("duplicate", "held")
            self.model.capture(hold, amount, closing=False)

    @some_open
    @rule(data=st.data())
    def capture(self, data: st.DataObject) -> None:
        hold = self._open(data)
        amount = data.draw(st.integers(0, self.model.holds[hold].left()))
        settlement = self.books.settlement(UUID(hold), amount)
        first = self.books.settle(settlement, now=self.model.now)
        again = self.books.settle(settlement, now=self.model.now)
        assert again == [("duplicate", *first[0][1:])]
        self.model.capture(hold, amount, closing=True)

    @some_open
    @rule(data=st.data())
    def expire(self, data: st.DataObject) -> None:
        hold = self._open(data)
        self.books.hold_age(hold)
        self.books.reap(now=self.model.now)
        self.model.release(hold)

    @some_used
    @rule(data=st.data())
    def refund(self, data: st.DataObject) -> None:
        holds = self.model.holds.items()
        hold = data.draw(st.sampled_from(sorted(name for name, one in holds if one.used())))
        used = self.model.holds[hold].used()
        amount = data.draw(st.integers(1, used) | st.just(used + 1))
        self.number += 1
        for again in ("refunded", "duplicate"):
            code = self.books.refund(UUID(hold), amount, key=f"r{self.number}", now=self.model.now)
            assert code[0] == (again if amount <= used else "exceeds_capture")
        if amount <= used:
            for old, units in self.model.refund(hold, amount):
                ((grant_id,),) = self.books._in_scope(
                    "SELECT id FROM ledger_grant WHERE source LIKE %s ORDER BY id DESC LIMIT 1",
                    [f"refund:%:{old.id}"],
                )
                self.model.anew(grant_id, old, units)

    @rule(days=st.integers(1, 4))
    def wait(self, days: int) -> None:
        self.model.now += timedelta(days=days)
        self.model.time_passes()

    @rule(more=st.integers(1, 40))
    def raise_limit(self, more: int) -> None:
        self.model.limit += more
        self.books._in_scope(
            "UPDATE ledger_spendinglimit SET amount = %s WHERE id = %s",
            [self.model.limit, self.limit_id],
        )

    @invariant()
    def same(self) -> None:
        self.model.time_passes()
        self.books.sweep(now=self.model.now)
        for name, unit in UNITS.items():
            granted = self.model.count(name, FREE, HELD, CONSUMED, EXPIRED)
            assert Books(self.connection, self.books.organization_id, unit).balance() == {
                "granted": granted,
                "held": self.model.count(name, HELD),
                "consumed": self.model.count(name, CONSUMED),
                "expired": self.model.count(name, EXPIRED),
                "available": self.model.count(name, FREE),
            }
        parts = "SELECT id, held, consumed, expired, voided FROM ledger_grant"
        assert {row[0]: row[1:] for row in self.books.rows(parts)} == {
            grant.id: tuple(map(grant.count, (HELD, CONSUMED, EXPIRED, VOIDED)))
            for grant in self.model.grants
        }
        counts = self.books.rows("SELECT held + used FROM ledger_limitcount")
        assert sum(row[0] for row in counts) == self.model.counted()
        assert self.books.drift() == []

    def _open(self, data: st.DataObject) -> str:
        holds = self.model.holds.items()
        return data.draw(st.sampled_from(sorted(name for name, hold in holds if hold.open)))


def run(clone: DatabaseClone, examples: int, steps: int) -> None:
    LedgerMachine.clone = clone
    with psycopg.connect(clone.app_url, autocommit=True) as connection, connection.transaction():
        connection.execute("SET LOCAL ROLE anneal_system")
        meter: Any = connection.execute(
            "INSERT INTO prices_meter (id, created_at, code, name_en, name_zh, unit_en, unit_zh)"
            " VALUES (gen_random_uuid(), now(), %s, 'Things', '物', 'thing', '个')"
            " ON CONFLICT (code) DO NOTHING RETURNING id",
            [UNITS["thing"]],
        ).fetchone()
        if meter:
            connection.execute(
                "INSERT INTO prices_price (id, created_at, meter_id, version, currency,"
                " effective_at, plan, model, match, unit_amount)"
                " VALUES (gen_random_uuid(), now(), %s, 1, 'USD', '2020-01-01', '', 'per_unit',"
                " '{}', 1)",
                [meter[0]],
            )
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_ledger_and_a_naive_model_never_differ(database_clone: DatabaseClone) -> None:
    run(database_clone, examples=10, steps=30)


@pytest.mark.slow
def test_ten_thousand_steps_of_the_ledger_and_the_model_never_differ(
    database_clone: DatabaseClone,
) -> None:
    run(database_clone, examples=100, steps=100)
