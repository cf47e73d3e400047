"""A crash after every statement of every path that moves units: all of it happened, or nothing.

Twice over: the connection is killed inside the ledger's functions, after each of their writes; and
the process dies between the statements of the services that call them.
"""

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connection

from anneal.kernel.ids import uuid7
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.ledger.models import GrantKind
from billing.ledger.reconcile import ledger_drift
from billing.ledger.selectors import balances
from billing.ledger.services import (
    balance_grant,
    hold_capture,
    hold_capture_segment,
    hold_extend,
    hold_refund,
    hold_release,
    hold_take,
    limit_set,
)
from mlworker.jobs.contracts import JobRequest
from mlworker.jobs.models import FineTuningJob
from mlworker.jobs.services import fine_tuning_job_cancel, fine_tuning_job_submit
from tests.unit.billing.books import Books
from tests.unit.billing.conftest import NOW
from tests.unit.conftest import DatabaseClone
from tests.unit.jobs.factories import make_dataset, make_job

WRITTEN = (
    "ledger_grant",
    "ledger_balance",
    "ledger_hold",
    "ledger_ledgerentry",
    "ledger_keyedcall",
    "ledger_limitcount",
    "ledger_ratedusage",
    "ledger_capturerefund",
    "ledger_notice",
    "metering_usageevent",
    "metering_usageeventkey",
)
STOPS = """
CREATE FUNCTION stop_after_write() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  at integer := nullif(current_setting('test.stop_at', true), '')::integer;
  written integer := coalesce(nullif(current_setting('test.written', true), ''), '0')::integer + 1;
BEGIN
  IF at IS NOT NULL THEN
    PERFORM set_config('test.written', written::text, false);
    IF written = at THEN PERFORM pg_sleep(60); END IF;
  END IF;
  RETURN NULL;
END
$$;
"""


@pytest.fixture(scope="module")
def stops(database_clone: DatabaseClone) -> Iterator[None]:
    """Every write of the ledger counts, and waits to be killed when its number comes."""
    with psycopg.connect(database_clone.owner_url, autocommit=True) as owner:
        owner.execute(STOPS)
        for table in WRITTEN:
            owner.execute(
                f"CREATE TRIGGER stop_after_write AFTER INSERT OR UPDATE ON {table}"
                " FOR EACH STATEMENT EXECUTE FUNCTION stop_after_write()"
            )
        yield
        owner.execute("DROP FUNCTION stop_after_write() CASCADE")


class Account:
    """One organization with every kind of thing a path may touch."""

    def __init__(self, plain: psycopg.Connection[tuple[Any, ...]]) -> None:
        self.books = Books(plain, uuid7())
        self.books.organization_add()
        self.books.grant(8, source="plan", now=NOW)
        self.books.money().grant(100, source="paid", now=NOW, kind="purchased")
        self.books.limit(1_000)
        self.books.limit(90, unit="USD", hard=False)
        self.held, self.captured = self.books.request(5), self.books.request(6)
        self.books.take(self.held, self.captured, now=NOW)
        self.books.settle(self.books.settlement(self.captured, 6), now=NOW)
        call = {"scope": "POST /x", "key": "k", "hash": "h"}
        self.fresh = self.books.request(20, call=call)

    def story(self) -> tuple[Any, ...]:
        """Everything the ledger knows of it."""
        tables = [
            "SELECT unit, granted, held, consumed, expired FROM ledger_balance ORDER BY unit",
            "SELECT count(*), sum(amount) FROM ledger_hold",
            "SELECT count(*) FROM ledger_ledgerentry",
            "SELECT count(*) FROM ledger_capturerefund",
            "SELECT count(*) FROM metering_usageevent",
            "SELECT sum(held), sum(used) FROM ledger_limitcount",
            "SELECT count(*) FROM ledger_keyedcall",
        ]
        return tuple(tuple(self.books.rows(one)) for one in tables)


def take(account: Account, books: Books) -> bool:
    return books.take(account.fresh, now=NOW)[0][1] in {"accepted", "duplicate", "in_flight"}


def settle(account: Account, books: Books) -> bool:
    settlement = account.books.settlement(account.held, 4, response="{}")
    return books.settle(settlement, now=NOW)[0][0] in {"captured", "duplicate"}


def segment(account: Account, books: Books) -> bool:
    return books.segment(account.held, 3, "s:1", now=NOW)[0] in {"captured", "duplicate"}


def extend(account: Account, books: Books) -> bool:
    return books.extend(account.held["hold_id"], 30, now=NOW) == "extended"


def refund(account: Account, books: Books) -> bool:
    return books.refund(account.captured, 6, key="r", now=NOW)[0] in {"refunded", "duplicate"}


def grant(account: Account, books: Books) -> bool:
    return books.grant(5, source="more", now=NOW) is not None


@contextmanager
def killer(clone: DatabaseClone, victim: int) -> Iterator[None]:
    """Kill a connection once it sleeps in a write."""
    done = threading.Event()

    def watch() -> None:
        with psycopg.connect(clone.app_url, autocommit=True) as watcher:
            while not done.wait(0.002):
                watcher.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE pid = %s AND wait_event = 'PgSleep'",
                    [victim],
                )

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(10)


