"""Pending units of a price are one pool: whatever is captured of it, in any order, is covered."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from anneal.kernel.ids import uuid7
from tests.unit.billing.books import Books
from tests.unit.billing.conftest import NOW
from tests.unit.billing.test_ledger_money import graduated, meter, price

__all__ = ["meter"]

JUMP = (
    '[{"up_to": "100", "unit_amount": "1", "flat_amount": "0"},'
    ' {"up_to": null, "unit_amount": "10", "flat_amount": "0"}]'
)


def charged(books: Books) -> tuple[Decimal, Decimal]:
    """charged and uncovered of all holds"""
    ((amount, uncovered),) = books.rows("SELECT sum(charged), sum(uncovered) FROM ledger_hold")
    return amount, uncovered


def budget(books: Books) -> list[tuple[Any, ...]]:
    return books.rows("SELECT used, held FROM ledger_limitcount ORDER BY begins_at")


def capture(books: Books, hold: dict[str, Any], amount: int, now: datetime = NOW) -> None:
    assert books.settle(books.settlement(hold, amount), now=now)[0][0] == "captured"


def test_units_of_a_rising_price_are_never_sold_below_it(books: Books, meter: str) -> None:
    price(books, "graduated", tiers=JUMP)
    books.money().grant(1100, source="paid", now=NOW, kind="purchased")
    first, second, third = books.request(100), books.request(100), books.request(90)
    assert [code for _, code in books.take(first, second, now=NOW)] == ["accepted"] * 2

    capture(books, second, 100)  # the cheap ones; what it set aside beyond them is for `first`

    assert books.take(third, now=NOW) == [(False, "quota_exhausted")]
    capture(books, first, 100)
    assert charged(books) == (1100, 0)
    assert books.money().balance()["available"] == 0
    assert books.drift() == []


def test_a_hard_budget_of_money_stands_whatever_the_order_of_captures(
    books: Books, meter: str
) -> None:
    price(books, "graduated", tiers=JUMP)
    books.money().grant(5000, source="paid", now=NOW, kind="purchased")
    books.limit(1100, unit="USD")
    first, second, third = books.request(100), books.request(100), books.request(90)
    books.take(first, second, now=NOW)

    capture(books, second, 100)

    assert budget(books) == [(100, 1000)]
    assert books.take(third, now=NOW) == [(False, "limit_reached")]
    capture(books, first, 100)
    assert budget(books) == [(1100, 0)]
    assert books.drift() == []


def test_a_days_budget_stands_when_another_days_hold_pays(books: Books, meter: str) -> None:
    price(books, "graduated", tiers=JUMP)
    books.money().grant(5000, source="paid", now=NOW)
    books.limit(1000, unit="USD", window="day")
    today, tomorrow = NOW, NOW + timedelta(days=1)
    early, late = books.request(100), books.request(100)
    books.take(early, now=today)
    books.take(late, now=tomorrow)  # counts 1,000 in its day

    capture(books, late, 100, now=tomorrow)
    capture(books, early, 100, now=tomorrow)

    assert budget(books) == [(100, 0), (1000, 0)]
    assert charged(books) == (1100, 0)
    assert books.drift() == []
    refund = books.refund(early, 50, key="back", now=tomorrow)
    assert refund[:3] == ("refunded", 50, 500)
    assert sum(used for used, _ in budget(books)) == 600
    assert books.drift() == []


def test_a_keys_budget_counts_its_own_captures_and_refuses_when_it_is_reached(
    books: Books, meter: str
) -> None:
    price(books, "graduated", tiers=JUMP)
    books.money().grant(5000, source="paid", now=NOW)
    key, other = uuid7(), uuid7()
    books.limit(150, unit="USD", scope="key", subject_id=key)
    mine = books.request(100, api_key_id=str(key))
    others = books.request(100, api_key_id=str(other))
    books.take(mine, others, now=NOW)

    capture(books, others, 100)
    capture(books, mine, 100)  # dearer than it was taken at: what the key can come to is known late

    assert budget(books) == [(1000, 0)]
    assert books.take(books.request(1, api_key_id=str(key)), now=NOW) == [(False, "limit_reached")]
    assert charged(books) == (1100, 0)
    assert books.drift() == []


def test_two_holds_that_end_in_one_call_spend_their_money_once(books: Books, meter: str) -> None:
    price(books, "graduated", tiers=JUMP)
    books.money().grant(3000, source="paid", now=NOW)
    books.limit(3000, unit="USD")
    holds = [books.request(100) for _ in range(3)]
    books.take(*holds, now=NOW)

    ends = [
        books.settlement(holds[2], 100),
        books.settlement(holds[1]),
        books.settlement(holds[0], 90),
    ]
    assert [row[0] for row in books.settle(*ends, now=NOW)] == ["captured", "released", "captured"]

    assert charged(books) == (1000, 0)
    assert books.money().balance()["held"] == 0
    assert budget(books) == [(1000, 0)]
    assert books.rows("SELECT aside, pending, limits FROM ledger_ratedusage")[0][:2] == (0, 0)
    assert books.drift() == []


def test_a_hold_that_has_ended_in_the_same_call_lends_nothing(books: Books, meter: str) -> None:
    graduated(books)
    books.money().grant(20, source="paid", now=NOW)
    first, second, third = (books.request(10) for _ in range(3))
    books.take(first, second, third, now=NOW)  # set aside 10, 5 and 5

    ends = [books.settlement(first), books.settlement(third, 10)]
    books.settle(*ends, now=NOW)

    assert (books.money().balance()["held"], books.money().balance()["consumed"]) == (5, 10)
    capture(books, second, 10)
    assert charged(books) == (15, 0)
    assert books.drift() == []


@pytest.mark.parametrize("scope", ["organization", "key", "member"])
def test_what_is_captured_after_a_limit_was_set_counts(
    books: Books, meter: str, scope: str
) -> None:
    price(books, unit_amount=2)
    books.money().grant(5000, source="paid", now=NOW)
    books.grant(100, source="plan", now=NOW)
    key, member = uuid7(), uuid7()
    hold = books.request(150, api_key_id=str(key), member_id=str(member))
    books.take(hold, now=NOW)
    books.segment(hold, 10, "before", now=NOW)
    subject = {"organization": None, "key": key, "member": member}[scope]
    units = books.limit(50, scope=scope, subject_id=subject)
    money = books.limit(1000, unit="USD", scope=scope, subject_id=subject)
    books.limit(7, unit="USD", scope="key", subject_id=uuid7())

    books.segment(hold, 20, "after", now=NOW)
    capture(books, hold, 110)

    counts = dict(books.rows("SELECT limit_id, used FROM ledger_limitcount"))
    assert counts == {units: 130, money: 80}
    again = books.request(1, api_key_id=str(key), member_id=str(member))
    assert books.take(again, now=NOW) == [(False, "limit_reached")]
    notices = "SELECT threshold FROM ledger_notice WHERE rule = %s ORDER BY 1"
    assert books._in_scope(notices, [f"limit:{units}"]) == [(50,), (80,), (90,), (100,)]
    books.refund(hold, 140, key="all", now=NOW)
    assert dict(books.rows("SELECT limit_id, used FROM ledger_limitcount"))[money] == 0
    assert books.drift() == []
