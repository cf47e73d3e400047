"""The simulated customers, and their calls to the real services."""

import json
import random
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID, uuid5

from django.db import connection

from anneal.kernel import clock
from anneal.kernel.errors import DomainError
from anneal.kernel.ids import uuid7
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import system_scope, tenant_scope
from billing.invoices.contracts import Profile
from billing.invoices.services import profile_set
from billing.ledger.errors import CurrencyMismatch
from billing.ledger.functions import hold_reap
from billing.ledger.models import Grant
from billing.ledger.services import balance_grant, hold_refund, limit_set, usage_charge
from billing.ledger.services.charges import MOST
from billing.metering.contracts import UsageEventNew
from billing.plans.services import subscription_cancel
from billing.prices.currency import DEFAULT
from billing.simulation.bank import Bank
from billing.simulation.customers import (
    CARDS,
    COUNTRIES,
    CURRENCIES,
    DIMS,
    HAPPENS,
    TIERED,
    ZONES,
    Booked,
    Customer,
    Disagreement,
)
from billing.simulation.model import Budget, Lot, Tariff
from tenants.accounts.services import (
    organization_create,
    organization_draft,
    user_create_verified,
)

_DECIDED: Final = {
    "accepted": "holds",
    "quota_exhausted": "refusals",
    "limit_reached": "refusals by a budget",
    "account_parked": "refusals while parked",
}
_REMEMBERED: Final = 50
HOLD_SECONDS: Final = 2_592_000
"""By the database's clock, which no simulation turns: an open hold ends only when it is made to."""


