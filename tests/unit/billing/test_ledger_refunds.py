"""capture_refund: exactly what was drawn goes back, once per key, never more than was captured."""

from datetime import timedelta
from typing import Any

import pytest

from anneal.kernel.ids import uuid7
from tests.unit.billing.books import Books
from tests.unit.billing.conftest import NOW
from tests.unit.billing.test_ledger_concurrency import in_parallel
from tests.unit.conftest import DatabaseClone


def captured_hold(books: Books, amount: Any) -> dict[str, Any]:
    hold = books.request(amount)
    assert books.take(hold, now=NOW) == [(True, "accepted")]
    books.settle(books.settlement(hold, amount), now=NOW)
    return hold


def grants(books: Books) -> dict[str, tuple[int, ...]]:
    """consumed, expired and voided of each grant, by source."""
    return {
        row[0]: tuple(map(int, row[1:]))
        for row in books.rows("SELECT source, consumed, expired, voided FROM ledger_grant")
    }


def test_a_part_goes_back_to_the_grants_it_was_drawn_from_last_first(books: Books) -> None:
    books.grant(5, source="trial", now=NOW, expires_at=NOW + timedelta(days=3))
    books.grant(10, source="bought", now=NOW, kind="purchased")
    hold = captured_hold(books, 8)

    assert books.refund(hold, 2, key="a", now=NOW) == ("refunded", 2, 0, 6)
    assert grants(books) == {"trial": (5, 0, 0), "bought": (1, 0, 0)}
    assert books.refund(hold, 4, key="b", now=NOW) == ("refunded", 4, 0, 2)
    assert grants(books) == {"trial": (2, 0, 0), "bought": (0, 0, 0)}
    assert books.balance()["available"] == 13
    assert books.drift() == []


def test_what_is_refunded_can_be_spent_again(books: Books) -> None:
    books.grant(10, source="bought", now=NOW, kind="purchased")
    hold = captured_hold(books, 10)
    books.refund(hold, 10, key="a", now=NOW)

    assert books.take(books.request(10), now=NOW) == [(True, "accepted")]
    assert books.usage() == 10  # what happened stays counted
    assert books.drift() == []


def test_the_same_key_refunds_once_and_another_content_is_told_so(books: Books) -> None:
    books.grant(10, source="bought", now=NOW)
    hold, other = captured_hold(books, 4), captured_hold(books, 4)

    assert books.refund(hold, 3, key="a", now=NOW) == ("refunded", 3, 0, 1)
    assert books.refund(hold, 3, key="a", now=NOW) == ("duplicate", 3, 0, 1)
    assert books.refund(hold, 1, key="a", now=NOW)[0] == "mismatch"
    assert books.refund(other, 3, key="a", now=NOW)[0] == "mismatch"
    assert books.balance()["consumed"] == 5


@pytest.mark.parametrize("amount", [0, -1, "NaN", 10**30, "0.0000000000001"])
def test_an_amount_that_is_none_books_nothing(books: Books, amount: Any) -> None:
    books.grant(10, source="bought", now=NOW)
    hold = captured_hold(books, 4)

    assert books.refund(hold, amount, key="a", now=NOW)[0] == "invalid"
    assert books.balance()["consumed"] == 4
    assert books.rows("SELECT count(*) FROM ledger_capturerefund") == [(0,)]


def test_more_than_was_captured_is_refused_whole(books: Books) -> None:
    books.grant(10, source="bought", now=NOW)
    hold = captured_hold(books, 4)

    assert books.refund(hold, 5, key="a", now=NOW)[0] == "exceeds_capture"
    assert books.refund(hold, 3, key="b", now=NOW)[0] == "refunded"
    assert books.refund(hold, 2, key="c", now=NOW)[0] == "exceeds_capture"
    assert books.refund(uuid7(), 1, key="d", now=NOW)[0] == "hold_unknown"
    assert books.drift() == []


