"""The naive model's subscription: months counted by hand, in UTC."""

import calendar
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction


@dataclass(frozen=True)
class ModelPlan:
    """A plan, its fee of the whole period and what it gives."""

    code: str
    fee: int
    months: int
    included: int
    line: int = 0


@dataclass(frozen=True)
class PlanGift:
    """A grant of a plan: units for a window, or a credit line."""

    what: str
    kind: str
    amount: Decimal
    begins: datetime
    ends: datetime


@dataclass
class Spell:
    """A time on one plan, on a grid of periods."""

    plan: ModelPlan
    begins: datetime
    anchor: datetime


@dataclass
class ModelSubscription:
    """What plans an organization was on; ``next`` is what waits for the period's end."""

    spells: list[Spell] = field(default_factory=list)
    next: ModelPlan | None = None
    renews_at: datetime | None = None

    def plan_at(self, at: datetime) -> str:
        spell = self._spell(at)
        return spell.plan.code if spell else ""

    def period_begin(self, at: datetime) -> datetime:
        """Return when the period began in which tiers count together."""
        spell = self._spell(at)
        if spell is None:
            return datetime(at.year, at.month, 1, tzinfo=UTC)
        return max(_period(spell, at)[0], spell.anchor)

    def change(
        self, plan: ModelPlan, now: datetime, given: list[PlanGift]
    ) -> tuple[str, list[PlanGift]]:
        """Go on a plan; return what that was and what it gives."""
        if not self.spells:
            self._begin(plan, now, now)
            return "started", self._gifts(now, now, given)
        gifts = self.renew(now, given)
        present = self.spells[-1].plan
        if plan == present:
            kept, self.next = self.next is not None, None
            return ("kept" if kept else "unchanged"), gifts
        more = Fraction(plan.fee, plan.months) - Fraction(present.fee, present.months)
        if more < 0 or (more == 0 and plan.months != present.months):
            self.next = plan
            return "scheduled", gifts
        return "upgraded", gifts + self._upgrade(plan, now, [*given, *gifts])

    def renew(self, now: datetime, given: list[PlanGift]) -> list[PlanGift]:
        """Open the periods that have begun; return what those still open give."""
        gifts: list[PlanGift] = []
        while self.renews_at is not None and self.renews_at <= now:
            border = self.renews_at
            if self.next is not None:
                same = self.next.months == self.spells[-1].plan.months
                self._begin(self.next, border, self.spells[-1].anchor if same else border)
            self.renews_at = _period(self.spells[-1], border)[1]
            if self.renews_at > now:
                gifts += self._gifts(border, border, given)
        return gifts

    def _upgrade(self, plan: ModelPlan, now: datetime, given: list[PlanGift]) -> list[PlanGift]:
        before = self.spells[-1]
        same = before.plan.months == plan.months
        self._begin(plan, now, before.anchor if same else now)
        begin, end = _period(self.spells[-1], now)
        begin = max(begin, self.spells[-1].anchor)
        if not same:
            return self._gifts(now, begin, given)
        left = Fraction(_microseconds(begin, end) - _microseconds(begin, now))
        more = (plan.included - before.plan.included) * left / _microseconds(begin, end)
        return self._gifts(now, begin, given, more)

    def _gifts(
        self, now: datetime, begin: datetime, given: list[PlanGift], more: Fraction | None = None
    ) -> list[PlanGift]:
        """Return the gifts of a window: what the plan gives, less what plans gave for it before."""
        plan, end = self.spells[-1].plan, self.renews_at
        assert end is not None

        def before(what: str) -> Decimal:
            mine = [one for one in given if one.what == what and one.ends == end]
            return sum((one.amount for one in mine if one.begins >= begin), Decimal(0))

        units = Decimal(plan.included) if more is None else _half_up(more)
        units = min(units, plan.included - before("units"))
        line = plan.line - before("line")
        gifts = [
            PlanGift("line", "credit_line", Decimal(line), now, end),
            PlanGift("units", "purchased" if plan.fee else "operator", units, now, end),
        ]
        return [one for one in gifts if one.amount > 0]

    def _begin(self, plan: ModelPlan, at: datetime, anchor: datetime) -> None:
        self.spells.append(Spell(plan, at, anchor))
        self.renews_at, self.next = _period(self.spells[-1], at)[1], None

    def _spell(self, at: datetime) -> Spell | None:
        return next((one for one in reversed(self.spells) if one.begins <= at), None)


def _period(spell: Spell, at: datetime) -> tuple[datetime, datetime]:
    """Count borders from the anchor's day until one lies beyond the moment."""
    number = 0
    while _border(spell.anchor.date(), (number + 1) * spell.plan.months) <= at:
        number += 1
    return (
        _border(spell.anchor.date(), number * spell.plan.months),
        _border(spell.anchor.date(), (number + 1) * spell.plan.months),
    )


def _border(day: date, months: int) -> datetime:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return datetime(year, month + 1, min(day.day, last), tzinfo=UTC)


def _microseconds(begin: datetime, end: datetime) -> int:
    passed = end - begin
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def _half_up(value: Fraction) -> Decimal:
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return exact.quantize(Decimal(1), ROUND_HALF_UP)
