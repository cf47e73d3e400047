"""Many connections, one account: what is sold is what there is."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid5

import psycopg

from anneal.kernel.ids import uuid7
from tests.unit.billing.books import Books
from tests.unit.billing.conftest import NOW
from tests.unit.conftest import DatabaseClone

WORKERS = 16


def in_parallel(
    clone: DatabaseClone, books: Books, jobs: list[Callable[[Books], Any]]
) -> list[Any]:
    """Run each job on one of WORKERS connections, all started together; results by job."""
    results: list[Any] = [None] * len(jobs)
    numbers = iter(range(len(jobs)))
    lock = threading.Lock()
    ready = threading.Barrier(WORKERS)

    def work() -> None:
        with psycopg.connect(clone.app_url, autocommit=True) as connection:
            mine = Books(connection, books.organization_id, books.unit)
            ready.wait(30)
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                results[number] = jobs[number](mine)

    with ThreadPoolExecutor(WORKERS) as pool:
        for done in [pool.submit(work) for _ in range(WORKERS)]:
            done.result(60)
    return results


def test_two_hundred_callers_buy_the_last_hundred_units_exactly(
    database_clone: DatabaseClone, books: Books
) -> None:
    books.grant(100, source="trial", now=NOW)

    def call(mine: Books) -> str:
        request = mine.request(1)
        ((_, code),) = mine.take(request, now=NOW)
        if code == "accepted":
            mine.settle(mine.settlement(request, 1), now=NOW)
        return code

    codes = Counter(in_parallel(database_clone, books, [call] * 200))

    assert codes == {"accepted": 100, "quota_exhausted": 100}
    assert books.balance() == {
        "granted": 100,
        "held": 0,
        "consumed": 100,
        "expired": 0,
        "available": 0,
    }
    assert books.usage() == 100
    assert books.drift() == []


def test_one_key_from_many_callers_is_one_hold(database_clone: DatabaseClone, books: Books) -> None:
    books.grant(100, source="trial", now=NOW)
    hold_id = uuid5(books.organization_id, "job-1")

    codes = Counter(
        in_parallel(
            database_clone,
            books,
            [lambda mine: mine.take(mine.request(10, hold_id), now=NOW)[0][1]] * 50,
        )
    )

    assert codes == {"accepted": 1, "duplicate": 49}
    assert books.balance()["held"] == 10


def test_one_settlement_from_many_callers_charges_once(
    database_clone: DatabaseClone, books: Books
) -> None:
    books.grant(100, source="trial", now=NOW)
    request = books.request(10)
    books.take(request, now=NOW)

    codes = Counter(
        in_parallel(
            database_clone,
            books,
            [lambda mine: mine.settle(mine.settlement(request, 10), now=NOW)[0][0]] * 50,
        )
    )

    assert codes == {"captured": 1, "duplicate": 49}
    assert books.balance()["consumed"] == 10
    assert books.usage() == 10


def test_capture_release_and_reaper_race_to_one_end(
    database_clone: DatabaseClone, books: Books
) -> None:
    books.grant(100, source="trial", now=NOW)
    requests = [books.request(2) for _ in range(40)]
    books.take(*requests, now=NOW)
    for request in requests:
        books.hold_age(request["hold_id"])

    def capture(request: dict[str, Any]) -> Callable[[Books], Any]:
        return lambda mine: mine.settle(mine.settlement(request, 2), now=NOW)[0][0]

    def release(request: dict[str, Any]) -> Callable[[Books], Any]:
        return lambda mine: mine.settle(mine.settlement(request), now=NOW)[0][0]

    def reap(mine: Books) -> None:
        mine.reap(now=NOW, most=5)

    jobs = [job for one in requests for job in (capture(one), release(one), reap)]
    codes = Counter(in_parallel(database_clone, books, jobs))

    assert books.balance()["held"] == 0
    assert books.balance()["consumed"] == 2 * codes["captured"]
    assert books.usage() == 2 * codes["captured"]
    assert books.drift() == []


def test_batches_over_many_accounts_in_any_order_do_not_deadlock(
    database_clone: DatabaseClone, books: Books
) -> None:
    """As gateways do it: organizations of every sort in one call, each time in another order."""
    units = ("prediction", "trained_token")
    owners = [books, *(Books(books.connection, uuid7()) for _ in range(7))]
    for number, owner in enumerate(owners):
        if number:
            owner.organization_add()
        for unit in units:
            Books(owner.connection, owner.organization_id, unit).grant(30, source="plan", now=NOW)
        if number % 2:
            owner.money().grant(10_000, source="paid", now=NOW, kind="purchased")
            owner.limit(100_000)

    def mixed(turn: int) -> Callable[[Books], Any]:
        chance = random.Random(turn)

        def call(mine: Books) -> Counter[str]:
            # A common account would make them wait there, before any balance.
            sort = (owners, owners[::2], owners[1::2])[turn % 3]
            asked = [(owner, unit) for owner in sort for unit in units] * 2
            chance.shuffle(asked)
            requests = [
                Books(mine.connection, owner.organization_id, unit).request(1)
                for owner, unit in asked[:12]
            ]
            taken = mine.take(*requests, now=NOW)
            held = [
                Books(mine.connection, UUID(one["organization_id"])).settlement(one, 1)
                for one, (accepted, _) in zip(requests, taken, strict=True)
                if accepted
            ]
            chance.shuffle(held)
            settled = mine.settle(*held, now=NOW)
            return Counter([code for _, code in taken] + [row[0] for row in settled])

        return call

    told = sum(in_parallel(database_clone, books, [mixed(turn) for turn in range(96)]), Counter())

    assert set(told) == {"accepted", "captured", "quota_exhausted"}
    assert told["accepted"] == told["captured"]
    assert sum(int(owner.usage_of(unit)) for owner in owners for unit in units) == told["captured"]
    # Four organizations have no money: their 30 of each unit are sold and no more.
    free = [owner.usage_of(unit) for owner in owners[::2] for unit in units]
    assert max(free) == 30
    assert [owner.drift() for owner in owners] == [[]] * 8


def test_the_same_grant_from_many_callers_is_given_once(
    database_clone: DatabaseClone, books: Books
) -> None:
    grants = in_parallel(
        database_clone, books, [lambda mine: mine.grant(10, source="trial", now=NOW)] * 30
    )

    assert len(set(grants)) == 1
    assert books.balance()["granted"] == 10
    assert books.drift() == []


def test_giving_anew_what_is_taken_back_does_not_deadlock_with_calls(
    database_clone: DatabaseClone, books: Books
) -> None:
    """A trial is extended while calls come in and a budget makes them lock the account."""
    books.limit(10_000)
    first = books.grant(1000, source="trial:0", now=NOW)
    newest = [first]

    def call(mine: Books) -> str:
        request = mine.request(1)
        ((_, code),) = mine.take(request, now=NOW)
        mine.settle(mine.settlement(request, 1), now=NOW)
        return code

    def extend(number: int) -> Callable[[Books], str]:
        def void_and_add(mine: Books) -> str:
            with mine.connection.transaction():
                void = "SELECT grant_void(%s, %s, %s)"
                ((rest,),) = mine._in_scope(void, [mine.organization_id, newest[-1], NOW])
                if rest:
                    newest.append(mine.grant(rest, source=f"trial:{number}", now=NOW))
            return "extended"

        return void_and_add

    jobs = [job for number in range(1, 101) for job in (call, extend(number), call)]
    codes = Counter(in_parallel(database_clone, books, jobs))

    assert codes["extended"] == 100
    assert codes["accepted"] == 200 == books.balance()["consumed"]
    assert books.balance()["available"] == 800
    assert books.drift() == []
