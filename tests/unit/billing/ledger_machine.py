"""A hypothesis machine that does everything with a ledger and a naive model, and compares them."""

from collections import Counter
from copy import deepcopy
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from anneal.kernel import clock
from anneal.kernel.ids import uuid7
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import tenant_scope
from billing.plans.errors import SubscriptionUnchanged
from billing.plans.services import subscription_change
from billing.plans.tasks import renew
from tests.unit.billing.books import Books, Connection
from tests.unit.billing.conftest import NOW
from tests.unit.billing.machine_worlds import WORLDS, World
from tests.unit.billing.naive import CONSUMED, EXPIRED, FREE, HELD, VOIDED, Model, ModelGrant
from tests.unit.billing.naive_plans import ModelSubscription, PlanGift
from tests.unit.billing.threads import organization_of

STEPS = ("grant", "take", "extend", "segment", "capture", "release", "expire", "refund", "plan")
"""What the ledger does; each of these is done often."""
PLANS = ("started", "upgraded", "scheduled", "kept", "unchanged", "renewed", "succeeded")
some_open = precondition(lambda self: any(hold.open for hold in self.model.holds.values()))
some_left = precondition(
    lambda self: any(hold.open and hold.left() for hold in self.model.holds.values())
)
some_used = precondition(lambda self: any(hold.used() for hold in self.model.holds.values()))


def halves(most: int, least: int = 1) -> st.SearchStrategy[Decimal]:
    """Amounts of units, mostly whole ones."""
    return st.one_of(
        st.integers(least, most).map(Decimal),
        st.integers(2 * least, 2 * most).map(lambda number: Decimal(number) / 2),
    )


def up_to(most: Decimal) -> st.SearchStrategy[Decimal]:
    """Amounts of half units up to all there is, and all of it rather often."""
    return st.just(most) | st.integers(1, int(most * 2)).map(lambda number: Decimal(number) / 2)


