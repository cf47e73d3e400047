"""Limits of a key, a member, the organization and its plan: all decided with the hold."""

import threading
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from anneal.kernel.ids import uuid7
from tests.unit.billing.books import Books
from tests.unit.billing.conftest import NOW
from tests.unit.billing.test_ledger_concurrency import in_parallel
from tests.unit.conftest import DatabaseClone


@pytest.fixture
def rich(books: Books) -> Books:
    """An organization with more than any limit allows."""
    books.grant(10_000, source="plan", now=NOW)
    return books


def count(books: Books, limit_id: Any) -> tuple[int, int]:
    """held and used of a limit, of all its windows."""
    ((held, used),) = books._in_scope(
        "SELECT coalesce(sum(held), 0), coalesce(sum(used), 0) FROM ledger_limitcount"
        " WHERE limit_id = %s",
        [limit_id],
    )
    return int(held), int(used)


def detail(books: Books, request: dict[str, Any]) -> dict[str, Any]:
    """Why a request is denied."""
    ((code, found),) = books._in_scope(
        "SELECT code, detail FROM hold_take(jsonb_build_array(%s::jsonb), %s)",
        [psycopg.types.json.Jsonb(request), NOW],
    )
    assert code == "limit_reached"
    return dict(found)


def test_a_hard_limit_stops_at_its_amount_and_what_is_held_counts(rich: Books) -> None:
    limit = rich.limit(100)
    first, second = rich.request(60), rich.request(40)

    assert rich.take(first, now=NOW) == [(True, "accepted")]
    assert rich.take(rich.request(41), now=NOW) == [(False, "limit_reached")]
    assert rich.take(second, now=NOW) == [(True, "accepted")]
    assert count(rich, limit) == (100, 0)
    rich.settle(rich.settlement(first, 10), now=NOW)
    assert count(rich, limit) == (40, 10)
    assert rich.take(rich.request(51), now=NOW) == [(False, "limit_reached")]
    assert rich.take(rich.request(50), now=NOW) == [(True, "accepted")]
    assert rich.drift() == []


def test_a_soft_limit_lets_through_and_counts(rich: Books) -> None:
    limit = rich.limit(10, hard=False)
    hold = rich.request(60)

    assert rich.take(hold, now=NOW) == [(True, "accepted")]
    rich.settle(rich.settlement(hold, 60), now=NOW)
    assert count(rich, limit) == (0, 60)
    assert rich.drift() == []


def test_r46_the_denial_says_which_limit(rich: Books) -> None:
    key, member = uuid7(), uuid7()
    rich.limit(100)
    of_key = rich.limit(30, scope="key", subject_id=key, window="day")
    rich.limit(50, scope="member", subject_id=member)
    rich.take(rich.request(20, api_key_id=str(key), member_id=str(member)), now=NOW)

    assert detail(rich, rich.request(11, api_key_id=str(key), member_id=str(member))) == {
        "limit_id": str(of_key),
        "scope": "key",
        "unit": "prediction",
        "window": "day",
        "amount": "30",
        "used": "0",
        "held": "20",
        "needed": "11",
    }
    other_key = rich.request(31, api_key_id=str(uuid7()), member_id=str(member))
    assert detail(rich, other_key)["scope"] == "member"
    assert detail(rich, rich.request(81))["scope"] == "organization"
    assert rich.take(rich.request(31, api_key_id=str(uuid7())), now=NOW) == [(True, "accepted")]


def test_a_denied_request_counts_nowhere(rich: Books) -> None:
    wide, narrow = rich.limit(100), rich.limit(10, window="day")

    assert rich.take(rich.request(11), now=NOW) == [(False, "limit_reached")]
    assert count(rich, wide) == count(rich, narrow) == (0, 0)
    assert rich.balance()["held"] == 0


def test_windows_begin_again_and_a_hold_counts_where_it_was_taken(rich: Books) -> None:
    day, total = rich.limit(10, window="day"), rich.limit(25, window="total")
    tomorrow = NOW + timedelta(days=1)
    first = rich.request(10)

    assert rich.take(first, now=NOW) == [(True, "accepted")]
    assert rich.take(rich.request(1), now=NOW) == [(False, "limit_reached")]
    second = rich.request(10)
    assert rich.take(second, now=tomorrow) == [(True, "accepted")]
    rich.settle(rich.settlement(first, 10), now=tomorrow)
    assert rich.take(rich.request(1), now=tomorrow) == [(False, "limit_reached")]
    assert rich.take(rich.request(6), now=tomorrow + timedelta(days=1)) == [
        (False, "limit_reached")
    ]
    assert rich.take(rich.request(5), now=tomorrow + timedelta(days=1)) == [(True, "accepted")]
    assert (count(rich, day), count(rich, total)) == ((15, 10), (15, 10))
    assert rich.drift() == []


