"""All that locks the books at once, over several organizations: nobody waits in a ring.

Everything takes its locks in one order: the organization's row, its subscription, a code, the
account's row (or, where there is none, that nobody makes one), balances by organization and unit,
and below these what only their holder touches. Who needs several organizations takes them in order.
"""

import random
import threading
from collections import Counter
from collections.abc import Iterator
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
from billing.ledger.reconcile import drifts_read
from billing.promotions.contracts import PromotionKind, PromotionTerms
from billing.promotions.services import promotion_add
from mlworker.jobs.models import FineTuningJob
from mlworker.jobs.states import JobState, Phase
from tenants.accounts.services.organizations import (
    organization_lock,
)
from tests.unit.billing.books import Books
from tests.unit.billing.conftest import NOW
from tests.unit.billing.lock_actions import ALONE, MAY_BE_REFUSED, PLAIN, TOGETHER, Action
from tests.unit.billing.threads import at_once, organization_of
from tests.unit.conftest import DatabaseClone
from tests.unit.invoices.helpers import keep_payments

WORKERS = 12
OWNERS = 6


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
    organizations = [organization_of(one) for one in made]
    with django_db_blocker.unblock():
        at_once(len(made), lambda number: _job_begun(organizations[number]))
        yield organizations
        connection.close()
    ids = [one.organization_id for one in made]
    with books.connection.transaction():
        books.connection.execute("SET LOCAL ROLE anneal_system")
        for statement in (
            "DELETE FROM jobs_jobevent WHERE organization_id = ANY(%s)",
            "DELETE FROM jobs_finetuningjob WHERE organization_id = ANY(%s)",
            "UPDATE plans_subscription SET ends_at = 'infinity', next_version_id = NULL,"
            " ends_with_period = false WHERE ends_at IS NULL AND organization_id = ANY(%s)",
            "UPDATE ledger_customeraccount SET parked_at = NULL, parked_reason = ''"
            " WHERE organization_id = ANY(%s)",
            "UPDATE accounts_organization SET suspended_at = NULL, suspended_reason = ''"
            " WHERE id = ANY(%s)",
        ):
            books.connection.execute(statement, [ids])


def _job_begun(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        FineTuningJob(
            organization_id=organization.id,
            organization_slug=organization.slug,
            state=JobState.RUNNING,
            phase=Phase.TRAINING,
            created_by="test",
            base="minilm-l6",
            tier="head",
            seed=0,
            training_file="file-none",
            worker="test",
            lease_until=clock.now() + timedelta(hours=1),
        ).save(force_insert=True)


@pytest.mark.parametrize("rounds", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_whatever_happens_at_once_nobody_is_ended_for_a_ring_of_locks(
    owners: list[OrganizationRef], books: Books, caplog: pytest.LogCaptureFixture, rounds: int
) -> None:
    code, before = _code(), _rings(books)
    done: Counter[str] = Counter()
    faults: list[tuple[str, str]] = []
    ready = threading.Barrier(WORKERS)

    def work(number: int) -> None:
        chance = random.Random(number)
        ready.wait(30)
        for name, action in _shuffled(chance, rounds):
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
    at_once(1, lambda _: keep_payments())
    assert at_once(1, lambda _: [one for each in owners for one in _drift(each)]) == [[]]


def _shuffled(chance: random.Random, rounds: int) -> Iterator[tuple[str, Action]]:
    """Yield everything that can be done, so many times, each time in another order."""
    actions = [*ALONE.items(), *TOGETHER.items()]
    for _ in range(rounds):
        chance.shuffle(actions)
        yield from actions


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
