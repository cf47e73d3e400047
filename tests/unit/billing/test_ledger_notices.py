"""Thresholds: each reached once per rule, period and percentage."""

from datetime import timedelta
from typing import Any

from tests.unit.billing.books import Books
from tests.unit.billing.conftest import NOW
from tests.unit.billing.test_ledger_concurrency import in_parallel
from tests.unit.conftest import DatabaseClone


def spend(books: Books, amount: Any, now: Any = NOW) -> None:
    hold = books.request(amount)
    books.take(hold, now=now)
    books.settle(books.settlement(hold, amount), now=now)


def reached(books: Books) -> list[tuple[str, int]]:
    return [
        (rule.split(":")[0], threshold)
        for rule, threshold in books.rows(
            "SELECT rule, threshold FROM ledger_notice ORDER BY reached_at, threshold"
        )
    ]


def test_each_threshold_of_a_balance_is_told_once(books: Books) -> None:
    books.grant(100, source="trial", now=NOW)
    told = []
    for amount in (49, 1, 1, 28, 1, 10, 9, 1):
        spend(books, amount)
        told.append([threshold for _, threshold in reached(books)])

    assert told == [
        [],
        [50],
        [50],
        [50],
        [50, 80],
        [50, 80, 90],
        [50, 80, 90],
        [50, 80, 90, 100],
    ]


def test_one_big_step_tells_all_it_passes(books: Books) -> None:
    books.grant(100, source="trial", now=NOW)

    spend(books, 95)

    assert reached(books) == [("balance", 50), ("balance", 80), ("balance", 90)]
    assert books.rows("SELECT used, amount, unit FROM ledger_notice WHERE threshold = 50") == [
        (95, 100, "prediction")
    ]


def test_new_units_begin_a_new_count(books: Books) -> None:
    books.grant(100, source="trial", now=NOW)
    spend(books, 80)
    books.grant(180, source="bought", now=NOW + timedelta(days=1))

    spend(books, 99, now=NOW + timedelta(days=1))
    assert reached(books) == [("balance", 50), ("balance", 80)]
    spend(books, 1, now=NOW + timedelta(days=1))
    assert reached(books) == [("balance", 50), ("balance", 80), ("balance", 50)]


def test_a_budget_tells_its_own_percentages_once_a_window(books: Books) -> None:
    books.grant(100_000, source="plan", now=NOW)
    books.limit(100, window="day", hard=False)

    spend(books, 85)
    spend(books, 30)
    assert reached(books) == [("limit", 50), ("limit", 80), ("limit", 90), ("limit", 100)]
    spend(books, 50, now=NOW + timedelta(days=1))
    assert reached(books)[4:] == [("limit", 50)]


def test_money_has_thresholds_too(books: Books) -> None:
    books.money().grant("0.01", source="paid", now=NOW)  # a hundred predictions at the list price

    spend(books, 50)

    assert books.rows("SELECT rule, threshold FROM ledger_notice") == [("balance:USD", 50)]
    assert books.drift() == []


def test_calls_at_the_same_moment_tell_once(database_clone: DatabaseClone, books: Books) -> None:
    books.grant(60, source="trial", now=NOW)
    books.limit(40, hard=False)

    in_parallel(database_clone, books, [lambda mine: spend(mine, 1)] * 60)

    assert sorted(reached(books)) == sorted(
        [(rule, threshold) for rule in ("balance", "limit") for threshold in (50, 80, 90, 100)]
    )


def test_a_refund_tells_nothing_twice(books: Books) -> None:
    books.grant(100, source="trial", now=NOW)
    hold = books.request(60)
    books.take(hold, now=NOW)
    books.settle(books.settlement(hold, 60), now=NOW)
    books.refund(hold, 60, key="a", now=NOW)

    spend(books, 60)

    assert reached(books) == [("balance", 50)]


def test_units_that_ended_unused_count_no_more(books: Books) -> None:
    books.grant(100, source="bought", now=NOW)
    books.grant(900, source="trial", now=NOW, expires_at=NOW + timedelta(days=1))
    spend(books, 10)
    later = NOW + timedelta(days=2)

    spend(books, 44, now=later)
    assert reached(books) == []
    spend(books, 1, now=later)

    assert reached(books) == [("balance", 50)]
    assert books.rows("SELECT used, amount FROM ledger_notice") == [(55, 110)]


def test_an_end_tells_what_use_has_reached_of_the_rest(books: Books) -> None:
    books.grant(100, source="bought", now=NOW, priority=10)
    books.grant(100, source="trial", now=NOW, expires_at=NOW + timedelta(days=1))
    spend(books, 60)
    assert reached(books) == []

    books.sweep(now=NOW + timedelta(days=2))

    assert reached(books) == [("balance", 50)]
    spend(books, 20, now=NOW + timedelta(days=2))
    assert reached(books) == [("balance", 50), ("balance", 80)]


def test_the_end_of_the_rest_tells_that_nothing_is_left(books: Books) -> None:
    books.grant(100, source="trial", now=NOW, expires_at=NOW + timedelta(days=1))
    spend(books, 60)

    books.sweep(now=NOW + timedelta(days=2))
    books.sweep(now=NOW + timedelta(days=3))

    assert reached(books) == [("balance", percent) for percent in (50, 80, 90, 100)]
    assert books.rows("SELECT used, amount FROM ledger_notice WHERE threshold = 100") == [(60, 60)]
    assert books.drift() == []


def test_what_ends_unused_tells_nothing(books: Books) -> None:
    books.grant(100, source="trial", now=NOW, expires_at=NOW + timedelta(days=1))

    books.sweep(now=NOW + timedelta(days=2))

    assert reached(books) == []


def test_a_void_tells_what_it_makes_reached_unless_new_units_follow(books: Books) -> None:
    given = books.grant(100, source="a", now=NOW)
    spend(books, 45)
    void = "SELECT grant_void(%s, %s, %s, %s)"
    books._in_scope(void, [books.organization_id, given, NOW, True])
    assert reached(books) == []
    given = books.grant(100, source="b", now=NOW + timedelta(days=1))
    spend(books, 45, now=NOW + timedelta(days=1))

    books._in_scope(void, [books.organization_id, given, NOW + timedelta(days=1), False])

    assert reached(books) == [("balance", percent) for percent in (50, 80, 90, 100)]
    assert books.drift() == []