def test_months_are_those_of_utc(rich: Books) -> None:
    rich.limit(10)
    last_second = NOW.replace(month=3, day=31, hour=23, minute=59, second=59)

    assert rich.take(rich.request(10), now=last_second) == [(True, "accepted")]
    assert rich.take(rich.request(1), now=last_second) == [(False, "limit_reached")]
    assert rich.take(rich.request(10), now=last_second + timedelta(seconds=1)) == [
        (True, "accepted")
    ]


def test_extending_and_segments_count_too(rich: Books) -> None:
    limit = rich.limit(30, window="day")
    hold = rich.request(20)
    rich.take(hold, now=NOW)
    late = NOW + timedelta(days=2)

    assert rich.extend(hold["hold_id"], 11, now=late) == "limit_reached"
    assert rich.extend(hold["hold_id"], 10, now=late) == "extended"
    rich.segment(hold, 12, "s1", now=late)
    assert count(rich, limit) == (18, 12)
    rich.settle(rich.settlement(hold), now=late)
    assert count(rich, limit) == (0, 12)
    assert rich.drift() == []


def test_a_limit_set_during_a_hold_counts_from_then_on(rich: Books) -> None:
    hold = rich.request(20)
    rich.take(hold, now=NOW)
    limit = rich.limit(15)

    assert rich.extend(hold["hold_id"], 5, now=NOW) == "extended"
    rich.settle(rich.settlement(hold, 8), now=NOW)
    assert count(rich, limit) == (0, 8)
    assert rich.take(rich.request(8), now=NOW) == [(False, "limit_reached")]
    assert rich.drift() == []


def test_a_refund_gives_the_budget_back(rich: Books) -> None:
    limit = rich.limit(20)
    hold = rich.request(20)
    rich.take(hold, now=NOW)
    rich.settle(rich.settlement(hold, 20), now=NOW)

    rich.refund(hold, 15, key="a", now=NOW)

    assert count(rich, limit) == (0, 5)
    assert rich.take(rich.request(15), now=NOW) == [(True, "accepted")]


def test_a_money_limit_counts_what_is_paid_beyond_the_grants(books: Books) -> None:
    books.grant(100, source="plan", now=NOW)
    books.money().grant(50, source="paid", now=NOW)
    limit = books.limit("0.01", unit="USD")  # a hundred predictions at the list price
    covered, beyond = books.request(100), books.request(100)

    assert books.take(covered, now=NOW) == [(True, "accepted")]
    assert books.take(books.request(101), now=NOW) == [(False, "limit_reached")]
    assert books.take(beyond, now=NOW) == [(True, "accepted")]
    books.settle(books.settlement(beyond, 40), books.settlement(covered, 100), now=NOW)
    assert books._in_scope("SELECT held, used FROM ledger_limitcount", []) == [
        (0, pytest.approx(__import__("decimal").Decimal("0.004")))
    ]
    assert count(books, limit) == (0, 0)
    assert books.drift() == []


def test_somebody_elses_limit_is_not_mine(rich: Books, other_books: Books) -> None:
    other_books.grant(100, source="plan", now=NOW)
    other_books.limit(1)

    assert rich.take(rich.request(50), now=NOW) == [(True, "accepted")]
    assert other_books.take(other_books.request(2), now=NOW) == [(False, "limit_reached")]


def test_a_batch_of_many_organizations_decides_each_by_its_own_limits(
    rich: Books, other_books: Books
) -> None:
    other_books.grant(100, source="plan", now=NOW)
    other_books.limit(5)
    rich.limit(7)
    requests = [books.request(3) for _ in range(3) for books in (rich, other_books)]

    codes = [code for _, code in rich.take(*requests, now=NOW)]

    assert codes == ["accepted", "accepted", "accepted", *["limit_reached"] * 3]


def test_r01_many_callers_share_one_limit_exactly(
    database_clone: DatabaseClone, rich: Books
) -> None:
    limit = rich.limit(50)

    def call(mine: Books) -> bool:
        hold = mine.request(1)
        ((accepted, _),) = mine.take(hold, now=NOW)
        if accepted:
            mine.settle(mine.settlement(hold, 1), now=NOW)
        return accepted

    assert sum(in_parallel(database_clone, rich, [call] * 150)) == 50
    assert count(rich, limit) == (0, 50)
    assert rich.drift() == []


