"""All that locks the books at once, over several organizations: nobody waits in a ring.

Everything takes its locks in one order: the organization's row, its subscription, a code, the
account's row (or, where there is none, that nobody makes one), balances by organization and unit,
and below these what only their holder touches. Who needs several organizations takes them in order.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.db import Error, connection

from anneal.kernel import clock
from anneal.kernel.errors import DomainError
from anneal.kernel.ids import uuid7
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger import functions
from billing.ledger.models import Grant, Hold
from billing.ledger.reconcile import drifts_read
from billing.ledger.services import (
    account_park,
    account_unpark,
    balance_grant,
    balance_grant_set,
    balance_void,
    grants_end,
    hold_capture_segment,
    hold_extend,
    hold_quote,
    hold_refund,
    hold_release,
    hold_take,
    holds_expire,
    limit_remove,
    limit_set,
    usage_charge,
)
from billing.ledger.tasks import notify
from billing.metering.services import rollups_advance
from billing.plans.models import Subscription
from billing.plans.services import subscription_cancel, subscription_change
from billing.plans.tasks import renew
from billing.promotions.contracts import PromotionKind, PromotionTerms
from billing.promotions.services import promotion_add, promotion_redeem
from tenants.accounts.services.organizations import (
    organization_lock,
    organization_rename,
    organization_restore,
    organization_suspend,
)
from tests.unit.billing.books import Books
from tests.unit.billing.conftest import NOW
from tests.unit.billing.metering import event
from tests.unit.billing.threads import at_once, organization_of
from tests.unit.conftest import DatabaseClone

WORKERS = 12
OWNERS = 6
PLAIN = 2
"""How many of them stay without an account's row: their calls meet at the balances alone."""
UNITS = ("prediction", "trained_token")


def test_whoever_changes_an_organization_keeps_none_of_its_calls_waiting(
    database_clone: DatabaseClone, books: Books, django_db_setup: None, django_db_blocker: Any
) -> None:
    """A suspension pauses jobs whose workers hold their rows and write on: it would meet them."""
    locked, done = threading.Event(), threading.Event()
    organization = organization_of(books)

    def change() -> None:
        with django_db_blocker.unblock():
            with tenant_scope(organization):
                organization_lock(organization)
                locked.set()
                assert done.wait(30)
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        changing = pool.submit(change)
        try:
            assert locked.wait(30)
            with psycopg.connect(database_clone.app_url, autocommit=True) as link:
                link.execute("SET lock_timeout = '3s'")
                mine = Books(link, books.organization_id)
                mine.grant(5, source="gift", now=NOW)
                assert mine.take(mine.request(1), now=NOW) == [(True, "accepted")]
        finally:
            done.set()
        changing.result(30)


@pytest.fixture
def owners(
    books: Books, django_db_setup: None, django_db_blocker: Any
) -> Iterator[list[OrganizationRef]]:
    """Organizations of every sort, committed; their plans and limits are over afterwards."""
    made = [books, *(Books(books.connection, uuid7()) for _ in range(OWNERS - 1))]
    for number, one in enumerate(made):
        if number:
            one.organization_add()
        if number >= PLAIN:
            one.money().grant(1_000, source="paid", now=NOW, kind="purchased")
    with django_db_blocker.unblock():
        yield [organization_of(one) for one in made]
        connection.close()
    ids = [one.organization_id for one in made]
    with books.connection.transaction():
        books.connection.execute("SET LOCAL ROLE anneal_system")
        for statement in (
            "UPDATE plans_subscription SET ends_at = 'infinity', next_version_id = NULL,"
            " ends_with_period = false WHERE ends_at IS NULL AND organization_id = ANY(%s)",
            "UPDATE ledger_customeraccount SET parked_at = NULL, parked_reason = ''"
            " WHERE organization_id = ANY(%s)",
            "UPDATE accounts_organization SET suspended_at = NULL, suspended_reason = ''"
            " WHERE id = ANY(%s)",
        ):
            books.connection.execute(statement, [ids])