def test_a_hold_that_captured_nothing_has_nothing_to_refund(books: Books) -> None:
    books.grant(10, source="bought", now=NOW)
    held, released = books.request(3), books.request(3)
    books.take(held, released, now=NOW)
    books.settle(books.settlement(released), now=NOW)

    assert books.refund(held, 1, key="a", now=NOW)[0] == "exceeds_capture"
    assert books.refund(released, 1, key="b", now=NOW)[0] == "exceeds_capture"


def test_the_part_of_an_ended_gift_ends_again_and_bought_credit_is_given_anew(
    books: Books,
) -> None:
    ends = NOW + timedelta(days=3)
    books.grant(5, source="gift", now=NOW, expires_at=ends, priority=10)
    books.grant(5, source="bought", now=NOW, expires_at=ends, kind="purchased")
    hold = captured_hold(books, 9)
    later = NOW + timedelta(days=4)

    assert books.refund(hold, 6, key="a", now=later)[0] == "refunded"

    state = grants(books)
    assert state.pop("gift") == (3, 2, 0)
    assert state.pop("bought") == (0, 1, 4)
    ((anew, parts),) = state.items()
    assert anew.startswith("refund:")
    assert parts == (0, 0, 0)
    ((kind, amount, until),) = books.rows(
        "SELECT kind, amount, expires_at FROM ledger_grant WHERE starts_with(source, 'refund:')"
    )
    assert (kind, int(amount), until) == ("purchased", 4, later + timedelta(days=30))
    assert books.balance() == {
        "granted": 10,
        "held": 0,
        "consumed": 3,
        "expired": 3,
        "available": 4,
    }
    assert books.drift() == []


def test_what_came_back_to_a_used_up_grant_ends_when_the_grant_ends(books: Books) -> None:
    end = NOW + timedelta(days=3)
    books.grant(5, source="trial", now=NOW, expires_at=end)
    hold = captured_hold(books, 5)
    # Nothing of the grant is left, so nothing waits for its end any more.
    books.grant(1, source="bought", now=NOW + timedelta(days=1), kind="purchased")
    books.refund(hold, 2, key="a", now=NOW + timedelta(days=2))

    books.sweep(now=end)

    assert grants(books)["trial"] == (3, 2, 0)
    assert books.balance()["expired"] == 2
    assert books.drift() == []


def test_another_organizations_hold_is_unknown(books: Books, other_books: Books) -> None:
    books.grant(10, source="bought", now=NOW)
    other_books.grant(10, source="bought", now=NOW)
    hold = captured_hold(books, 4)

    assert other_books.refund(hold, 4, key="a", now=NOW)[0] == "hold_unknown"
    assert (books.balance()["consumed"], other_books.balance()["granted"]) == (4, 10)


def test_r18_refunds_at_the_same_moment_never_exceed_the_capture(
    database_clone: DatabaseClone, books: Books
) -> None:
    books.grant(100, source="bought", now=NOW, kind="purchased")
    hold = captured_hold(books, 50)

    answers = in_parallel(
        database_clone,
        books,
        [lambda mine, n=n: mine.refund(hold, 3, key=f"key-{n}", now=NOW)[0] for n in range(40)],
    )

    assert answers.count("refunded") == 16  # 16 x 3 = 48, and 3 more would be 51
    assert answers.count("exceeds_capture") == 24
    assert books.balance()["consumed"] == 2
    assert books.drift() == []


def test_r18_the_same_refund_at_the_same_moment_happens_once(
    database_clone: DatabaseClone, books: Books
) -> None:
    books.grant(100, source="bought", now=NOW, kind="purchased")
    hold = captured_hold(books, 50)

    answers = in_parallel(
        database_clone,
        books,
        [lambda mine: mine.refund(hold, 20, key="once", now=NOW)[0] for _ in range(40)],
    )

    assert (answers.count("refunded"), answers.count("duplicate")) == (1, 39)
    assert books.balance()["consumed"] == 30
    assert books.drift() == []
