"""A virtual year, day by day, and its account at the end."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db import connection

from anneal.kernel import clock
from anneal.kernel.scopes import system_scope
from billing.ledger.functions import ledger_sweep
from billing.ledger.models import Balance, GrantKind
from billing.ledger.reconcile import drifts_read
from billing.metering.contracts import UsageEventNew
from billing.metering.services import rollups_advance
from billing.payments.contracts import IntentStatus
from billing.payments.models import PaymentAttempt
from billing.payments.provider import provider_instead
from billing.plans.tasks import renew
from billing.simulation.bargains import bargains_live, subjects_invented
from billing.simulation.customers import TIERED, Customer, coins
from billing.simulation.desk import collect, trade
from billing.simulation.explain import explained
from billing.simulation.explain_payments import Money, money_of_year
from billing.simulation.model import Totals
from billing.simulation.offers import invoice, offer, park, plans_of, redeem
from billing.simulation.relay import Complaints, outbox_clear, relay
from billing.simulation.till import plan_choose, shop
from billing.simulation.world import World

STORAGE: Final = "storage_gb_hour"
_LATE: Final = 29
_DAY: Final = timedelta(days=1)
_SWEEP: Final = 10_000


@dataclass(frozen=True, slots=True)
class Explained:
    """One balance as the ledger and the model tell it."""

    organization: str
    unit: str
    ledger: Totals
    model: Totals


@dataclass(frozen=True, slots=True)
class YearReport:
    """What happened, and what does not agree."""

    counts: dict[str, int]
    balances: tuple[Explained, ...]
    differences: tuple[str, ...]
    drifts: tuple[str, ...]
    money: dict[str, Money]
    """What came and went, by currency."""
    invoices: int
    events: int


def year_simulate(
    *, organizations: int, days: int, seed: int, progress: Callable[[int], None]
) -> YearReport:
    """Live through the days before today; return how everything that tells a number compares."""
    world = World(seed)
    now = year_live(world, organizations=organizations, days=days, progress=progress)
    return year_explain(world, now)


def year_live(
    world: World, *, organizations: int, days: int, progress: Callable[[int], None]
) -> datetime:
    """Let customers come and live until today; return when that is."""
    with provider_instead(world.bank), subjects_invented(), Complaints(world):
        return _live(world, organizations, days, progress)


def _live(world: World, organizations: int, days: int, progress: Callable[[int], None]) -> datetime:
    today = clock.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first = today - days * _DAY
    outbox_clear(first)
    offer(world, first)
    last = max(1, int(days * 0.8 / world.pace))
    joins = sorted(world.chance.randrange(last) for _ in range(organizations))
    joins[0] = 0
    for number in range(days):
        midnight = first + number * _DAY
        for _ in range(joins.count(number)):
            world.sign_up(midnight)
        _day(world, midnight, number)
        progress(number + 1)
    _end(world, today)
    return today


def _day(world: World, midnight: datetime, number: int) -> None:
    with clock.frozen(midnight):
        renew()
    world.learn()
    for customer in world.customers:
        customer.account.left_void(midnight)
    collect(world, midnight)
    bargains_live(world, midnight)
    for hour in (3, 11, 19):
        now = midnight + timedelta(hours=hour, minutes=world.chance.randrange(60))
        _predict(world, now)
        _train(world, now)
        _office(world, now)
    _store(world, midnight + timedelta(hours=23))
    if number % 7 == 6:
        _sum(world, midnight + _DAY)


def _predict(world: World, now: datetime) -> None:
    """Calls in bulk: most are answered, some in part, some not at all."""
    chance = world.chance
    wanted = []
    for customer in world.customers:
        if chance.random() < min(0.7, 0.2 * customer.busy):
            amount = max(1, int(chance.lognormvariate(3, 1.5) * customer.busy))
            kind = chance.choice(["", "", "batch", TIERED])
            wanted.append((customer, "prediction", amount, kind))
    settled = []
    for customer, hold in world.take(wanted, now):
        amount = int(customer.account.holds[hold].amount)
        used = chance.choice([amount, amount, amount, chance.randint(0, amount), 0])
        settled.append((customer, hold, used, False, f"call:{hold}"))
    world.settle(settled, now + timedelta(minutes=1))


def _train(world: World, now: datetime) -> None:
    """Jobs that last for days: begun, charged by segments, ended, or forgotten."""
    chance = world.chance
    wanted = [
        (customer, "trained_token", chance.randrange(10_000, 3_000_000), "")
        for customer in world.customers
        if chance.random() < 0.02
    ]
    for customer, hold in world.take(wanted, now):
        customer.training[hold] = 0
    settled, forgotten = [], []
    for customer in world.customers:
        for hold, segments in list(customer.training.items()):
            taken = customer.account.holds[hold]
            left = int(taken.amount - taken.captured)
            step = chance.random()
            if step < 0.25 and left > 1:
                customer.training[hold] = segments + 1
                units = chance.randint(1, left - 1)
                settled.append((customer, hold, units, True, f"job:{hold}:{segments}"))
            elif step < 0.45:
                units = chance.choice([left, chance.randint(0, left), 0])
                settled.append((customer, hold, units, False, f"job:{hold}:{segments}"))
                del customer.training[hold]
            elif step < 0.48:
                forgotten.append((customer, hold))
                del customer.training[hold]
    world.settle(settled, now)
    world.expire(forgotten, now)


def _office(world: World, now: datetime) -> None:
    """What people do: buy, get credit, change plans, are given something back."""
    chance = world.chance
    for customer in world.customers:
        does = chance.random() / world.pace
        if does < 0.004:
            world.top_up(
                customer,
                now,
                unit="prediction",
                amount=chance.randrange(100, 50_000),
                kind=chance.choice([GrantKind.OPERATOR, GrantKind.PURCHASED]),
                priority=chance.choice([20, 50, 50, 80]),
                expires_at=chance.choice([None, now + chance.randrange(1, 90) * _DAY]),
            )
        elif does < 0.007:
            world.top_up(
                customer,
                now,
                unit=customer.currency,
                amount=coins(chance.randrange(100, 20_000), customer.currency),
                kind=GrantKind.PURCHASED,
                effective_at=now + chance.choice([0, 0, 5]) * _DAY,
                expires_at=now + chance.randrange(10, 365) * _DAY,
            )
        elif does < (0.06 if now.day >= _LATE else 0.012):
            # Most on the days that some months lack.
            plan_choose(world, customer, chance.choice(plans_of(customer)), now)
        elif does < 0.020 and customer.settled:
            world.refund(customer, now)
        elif does < 0.026:
            redeem(world, customer, now)
        elif does < 0.034 and customer.account.rebates:
            invoice(world, customer, now)
        elif world.happens(0.1 if customer.account.parked else 0.002):
            park(world, customer, now)
        trade(world, customer, now)
        shop(world, customer, now)
    relay(world, now)


def _store(world: World, now: datetime) -> None:
    """Stored bytes, charged where grants or money cover them; every tenth report is sent twice."""
    chance = world.chance
    events = [
        UsageEventNew(
            organization_id=customer.ref.id,
            source="storage",
            event_id=f"{now:%Y-%m-%d}",
            meter=STORAGE,
            units=Decimal(chance.randrange(1, 10_000)) / chance.choice([1000, 1000, 10]),
            occurred_at=now - chance.randrange(0, 3) * _DAY,
        )
        for customer in world.customers
    ]
    world.store([event for event in events if chance.random() < 0.1], now)
    world.store(events, now)
    for customer in world.customers:
        customer.account.reported.clear()


def _sum(world: World, now: datetime) -> None:
    more = True
    while more:
        with system_scope("simulation"):
            more = rollups_advance(now=now)
    world.count("times summed up")


def _end(world: World, now: datetime) -> None:
    with clock.frozen(now):
        renew()
        swept = _SWEEP
        # Grants that are over while a hold pins them stay due, so the last batch is not empty.
        while swept == _SWEEP:
            with system_scope("simulation"):
                swept = ledger_sweep(most=_SWEEP)
    world.learn()
    for customer in world.customers:
        customer.account.left_void(now)
    with clock.frozen(now):
        world.bank.end()
    collect(world, now)
    _sum(world, now)
    _payments_count(world)


def year_explain(world: World, now: datetime) -> YearReport:
    """Return how ledger, invoices, payments and the models compare at the end of a year."""
    with system_scope("simulation"):
        drifts = [
            each
            for each in drifts_read()
            if each.organization_id is None or each.organization_id in world.by_id
        ]
        money = money_of_year(world, list(world.by_id))
    balances = balances_explain(world, now)
    return YearReport(
        world.counts,
        tuple(balances),
        tuple(year_differences(world, now, balances)),
        tuple(f"{each.check} {each.organization_id} {each.subject}" for each in drifts),
        money=money,
        invoices=world.counts["invoices"],
        events=sum(world.counts.values()),
    )


def balances_explain(world: World, now: datetime) -> list[Explained]:
    """Return every balance as ledger and models tell it; what either lacks is nothing."""
    with system_scope("simulation"):
        rows = list(Balance.objects.filter(organization_id__in=list(world.by_id)))
    found = {
        (row.organization_id, row.unit): Totals(row.granted, row.held, row.consumed, row.expired)
        for row in rows
    }
    told = {
        (customer.ref.id, unit): totals
        for customer in world.customers
        for unit, totals in sorted(customer.account.totals(now).items())
    }
    return [
        Explained(
            world.by_id[key[0]].ref.slug, key[1], found.get(key, Totals()), told.get(key, Totals())
        )
        for key in [*told, *(found.keys() - told.keys())]
    ]


def year_differences(world: World, now: datetime, balances: Iterable[Explained]) -> Iterator[str]:
    """Tell whatever the books say and nothing explains, and what scheduled work failed at."""
    for each in balances:
        if each.ledger != each.model:
            yield f"{each.organization} {each.unit}: {each.ledger} is not {each.model}"
    with system_scope("simulation"):
        used = _used(world)
    for customer in world.customers:
        yield from _usage_differences(customer, used)
    yield from explained(world, now)
    yield from world.complaints


def _payments_count(world: World) -> None:
    bank = world.bank
    intents = Counter(intent.status for intent in bank.intents.values())
    world.count("card payments", intents[IntentStatus.SUCCEEDED])
    world.count("card payments refused", intents[IntentStatus.FAILED])
    disputes = Counter(dispute.state for dispute in bank.disputes.values())
    for state in ("lost", "won"):
        world.count(f"disputes {state}", disputes[state])
    with system_scope("simulation"):
        bought = PaymentAttempt.objects.filter(
            organization_id__in=list(world.by_id), invoice_id__isnull=True, state="succeeded"
        ).values_list("automatic", flat=True)
        for automatic in bought:
            world.count("automatic top-ups" if automatic else "top-ups on a page")


def _usage_differences(customer: Customer, used: dict[tuple[str, str], Decimal]) -> list[str]:
    mine = {meter: units for (owner, meter), units in used.items() if owner == str(customer.ref.id)}
    if mine == customer.account.events:
        return []
    return [f"{customer.ref.slug}: events tell {mine}, the model {customer.account.events}"]


def _used(world: World) -> dict[tuple[str, str], Decimal]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT organization_id::text, meter, sum(units) FROM metering_usageevent"
            " WHERE organization_id = ANY(%s) GROUP BY 1, 2",
            [list(world.by_id)],
        )
        return {(owner, meter): units for owner, meter, units in cursor.fetchall()}