class LedgerMachine(RuleBasedStateMachine):
    """Everything that moves units and money, in any order, under a clock of its own."""

    connection: Connection
    done: ClassVar[Counter[str]] = Counter()
    """How often each rule did something, over all examples; what it came to beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0

    @initialize(
        world=st.sampled_from(WORLDS),
        promotional=halves(12),
        purchased=halves(12),
        coins=st.integers(1, 100),
    )
    def open_account(
        self, world: World, promotional: Decimal, purchased: Decimal, coins: int
    ) -> None:
        """Something to draw from, of every sort: else most steps would find nothing to do."""
        self.world = world
        self.books = Books(self.connection, uuid7(), world.unit)
        self.books.organization_add()
        limit, money_limit = Decimal(60), world.coin * world.purse * 2
        self.limits = {
            "thing": self.books.limit(limit, window="total"),
            "money": self.books.limit(money_limit, window="month", unit=world.currency),
        }
        self.model = Model(
            NOW, world.prices, {"thing": limit, "money": money_limit}, ModelSubscription()
        )
        self.give("thing", promotional, 50, 0, 5, "promotional")
        self.give("thing", purchased, 50, 0, 5, "purchased")
        if coins > 10:
            self.give("money", world.coin * world.purse * coins / 100, 50, 0, 4, "purchased")

    def teardown(self) -> None:
        if not hasattr(self, "books"):
            return
        # Later examples' ticks leave it alone.
        self.books._as_system(
            "UPDATE plans_subscription SET ends_at = 'infinity'"
            " WHERE organization_id = %s AND ends_at IS NULL RETURNING 1",
            [self.books.organization_id],
        )

    @rule(
        amount=halves(20),
        priority=st.sampled_from([10, 50]),
        begins=st.integers(0, 3),
        lasts=st.none() | st.integers(1, 8),
        kind=st.sampled_from(["promotional", "purchased", "operator"]),
    )
    def grant(
        self, amount: Decimal, priority: int, begins: int, lasts: int | None, kind: str
    ) -> None:
        self.give("thing", amount, priority, begins, lasts, kind)
        self.done["grant"] += 1

    @rule(
        coins=st.integers(1, 100),
        priority=st.sampled_from([10, 50]),
        begins=st.integers(0, 3),
        lasts=st.none() | st.integers(1, 8),
        kind=st.sampled_from(["promotional", "purchased", "credit_line"]),
    )
    def grant_money(
        self, coins: int, priority: int, begins: int, lasts: int | None, kind: str
    ) -> None:
        amount = self.world.coin * max(1, self.world.purse * coins // 100)
        self.give("money", amount, priority, begins, lasts, kind)
        self.done["grant"] += 1

    def give(
        self, unit: str, amount: Decimal, priority: int, begins: int, lasts: int | None, kind: str
    ) -> None:
        effective_at = self.model.now + timedelta(days=begins)
        expires_at = None if lasts is None else effective_at + timedelta(days=lasts)
        self.number += 1
        self.of(unit).grant(
            amount,
            source=f"grant-{self.number}",
            now=self.model.now,
            kind=kind,
            priority=priority,
            effective_at=effective_at,
            expires_at=expires_at,
        )
        self.learn((unit, kind, priority, amount, effective_at, expires_at, ""))

    def learn(self, *expected: tuple[Any, ...]) -> None:
        """Tell the model of the grants that came, which are these and no others."""
        names = {self.world.unit: "thing", self.world.currency: "money"}
        known = {grant.id for grant in self.model.grants}
        came = [row for row in self.books.rows(GRANTS) if row[0] not in known]
        told = [(names[row[1]], *row[2:]) for row in came]
        assert sorted(told, key=str) == sorted((one[:-1] for one in expected), key=str)
        left = list(expected)
        for row, said in zip(came, told, strict=True):
            one = next(each for each in left if each[:-1] == said)
            left.remove(one)
            unit, kind, priority, amount, begins, ends, gift = one
            made = ModelGrant(row[0], unit, kind, priority, begins, ends, gift=gift)
            self.model.give(made, amount)

    def learn_gifts(self, gifts: list[PlanGift]) -> None:
        """Plans give units at priority 50, and a credit line after all else."""
        rules = {"units": ("thing", 50), "line": ("money", 100)}
        expected = [
            (rules[one.what][0], one.kind, rules[one.what][1], one.amount, one.begins, one.ends)
            for one in gifts
        ]
        self.learn(*((*row, one.what) for row, one in zip(expected, gifts, strict=True)))

    @rule(plan=st.integers(0, 4), minutes=st.integers(1, 90))
    def change_plan(self, plan: int, minutes: int) -> None:
        """What costs more begins now, what costs less at the period's end."""
        self.model.now += timedelta(minutes=minutes)
        wanted, before = self.world.plans()[plan], deepcopy(self.model.subscription)
        what, gifts = self.model.subscription.change(wanted, self.model.now, self.model.gifts())
        organization = organization_of(self.books)
        try:
            with clock.frozen(self.model.now), tenant_scope(organization):
                subscription_change(
                    organization=organization, actor=SYSTEM_ACTOR, plan=wanted.code, assigned=True
                )
        except SubscriptionUnchanged:
            assert what == "unchanged"
            # A renewal that was due and came with it is undone as well.
            self.model.subscription = before
        else:
            assert what != "unchanged"
            self.learn_gifts(gifts)
            self.done["plan"] += 1
        self.done[what] += 1

    @rule(hours=st.integers(1, 60) | st.integers(1, 1200), tick=st.booleans() | st.just(True))
    def wait(self, hours: int, tick: bool) -> None:
        """Time passes; the scheduler looks at subscriptions, or is late."""
        self.model.now += timedelta(hours=hours)
        self.model.time_passes()
        self.done["wait"] += 1
        if tick:
            before = deepcopy(self.model.subscription)
            gifts = self.model.subscription.renew(self.model.now, self.model.gifts())
            with clock.frozen(self.model.now):
                renew()
            self.learn_gifts(gifts)
            self.done["renewed"] += before.renews_at != self.model.subscription.renews_at
            self.done["succeeded"] += len(before.spells) < len(self.model.subscription.spells)

    @rule(
        holds=st.lists(
            st.tuples(halves(15), st.sampled_from(["", "", "batch"])), min_size=1, max_size=3
        )
    )
    def take(self, holds: list[tuple[Decimal, str]]) -> None:
        """Decide some calls at once, in their order."""
        requests = [
            self.books.request(float(amount), dims={"channel": channel} if channel else {})
            for amount, channel in holds
        ]
        told = [code for _, code in self.books.take(*requests, now=self.model.now)]
        expected = [
            self.model.draw(request["hold_id"], amount, channel)
            for request, (amount, channel) in zip(requests, holds, strict=True)
        ]
        assert told == expected
        self.done["take"] += 1
        self.done.update(told)

    @some_open
    @rule(data=st.data(), extra=st.just(Decimal(0)) | halves(9))
    def extend(self, data: st.DataObject, extra: Decimal) -> None:
        hold = self.pick(data, "open")
        channel = self.model.holds[hold].channel
        dims = {"channel": channel} if channel else {}
        code = self.books.extend(hold, float(extra), now=self.model.now, dims=dims)
        assert code.replace("extended", "accepted") == self.model.draw(hold, extra)
        self.done["extend"] += 1
        self.done[f"{code}, more"] += 1

    @some_left
    @rule(data=st.data())
    def segment(self, data: st.DataObject) -> None:
        hold = self.pick(data, "left")
        amount = data.draw(up_to(self.model.holds[hold].left()))
        self.number += 1
        part = {"hold_id": hold}, float(amount), f"{hold}:{self.number}"
        assert self.books.segment(*part, now=self.model.now)[:2] == ("captured", "held")
        assert self.books.segment(*part, now=self.model.now)[:2] == ("duplicate", "held")
        self.model.capture(hold, amount, closing=False)
        self.done["segment"] += 1

    @some_left
    @rule(data=st.data())
    def capture(self, data: st.DataObject) -> None:
        hold = self.pick(data, "left")
        self.settle(hold, data.draw(up_to(self.model.holds[hold].left())))
        self.done["capture"] += 1

    @some_open
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        self.settle(self.pick(data, "open"), Decimal(0))
        self.done["release"] += 1

    def settle(self, hold: str, amount: Decimal) -> None:
        settlement = self.books.settlement(UUID(hold), float(amount))
        first = self.books.settle(settlement, now=self.model.now)
        assert first[0][0] == ("captured" if amount else "released")
        again = self.books.settle(settlement, now=self.model.now)
        assert again == [("duplicate", *first[0][1:])]
        self.model.capture(hold, amount, closing=True)

    @some_open
    @rule(data=st.data())
    def expire(self, data: st.DataObject) -> None:
        hold = self.pick(data, "open")
        self.books.hold_age(hold)
        self.books.reap(now=self.model.now)
        self.model.release(hold)
        self.done["expire"] += 1

    @some_used
    @rule(data=st.data())
    def refund(self, data: st.DataObject) -> None:
        hold = self.pick(data, "used")
        used = self.model.holds[hold].used()
        amount = data.draw(up_to(used) | st.just(used + Decimal("0.5")))
        self.number += 1
        key = f"r{self.number}"
        for again in ("refunded", "duplicate"):
            code = self.books.refund(UUID(hold), amount, key=key, now=self.model.now)
            assert code[0] == (again if amount <= used else "exceeds_capture")
        if amount > used:
            self.done["refund refused"] += 1
            return
        now, until = self.model.now, self.model.now + timedelta(days=30)
        self.learn(
            *(
                (old.unit, old.kind, old.priority, given, now, until, "")
                for old, given in self.model.refund(hold, amount)
            )
        )
        self.done["refund"] += 1

    @rule(unit=st.sampled_from(["thing", "money"]), more=st.integers(1, 40))
    def raise_limit(self, unit: str, more: int) -> None:
        """Budgets count for ever, so most steps would be refused without more of them."""
        step = Decimal(more) if unit == "thing" else self.world.coin * self.world.purse * more / 40
        self.model.limits[unit] += step
        self.books._in_scope(
            "UPDATE ledger_spendinglimit SET amount = %s WHERE id = %s",
            [self.model.limits[unit], self.limits[unit]],
        )
        self.done["limit"] += 1

    @invariant()
    def same(self) -> None:
        if not hasattr(self, "model"):
            return
        self.model.time_passes()
        self.books.sweep(now=self.model.now)
        for name in ("thing", "money"):
            assert self.of(name).balance() == {
                "granted": self.model.count(name, FREE, HELD, CONSUMED, EXPIRED),
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
        counts = "SELECT limit_id, begins_at, held + used FROM ledger_limitcount"
        for limit_id, window, count in self.books.rows(counts):
            money = limit_id == self.limits["money"]
            assert count == (self.model.spent(window) if money else self.model.counted())
        assert self.books.drift() == []

    def of(self, unit: str) -> Books:
        return self.books if unit == "thing" else self.books.money(self.world.currency)

    def pick(self, data: st.DataObject, what: str) -> str:
        """Choose a hold that is open, has something left, or has something to refund."""
        fits = {
            "open": lambda hold: hold.open,
            "left": lambda hold: hold.open and hold.left() > 0,
            "used": lambda hold: hold.used() > 0,
        }[what]
        names = [name for name, hold in self.model.holds.items() if fits(hold)]
        return data.draw(st.sampled_from(names))


GRANTS = "SELECT id, unit, kind, priority, amount, effective_at, expires_at FROM ledger_grant"