class World:
    """All customers, a source of chance, and the ledger."""

    def __init__(self, seed: int, *, pace: float = 1) -> None:
        self.chance = random.Random(seed)  # noqa: S311 # chance that can be repeated, no secret
        self.tariffs: dict[tuple[str, str, str], Tariff] = {}
        """By currency, meter and kind of call."""
        self.codes: tuple[str, ...] = ()
        self.customers: list[Customer] = []
        self.by_id: dict[UUID, Customer] = {}
        self.counts = dict.fromkeys(HAPPENS, 0)
        self.office = random.Random(f"{seed}:office")  # noqa: S311 # as above
        self.pace = pace
        """How much more often than in a year people do something, for years that are short."""
        self.booked = Booked()
        self.bank = Bank(seed, pace)
        self.complaints: list[str] = []
        """What scheduled work said has failed."""
        self.newest_invoice: UUID | None = None
        self._numbers: dict[str, int] = {}
        self._seen: datetime | None = None

    def count(self, what: str, number: int = 1) -> None:
        """Keep how often something happened."""
        self.counts[what] = self.counts.get(what, 0) + number

    def happens(self, likely: float) -> bool:
        """Say whether something happens that is so likely at the year's own pace."""
        return self.office.random() < likely * self.pace

    def number(self, of: str) -> int:
        """Return the next number of something, such as a page: the same in every year of a seed."""
        self._numbers[of] = self._numbers.get(of, 0) + 1
        return self._numbers[of]

    def tariff(self, customer: Customer, unit: str, kind: str) -> Tariff | None:
        """Return what units cost the customer: its kind's own price, else the meter's."""
        currency = customer.account.currency
        own = self.tariffs.get((currency, unit, kind))
        return own or self.tariffs.get((currency, unit, ""))

    def sign_up(self, now: datetime) -> None:
        """Make an organization; its trial comes with it."""
        number = len(self.customers)
        with clock.frozen(now):
            ref = organization_draft(f"sim-{number}")
            owner = user_create_verified(email=f"{ref.slug}@simulated.example", password=None)
            with tenant_scope(ref):
                organization_create(
                    organization=ref, actor=SYSTEM_ACTOR, name=f"Sim {number}", owner_id=owner.id
                )
        customer = Customer(
            ref,
            busy=self.chance.paretovariate(1.5),
            currency=CURRENCIES[number % len(CURRENCIES)],
            zone=ZONES[number % len(ZONES)],
            country=COUNTRIES[number % len(COUNTRIES)],
            tax_id=f"X{number}" if number % 12 == 1 else "",
            prompt=0.02 if number % 6 == 3 else 0.3,
            card=CARDS[number % len(CARDS)],
        )
        with clock.frozen(now), tenant_scope(ref):
            profile_set(
                organization=ref,
                actor=SYSTEM_ACTOR,
                profile=Profile(
                    legal_name=f"Sim {number}", country=customer.country, tax_id=customer.tax_id
                ),
            )
        if number % 3 == 1:
            most = Decimal(self.chance.choice([300, 3_000, 30_000]))
            customer.account.budget = Budget("prediction", most)
            with clock.frozen(now), tenant_scope(ref):
                limit_set(organization=ref, unit="prediction", window="month", amount=most)
            self.count("budgets")
        self.customers.append(customer)
        self.by_id[ref.id] = customer
        self.learn()
        self.count("sign-ups")

    def learn(self) -> None:
        """Tell the models of grants that were made since."""
        with system_scope("simulation"):
            rows = Grant.objects.order_by("created_at")
            if self._seen is not None:
                rows = rows.filter(created_at__gte=self._seen)
            for row in rows:
                self._seen = row.created_at
                customer = self.by_id.get(row.organization_id)
                if customer is None or row.id in customer.account.lots:
                    continue
                customer.account.grant(lot_of(row))

    def top_up(self, customer: Customer, now: datetime, **grant: Any) -> None:
        """Let the operator grant something."""
        customer.grants += 1
        try:
            with clock.frozen(now), tenant_scope(customer.ref):
                balance_grant(organization=customer.ref, source=f"sim:{customer.grants}", **grant)
        except CurrencyMismatch:
            if customer.account.currency in ("", grant["unit"]):
                raise
            self.count("grants refused")
            return
        self.learn()
        self.count("grants")

    def leave(self, customer: Customer, now: datetime, *, at_once: bool) -> None:
        """Let the customer leave a plan that is paid."""
        try:
            with clock.frozen(now), tenant_scope(customer.ref):
                subscription_cancel(organization=customer.ref, actor=SYSTEM_ACTOR, at_once=at_once)
        except DomainError:
            self.count("cancellations refused")
            return
        self.learn()
        if at_once:
            customer.account.plan_left(now)
        self.count("cancellations at once" if at_once else "cancellations")

    def take(
        self, wanted: Sequence[tuple[Customer, str, int, str]], now: datetime
    ) -> list[tuple[Customer, UUID]]:
        """Ask for (customer, unit, amount, kind) all at once; return what was accepted."""
        asked = [_request(*each) for each in wanted]
        if not asked:
            return []
        # A retry of one in thirty: it must not take twice.
        again = [request for request in asked if self.chance.random() < 1 / 30]
        rows = _call("SELECT accepted, code FROM hold_take(%s::jsonb, %s)", [*asked, *again], now)
        periods = self._periods(
            [customer for customer, _, _, kind in wanted if kind == TIERED], now
        )
        accepted = []
        for request, (customer, unit, amount, kind), (yes, code) in zip(
            asked, wanted, rows, strict=False
        ):
            hold, account = UUID(str(request["hold_id"])), customer.account
            told = account.take(
                hold,
                unit,
                Decimal(amount),
                self.tariff(customer, unit, kind),
                now,
                period=periods[customer.ref.id] if kind == TIERED else "",
            )
            if told != code:
                raise Disagreement(
                    f"{customer.ref.slug} at {now}: {request} was {code}, not {told}"
                )
            self.count(_DECIDED[told])
            if yes:
                accepted.append((customer, hold))
                paid = bool(account.holds[hold].charges)
                self.count("holds in tiers paid", paid and kind == TIERED)
                self.count(f"holds paid in {account.currency or DEFAULT}", paid)
        for request, (yes, code) in zip(again, rows[len(asked) :], strict=True):
            first = next(row for each, row in zip(asked, rows, strict=False) if each is request)
            if (yes, code) != ((True, "duplicate") if first[0] else (False, first[1])):
                raise Disagreement(f"the retry of {request} was {code}")
        return accepted

    def settle(
        self, wanted: Iterable[tuple[Customer, UUID, int, bool, str]], now: datetime
    ) -> None:
        """Capture (customer, hold, units, keep, event name) all at once; no units is a release."""
        sent = []
        for customer, hold, units, keep, name in wanted:
            named: dict[str, Any] = {"event_id": name}
            if 0 < units <= 5 and not keep:
                named = {"ids": [str(uuid7()) for _ in range(units)]}
            settlement = {
                "organization_id": str(customer.ref.id),
                "hold_id": str(hold),
                "captured": units,
                "source": "simulation",
                "model": self.chance.choice(["sentiment-en", "sentiment-zh"]),
                "occurred_at": now.isoformat(),
                **(named if units else {}),
                **({"keep": True} if keep else {}),
            }
            sent.append(settlement)
            customer.account.capture(hold, Decimal(units), keep=keep)
            if not keep:
                self._settled(customer, hold)
        if not sent:
            return
        for attempt in (sent, [one for one in sent if self.chance.random() < 1 / 30]):
            if not attempt:
                continue
            rows = _call("SELECT code FROM hold_settle(%s::jsonb, %s)", attempt, now)
            good = {"captured", "released"} if attempt is sent else {"duplicate"}
            for settlement, (code,) in zip(attempt, rows, strict=True):
                if code not in good:
                    raise Disagreement(f"{now}: {settlement} was {code}")
        self.count("settlements", len(sent))

    def _settled(self, customer: Customer, hold: UUID) -> None:
        """Remember the last holds that may be refunded, and forget the others."""
        taken = customer.account.holds[hold]
        if taken.captured and not taken.period:
            customer.settled.append(hold)
        else:
            del customer.account.holds[hold]
        if len(customer.settled) > _REMEMBERED:
            del customer.account.holds[customer.settled.pop(0)]

    def store(self, events: Sequence[UsageEventNew], now: datetime) -> None:
        """Report usage that no hold was taken for; what was reported before changes nothing."""
        for first in range(0, len(events), MOST):
            batch = events[first : first + MOST]
            with clock.frozen(now), system_scope("simulation"):
                charged = usage_charge(events=batch)
            expected = sum(self._stored(event, now) for event in batch)
            if charged != expected:
                raise Disagreement(f"{now}: {charged} of {len(batch)} events paid, not {expected}")

    def _stored(self, event: UsageEventNew, now: datetime) -> bool:
        """Say whether the event has a hold, by what the model says when it is first told of it."""
        account = self.by_id[event.organization_id].account
        name = uuid5(event.organization_id, f"{event.source}:{event.event_id}")
        if name not in account.reported:
            tariff = self.tariff(self.by_id[event.organization_id], event.meter, "")
            listed = any(meter == event.meter for _, meter, _ in self.tariffs)
            account.reported[name] = account.happened(
                event.meter, event.units, tariff, now, listed=listed
            )
            self.count("stored, charged" if account.reported[name] else "stored, only counted")
        return account.reported[name]

    def expire(self, holds: Sequence[tuple[Customer, UUID]], now: datetime) -> None:
        """Let the database's clock run out on open holds, and reap them."""
        if not holds:
            return
        with clock.frozen(now), system_scope("simulation"):
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE ledger_hold SET expires_at = clock_timestamp() - interval '1 s'"
                    " WHERE id = ANY(%s)",
                    [[hold for _, hold in holds]],
                )
                hold_reap(most=1000)
                cursor.execute(
                    "SELECT count(*) FROM ledger_hold WHERE id = ANY(%s) AND state = 'expired'",
                    [[hold for _, hold in holds]],
                )
                (expired,) = cursor.fetchone()
            if expired != len(holds):
                raise Disagreement(f"{now}: {expired} of {len(holds)} holds expired")
        for customer, hold in holds:
            customer.account.capture(hold, Decimal(0))
        self.count("expired holds", len(holds))

    def refund(self, customer: Customer, now: datetime) -> None:
        """Give back a part of something settled."""
        hold = self.chance.choice(customer.settled)
        taken = customer.account.holds[hold]
        left = int(taken.captured - taken.refunded)
        if left < 1:
            return
        units = self.chance.randint(1, left)
        with clock.frozen(now), tenant_scope(customer.ref):
            hold_refund(
                organization=customer.ref,
                hold_id=hold,
                amount=units,
                key=f"sim:{hold}:{taken.refunded}",
                reason="simulation",
            )
        anew = customer.account.refund(hold, Decimal(units), now)
        before = set(customer.account.lots)
        self.learn()
        found = [lot for lot in customer.account.lots.values() if lot.id not in before]
        if sorted(anew) != sorted((lot.unit, lot.amount) for lot in found):
            raise Disagreement(f"{now}: the refund of {hold} granted {found}, not {anew}")
        self.count("refunds")

    def _periods(self, customers: Sequence[Customer], now: datetime) -> dict[UUID, str]:
        """Return when the period began that tiers count from: plans decide it, not the ledger."""
        if not customers:
            return {}
        with system_scope("simulation"), connection.cursor() as cursor:
            cursor.execute(
                "SELECT o, lower(billing_period(o, %s))::text FROM unnest(%s::uuid[]) o",
                [now, [customer.ref.id for customer in customers]],
            )
            return dict(cursor.fetchall())


def lot_of(row: Grant) -> Lot:
    """Return a grant as the model keeps it."""
    return Lot(
        id=row.id,
        unit=row.unit,
        kind=row.kind,
        priority=row.priority,
        begins=row.effective_at,
        ends=row.expires_at,
        amount=row.amount,
        source=row.source,
    )


def _call(statement: str, items: list[dict[str, Any]], now: datetime) -> list[tuple[Any, ...]]:
    with system_scope("simulation"), connection.cursor() as cursor:
        cursor.execute(statement, [json.dumps(items), now])
        return list(cursor.fetchall())


def _request(customer: Customer, unit: str, amount: int, kind: str) -> dict[str, Any]:
    return {
        "organization_id": str(customer.ref.id),
        "hold_id": str(uuid7()),
        "unit": unit,
        "amount": amount,
        "ttl_seconds": HOLD_SECONDS,
        "source": "simulation",
        "dims": DIMS[kind],
    }