def test_r02_a_window_that_begins_everywhere_at_once_has_one_count(
    database_clone: DatabaseClone, rich: Books
) -> None:
    rich.limit(1_000, window="day")
    tomorrow = NOW + timedelta(days=1)

    taken = in_parallel(
        database_clone, rich, [lambda mine: mine.take(mine.request(1), now=tomorrow)] * 64
    )

    assert taken == [[(True, "accepted")]] * 64
    assert rich.rows("SELECT held FROM ledger_limitcount") == [(64,)]


def test_r08_a_lowered_limit_rules_the_very_next_call(
    database_clone: DatabaseClone, rich: Books
) -> None:
    limit = rich.limit(100)
    rich.take(rich.request(50), now=NOW)
    with psycopg.connect(database_clone.app_url, autocommit=True) as elsewhere:
        other_process = Books(elsewhere, rich.organization_id)
        assert other_process.take(rich.request(1), now=NOW) == [(True, "accepted")]
        rich._in_scope("UPDATE ledger_spendinglimit SET amount = 51 WHERE id = %s", [limit])

        assert other_process.take(rich.request(1), now=NOW) == [(False, "limit_reached")]


def test_limits_across_units_do_not_deadlock(database_clone: DatabaseClone, books: Books) -> None:
    tokens = Books(books.connection, books.organization_id, "trained_token")
    for each in (books, tokens):
        each.grant(50, source="plan", now=NOW)
    books.money().grant(50, source="paid", now=NOW)
    books.limit(40, unit="USD")
    books.limit(10_000)
    stop = threading.Event()

    def call(mine: Books, n: int) -> bool:
        units = ("prediction", "trained_token")
        holds = [
            Books(mine.connection, mine.organization_id, unit).request(3)
            for unit in (units if n % 2 else reversed(units))
        ]
        mine.take(*holds, now=NOW)
        mine.settle(*[mine.settlement(hold, n % 3) for hold in reversed(holds)], now=NOW)
        return not stop.is_set()

    jobs = [lambda mine, n=n: call(mine, n) for n in range(120)]
    assert all(in_parallel(database_clone, books, jobs))
    assert books.drift() == []


def test_a_parked_account_takes_nothing_new_and_settles_what_it_has(rich: Books) -> None:
    hold, kept = rich.request(10), rich.request(10)
    rich.take(hold, kept, now=NOW)

    rich.park("The books differ.", now=NOW)

    assert rich.take(rich.request(1), now=NOW) == [(False, "account_parked")]
    assert rich.extend(kept["hold_id"], 5, now=NOW) == "account_parked"
    assert rich.extend(kept["hold_id"], 0, now=NOW) == "extended"
    assert rich.take(hold, now=NOW) == [(True, "duplicate")]
    assert rich.settle(rich.settlement(hold, 10), now=NOW) == [("captured", "captured", 10)]
    rich.park("", now=NOW)
    assert rich.take(rich.request(1), now=NOW) == [(True, "accepted")]
    assert rich.drift() == []


def test_parking_one_leaves_another_alone(rich: Books, other_books: Books) -> None:
    other_books.grant(5, source="plan", now=NOW)
    rich.park("The books differ.", now=NOW)

    codes = rich.take(rich.request(1), other_books.request(1), now=NOW)

    assert codes == [(False, "account_parked"), (True, "accepted")]


def test_nobody_frees_itself(rich: Books) -> None:
    rich.park("The books differ.", now=NOW)

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rich._in_scope("SELECT account_park(%s, '', now())", [rich.organization_id])
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rich._in_scope("UPDATE ledger_customeraccount SET parked_at = NULL", [])
    assert rich.take(rich.request(1), now=NOW) == [(False, "account_parked")]


def test_a_limit_that_joins_a_hold_counts_from_then_on_also_after_refunds(rich: Books) -> None:
    hold = rich.request(10)
    rich.take(hold, now=NOW)
    rich.segment(hold, 10, "s1", now=NOW)
    limit = rich.limit(100)
    rich.extend(hold["hold_id"], 20, now=NOW)
    rich.segment(hold, 5, "s2", now=NOW)

    assert rich.refund(hold, 7, key="a", now=NOW)[0] == "refunded"

    # Five had counted; the other two are of what came before the limit.
    assert count(rich, limit) == (15, 0)
    rich.segment(hold, 4, "s3", now=NOW)
    assert count(rich, limit) == (11, 4)
    assert rich.drift() == []