@pytest.mark.parametrize("seconds", [6, pytest.param(40, marks=pytest.mark.slow)])
def test_whatever_happens_at_once_nobody_is_ended_for_a_ring_of_locks(
    owners: list[OrganizationRef], books: Books, caplog: pytest.LogCaptureFixture, seconds: int
) -> None:
    code, before = _code(), _rings(books)
    until = time.monotonic() + seconds
    done: Counter[str] = Counter()
    faults: list[tuple[str, str]] = []
    ready = threading.Barrier(WORKERS)

    def work(number: int) -> None:
        chance = random.Random(number)
        actions = [*ALONE.items(), *TOGETHER.items()]
        ready.wait(30)
        while time.monotonic() < until:
            name, action = chance.choice(actions)
            try:
                action(chance, owners, code)
                done[name] += 1
            except DomainError as error:
                done[f"{name}: {error.code}"] += 1
            except Error as error:
                faults.append((name, str(error)))

    at_once(WORKERS, work)

    assert faults == []
    # Tasks log what fails and go on.
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
    assert _rings(books) == before
    happened = {name.partition(":")[0] for name in done if ":" not in name}
    assert happened >= {*ALONE, *TOGETHER} - MAY_BE_REFUSED, done
    assert at_once(1, lambda _: [one for each in owners for one in _drift(each)]) == [[]]


def _rings(books: Books) -> int:
    """How many transactions Postgres has ended for a ring of locks; backends that left told it."""
    row = books.connection.execute(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    ).fetchone()
    return int(row[0]) if row else 0


def _code() -> str:
    def make(_: int) -> str:
        with system_scope("test"):
            return promotion_add(
                actor=SYSTEM_ACTOR,
                code=f"RING-{uuid7().hex[-12:]}",
                terms=PromotionTerms(
                    kind=PromotionKind.UNITS, unit="prediction", units=Decimal(50)
                ),
            )

    (code,) = at_once(1, make)
    return str(code)


def _drift(organization: OrganizationRef) -> list[Any]:
    with tenant_scope(organization):
        return list(drifts_read())


Action = Callable[[random.Random, list[OrganizationRef], str], object]


One = Callable[[random.Random, OrganizationRef], object]


def _scoped(call: One, *, plain: bool = True) -> Action:
    """Make it act for one organization, in its scope; not ``plain``: one with an account's row."""

    def act(chance: random.Random, owners: list[OrganizationRef], _: str) -> object:
        organization = chance.choice(owners if plain else owners[PLAIN:])
        with tenant_scope(organization):
            return call(chance, organization)

    return act


def _systems(call: One, *, plain: bool = True) -> Action:
    def act(chance: random.Random, owners: list[OrganizationRef], _: str) -> object:
        with system_scope("test"):
            return call(chance, chance.choice(owners if plain else owners[PLAIN:]))

    return act


def _job(chance: random.Random, organization: OrganizationRef) -> None:
    """As a job's transactions are: several calls on one hold, one of them on another unit."""
    unit, other = chance.sample(UNITS, 2)
    hold = hold_take(
        organization=organization, unit=unit, amount=9, key=str(uuid7()), ttl_seconds=60
    )
    hold_capture_segment(organization=organization, hold_id=hold.id, segment=str(uuid7()), amount=4)
    hold_extend(organization=organization, hold_id=hold.id, ttl_seconds=60, amount=1)
    hold_quote(organization=organization, unit=unit, amount=5)
    hold_release(organization=organization, hold_id=hold.id)
    if chance.random() < 0.5:
        hold_refund(organization=organization, hold_id=hold.id, key=str(uuid7()), reason="test")
    elif unit < other:
        hold_quote(organization=organization, unit=other, amount=5)


def _gift(chance: random.Random, organization: OrganizationRef) -> None:
    for unit in UNITS:
        balance_grant(
            organization=organization,
            unit=unit,
            amount=chance.randint(1, 200),
            kind="operator",
            source=str(uuid7()),
            expires_at=clock.now() + timedelta(seconds=chance.choice([1, 2, 600])),
        )


def _money(_: random.Random, organization: OrganizationRef) -> None:
    balance_grant(
        organization=organization, unit="USD", amount=5, kind="purchased", source=str(uuid7())
    )


def _void(chance: random.Random, organization: OrganizationRef) -> None:
    grants = Grant.objects.filter(organization_id=organization.id, kind="operator")
    balance_void(
        organization=organization,
        grant_id=chance.choice(list(grants.order_by("-id")[:5]) or [Grant(id=uuid7())]).id,
        actor=SYSTEM_ACTOR,
        reason="test",
    )


def _budget(chance: random.Random, organization: OrganizationRef) -> None:
    limit = limit_set(
        organization=organization,
        unit=chance.choice(UNITS),
        window=chance.choice(["day", "month"]),
        amount=10**6,
    )
    if chance.random() < 0.5:
        limit_remove(organization=organization, limit_id=limit.id, actor=SYSTEM_ACTOR)


def _plan(chance: random.Random, organization: OrganizationRef) -> None:
    subscription_change(
        organization=organization,
        actor=SYSTEM_ACTOR,
        plan=chance.choice(["free", "starter", "pro"]),
        assigned=True,
    )


