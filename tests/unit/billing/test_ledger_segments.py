"""Captures by segment: the hold stays open, each segment is charged once, the last one closes."""

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.billing.books import Books
from tests.unit.billing.conftest import NOW
from tests.unit.billing.test_ledger_concurrency import in_parallel
from tests.unit.conftest import DatabaseClone


@pytest.fixture
def hold(books: Books) -> dict[str, Any]:
    """100 of 120 units set aside, from two grants."""
    books.grant(30, source="trial", now=NOW, expires_at=NOW + timedelta(days=9))
    books.grant(90, source="bought", now=NOW, kind="purchased")
    request = books.request(100)
    books.take(request, now=NOW)
    return request


def test_segments_charge_and_leave_the_rest_held(books: Books, hold: dict[str, Any]) -> None:
    assert books.segment(hold, 20, "job:1", now=NOW) == ("captured", "held", 20)
    assert books.segment(hold, 25, "job:2", now=NOW) == ("captured", "held", 45)

    assert books.balance() == {
        "granted": 120,
        "held": 55,
        "consumed": 45,
        "expired": 0,
        "available": 20,
    }
    assert books.usage() == 45
    assert books.drift() == []


def test_the_last_capture_closes_and_gives_the_rest_back(
    books: Books, hold: dict[str, Any]
) -> None:
    books.segment(hold, 20, "job:1", now=NOW)

    last = books.settle(books.settlement(hold, 5, event_id="job:last"), now=NOW)

    assert last == [("captured", "captured", 25)]
    assert books.balance()["available"] == 95
    assert books.drift() == []


def test_stopping_early_releases_the_rest_and_keeps_what_was_charged(
    books: Books, hold: dict[str, Any]
) -> None:
    books.segment(hold, 20, "job:1", now=NOW)

    assert books.settle(books.settlement(hold), now=NOW) == [("released", "captured", 20)]
    assert books.settle(books.settlement(hold), now=NOW) == [("duplicate", "captured", 20)]
    assert books.balance()["available"] == 100
    assert books.drift() == []


def test_r37_a_segment_sent_again_is_charged_once(books: Books, hold: dict[str, Any]) -> None:
    first = [books.segment(hold, 20, "job:1", now=NOW) for _ in range(4)]

    assert [code for code, _, _ in first] == ["captured", "duplicate", "duplicate", "duplicate"]
    assert books.segment(hold, 21, "job:1", now=NOW)[0] == "event_conflict"
    assert books.balance()["consumed"] == 20
    assert books.usage() == 20


def test_r37_the_same_segment_from_everywhere_at_once_is_charged_once(
    database_clone: DatabaseClone, books: Books, hold: dict[str, Any]
) -> None:
    answers = in_parallel(
        database_clone,
        books,
        [lambda mine, n=n: mine.segment(hold, 2, f"job:{n % 5}", now=NOW)[0] for n in range(60)],
    )

    assert (answers.count("captured"), answers.count("duplicate")) == (5, 55)
    assert books.balance()["consumed"] == 10
    assert books.drift() == []


def test_r37_a_segment_charged_to_an_earlier_hold_of_the_job_is_not_charged_to_the_next(
    books: Books, hold: dict[str, Any]
) -> None:
    books.segment(hold, 20, "job:1", now=NOW)
    books.settle(books.settlement(hold), now=NOW)
    second = books.request(40)
    books.take(second, now=NOW)

    assert books.segment(second, 20, "job:1", now=NOW) == ("duplicate", "held", 0)
    assert books.balance()["consumed"] == 20
    assert books.drift() == []


def test_a_counter_of_all_that_was_used_charges_what_is_new(
    books: Books, hold: dict[str, Any]
) -> None:
    reports = [(20, "job:1"), (20, "job:1"), (50, "job:2"), (20, "job:1"), (50, "job:2b")]

    answers = [books.segment(hold, 0, name, now=NOW, cumulative=so_far) for so_far, name in reports]

    assert [code for code, _, _ in answers] == [
        "captured",
        "duplicate",
        "captured",
        "duplicate",
        "duplicate",
    ]
    assert books.balance()["consumed"] == 50
    assert books.usage() == 50
    assert books.drift() == []


def test_more_than_the_hold_is_refused_until_it_is_extended(
    books: Books, hold: dict[str, Any]
) -> None:
    books.segment(hold, 90, "job:1", now=NOW)

    assert books.segment(hold, 11, "job:2", now=NOW)[0] == "exceeds_hold"
    assert books.extend(hold["hold_id"], 10, now=NOW) == "extended"
    assert books.segment(hold, 11, "job:2", now=NOW) == ("captured", "held", 101)
    assert books.drift() == []


def test_a_hold_that_runs_out_keeps_what_its_segments_charged(
    books: Books, hold: dict[str, Any]
) -> None:
    books.segment(hold, 20, "job:1", now=NOW)
    books.hold_age(hold["hold_id"])
    books.reap(now=NOW)

    assert books.rows("SELECT state, captured FROM ledger_hold") == [("expired", 20)]
    assert books.segment(hold, 20, "job:2", now=NOW)[0] == "hold_expired"
    assert books.segment(hold, 20, "job:1", now=NOW)[0] == "duplicate"
    assert books.balance()["available"] == 100
    assert books.drift() == []


def test_segments_are_refunded_together(books: Books, hold: dict[str, Any]) -> None:
    books.segment(hold, 20, "job:1", now=NOW)
    books.segment(hold, 25, "job:2", now=NOW)
    books.settle(books.settlement(hold), now=NOW)

    assert books.refund(hold, 45, key="fault", now=NOW) == ("refunded", 45, 0, 0)
    assert books.balance()["available"] == 120
    assert books.drift() == []


def test_a_release_for_a_fault_of_ours_carries_its_note(books: Books, hold: dict[str, Any]) -> None:
    books.settle(books.settlement(hold, note="The worker's disk failed."), now=NOW)

    assert books.rows("SELECT note FROM ledger_hold") == [("The worker's disk failed.",)]


@pytest.mark.parametrize("amount", [0, -1, "NaN", 10**30, "0.0000000000001"])
def test_a_segment_of_no_amount_charges_nothing(
    books: Books, hold: dict[str, Any], amount: Any
) -> None:
    code, state, _ = books.segment(hold, amount, "job:1", now=NOW)

    assert (code, state) == ("invalid", "held")
    assert books.balance()["consumed"] == 0