def killed_at(
    number: int,
    clone: DatabaseClone,
    account: Account,
    path: Callable[[Account, Books], bool],
) -> bool:
    """Walk the path on a connection that is killed in its write of that number, if there is one."""
    with closing(psycopg.connect(clone.app_url, autocommit=True)) as doomed:
        doomed.execute(f"SET test.stop_at = {number}")
        with killer(clone, doomed.info.backend_pid):
            try:
                path(account, Books(doomed, account.books.organization_id))
            except psycopg.OperationalError:
                return True
    return False


@pytest.mark.parametrize("path", [take, settle, segment, extend, refund, grant])
def test_r04_r05_a_connection_killed_after_any_write_leaves_nothing_and_a_retry_does_it_once(
    database_clone: DatabaseClone,
    books: Books,
    stops: None,
    path: Callable[[Account, Books], bool],
) -> None:
    killed = 0
    for number in itertools.count(1):
        account = Account(books.connection)
        before = account.story()
        if not killed_at(number, database_clone, account, path):
            break
        killed += 1
        assert account.story() == before
        assert account.books.drift() == []

        assert path(account, account.books)
        assert account.story() != before
        assert account.books.drift() == []
    assert killed >= 3
    assert account.books.drift() == []


class Crash(Exception):
    """The process is gone."""


class CrashAfter:
    """Lets so many statements of the block through, then crashes."""

    def __init__(self, statements: int) -> None:
        self.left = statements

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        self.left -= 1
        if self.left == 0:
            raise Crash
        return result


def crash_everywhere(organization: OrganizationRef, work: Callable[[], object]) -> int:
    """Run ``work`` in a scope, crashing after its 1st, 2nd, ... statement, then once whole.

    After each crash nothing differs from before. Returns how many crashes there were.
    """
    with tenant_scope(organization):
        before = balances(organization=organization)
    for number in itertools.count(1):
        crash = CrashAfter(number)
        try:
            with tenant_scope(organization), connection.execute_wrapper(crash):
                work()
        except Crash:
            pass
        else:
            break
        with tenant_scope(organization):
            assert balances(organization=organization) == before
            assert ledger_drift() == ()
    with tenant_scope(organization):
        assert balances(organization=organization) != before
        assert ledger_drift() == ()
    return number - 1


@pytest.mark.django_db
def test_r06_a_crash_between_any_two_statements_of_the_services_moves_nothing(
    organization: OrganizationRef,
) -> None:
    hold_ids: list[Any] = []

    def taking(key: str, amount: int = 100) -> Callable[[], object]:
        return lambda: hold_ids.append(
            hold_take(
                organization=organization,
                unit="prediction",
                amount=amount,
                key=key,
                ttl_seconds=60,
            ).id
        )

    def limited() -> None:
        limit_set(organization=organization, unit="prediction", window="day", amount=900)
        taking("limited")()

    def money() -> None:
        balance_grant(
            organization=organization,
            unit="USD",
            amount=5,
            kind=GrantKind.PURCHASED,
            source="paid",
        )

    crashes = [
        crash_everywhere(organization, taking("one")),
        crash_everywhere(organization, limited),
        crash_everywhere(organization, money),
        crash_everywhere(
            organization,
            lambda: hold_capture_segment(
                organization=organization, hold_id=hold_ids[0], segment="s1", used_so_far=30
            ),
        ),
        crash_everywhere(
            organization,
            lambda: hold_extend(
                organization=organization, hold_id=hold_ids[0], ttl_seconds=60, amount=9
            ),
        ),
        crash_everywhere(
            organization,
            lambda: hold_capture(
                organization=organization, hold_id=hold_ids[0], amount=11, event_id="last"
            ),
        ),
        crash_everywhere(
            organization,
            lambda: hold_refund(
                organization=organization, hold_id=hold_ids[0], key="r", reason="Our fault."
            ),
        ),
        crash_everywhere(
            organization,
            lambda: hold_release(
                organization=organization, hold_id=hold_ids[-1], note="The disk failed."
            ),
        ),
    ]

    assert all(crashes)


@pytest.mark.django_db
def test_a_crash_between_any_two_statements_of_a_submit_leaves_no_job_and_no_hold(
    organization: OrganizationRef,
) -> None:
    dataset = make_dataset(organization)
    body = JobRequest(model="minilm-l6", training_file=dataset, tier="head", seed=7)

    crashes = crash_everywhere(
        organization,
        lambda: fine_tuning_job_submit(organization=organization, actor=SYSTEM_ACTOR, request=body),
    )

    assert crashes > 5
    with tenant_scope(organization):
        assert FineTuningJob.objects.count() == 1


@pytest.mark.django_db
def test_a_crash_between_any_two_statements_of_a_cancel_charges_nothing_twice(
    organization: OrganizationRef,
) -> None:
    job = make_job(organization)
    with tenant_scope(organization):
        row = FineTuningJob.objects.get(id=job.id)
        row.progress = {**row.progress, "trained_tokens": 40}
        row.save()

    crash_everywhere(
        organization,
        lambda: fine_tuning_job_cancel(
            organization=organization, actor=SYSTEM_ACTOR, job_id=job.id
        ),
    )

    with tenant_scope(organization):
        (tokens,) = [one for one in balances(organization=organization) if "token" in one.unit]
        assert (tokens.consumed, tokens.held) == (40, 0)