def _leave(chance: random.Random, organization: OrganizationRef) -> None:
    subscription_cancel(
        organization=organization, actor=SYSTEM_ACTOR, at_once=chance.random() < 0.7
    )


def _end_period(_: random.Random, organization: OrganizationRef) -> None:
    """Let the running period be over for the next tick, as far as it has come."""
    Subscription.objects.filter(organization_id=organization.id, ends_at=None).update(
        renews_at=clock.now()
    )


def _park(chance: random.Random, organization: OrganizationRef) -> None:
    act = account_park if chance.random() < 0.2 else account_unpark
    act(organization=organization, actor=SYSTEM_ACTOR, reason="test")


def _suspend(chance: random.Random, organization: OrganizationRef) -> None:
    act = organization_suspend if chance.random() < 0.2 else organization_restore
    act(organization=organization, actor=SYSTEM_ACTOR, reason="test")


def _redeem(chance: random.Random, owners: list[OrganizationRef], code: str) -> None:
    organization = chance.choice(owners)
    with tenant_scope(organization):
        promotion_redeem(organization=organization, actor=SYSTEM_ACTOR, code=code)


def _gateway(chance: random.Random, owners: list[OrganizationRef], _: str) -> None:
    """Many organizations in one call without a scope, in any order, twice for some."""
    asked = [
        Books(None, organization.id, unit).request(1)  # type: ignore[arg-type] # makes a request alone
        for organization in owners
        for unit in UNITS
    ] * 2
    for each in asked:
        each["hold_id"] = str(uuid7())
    chance.shuffle(asked)
    asked = asked[: chance.randint(1, len(asked))]
    with connection.cursor() as cursor:
        cursor.execute("SELECT accepted FROM hold_take(%s::jsonb)", [functions._text(asked)])
        taken = [one for one, (ok,) in zip(asked, cursor.fetchall(), strict=True) if ok]
        held = [
            {
                "organization_id": one["organization_id"],
                "hold_id": one["hold_id"],
                "captured": chance.randint(0, 1),
                "source": "test",
                "event_id": one["hold_id"],
            }
            for one in taken
            if chance.random() < 0.9
        ]
        chance.shuffle(held)
        cursor.execute("SELECT code FROM hold_settle(%s::jsonb)", [functions._text(held)])


def _age(_: random.Random, owners: list[OrganizationRef], __: str) -> None:
    """Let the holds that nobody settled be over, which the reaper then ends."""
    ids = [organization.id for organization in owners]
    with system_scope("test"):
        late = Hold.objects.filter(organization_id__in=ids, state="held", source="test")
        free = late.order_by("id").select_for_update(skip_locked=True).values_list("id", flat=True)
        Hold.objects.filter(id__in=list(free)).update(expires_at=clock.now() - timedelta(seconds=1))


def _storage(chance: random.Random, owners: list[OrganizationRef], _: str) -> None:
    some = chance.sample(owners, chance.randint(1, len(owners)))
    with system_scope("test"):
        usage_charge(
            events=[
                event(each, clock.now(), 1, meter=chance.choice([*UNITS, "storage_gb_hour"]))
                for each in some
            ]
        )


def _rollups(_: random.Random, __: list[OrganizationRef], ___: str) -> None:
    with system_scope("test"):
        rollups_advance(now=clock.now())


def _compare(_: random.Random, __: list[OrganizationRef], ___: str) -> None:
    with system_scope("test"):
        drifts_read()


ALONE: dict[str, Action] = {
    "job": _scoped(_job),
    "gift": _scoped(_gift),
    "money": _scoped(_money, plain=False),
    "void": _scoped(_void),
    "set": _scoped(
        lambda chance, of: balance_grant_set(
            organization=of, unit=chance.choice(UNITS), amount=500, actor=SYSTEM_ACTOR
        )
    ),
    "budget": _scoped(_budget, plain=False),
    "plan": _scoped(_plan, plain=False),
    "leave": _scoped(_leave, plain=False),
    "rename": _scoped(
        lambda _, of: organization_rename(organization=of, actor=SYSTEM_ACTOR, name="Another")
    ),
    "redeem": _redeem,
    "end of period": _systems(_end_period),
    "park": _systems(_park, plain=False),
    "suspend": _systems(_suspend),
}
TOGETHER: dict[str, Action] = {
    "gateway": _gateway,
    "age": _age,
    "storage": _storage,
    "rollups": _rollups,
    "compare": _compare,
    "reap": lambda *_: holds_expire(),
    "sweep": lambda *_: grants_end(),
    "renew": lambda *_: renew(),
    "notify": lambda *_: notify(),
}
MAY_BE_REFUSED = {"leave", "redeem"}
"""What an organization may have done already, or cannot yet."""
