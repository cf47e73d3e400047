"""What happened already is charged as far as grants and money go, and the rest is kept."""

import json
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from anneal.kernel.ids import uuid7
from tests.unit.billing.books import Books
from tests.unit.billing.conftest import NOW
from tests.unit.billing.test_ledger_money import account_sums, meter, price, rising

__all__ = ["meter"]


def use(books: Books, amount: Any, name: str = "hour") -> tuple[str, Any]:
    """Take and settle as the system does; the take's code, and captured."""
    hold = books.request(amount, happened=True)
    (taken,) = books._as_system(
        "SELECT code FROM hold_take(jsonb_build_array(%s::jsonb), %s)", [json.dumps(hold), NOW]
    )
    if taken[0] != "accepted":
        return taken[0], None
    settled = books._as_system(
        "SELECT captured FROM hold_settle(jsonb_build_array(%s::jsonb), %s)",
        [json.dumps(books.settlement(hold, amount, event_id=name)), NOW],
    )
    return taken[0], settled[0][0]


def kept(books: Books) -> list[tuple[Any, ...]]:
    return books.rows("SELECT captured, rated, charged, uncovered, currency FROM ledger_hold")


def test_budgets_count_it_and_let_it_through(books: Books, meter: str) -> None:
    price(books, unit_amount="0.5")
    books.grant(10, source="plan", now=NOW)
    books.money().grant(100, source="paid", now=NOW)
    units, money = books.limit(0), books.limit(1, unit="USD")

    assert use(books, 30) == ("accepted", 30)

    assert kept(books) == [(30, 20, 10, 0, "USD")]
    assert dict(books.rows("SELECT limit_id, used FROM ledger_limitcount")) == {
        units: 30,
        money: 10,
    }
    limits = [(f"limit:{each}",) for each in sorted([units, money])]
    told = books.rows("SELECT DISTINCT rule FROM ledger_notice ORDER BY 1")
    assert [each for each in told if each[0].startswith("limit:")] == limits
    assert books.take(books.request(1), now=NOW) == [(False, "limit_reached")]
    assert books.drift() == []


def test_a_parked_or_suspended_account_is_charged(books: Books, meter: str) -> None:
    books.grant(10, source="plan", now=NOW)
    books.park("books differ", now=NOW)
    books._as_system(
        "UPDATE accounts_organization SET suspended_at = now(), suspended_reason = 'x'"
        " WHERE id = %s RETURNING 1",
        [books.organization_id],
    )

    assert use(books, 4) == ("accepted", 4)

    assert books.balance()["consumed"] == 4
    assert books.drift() == []


def test_units_beyond_the_grants_are_kept_where_no_price_is_reached(
    books: Books, meter: str
) -> None:
    price(books, unit_amount=1)
    books.grant(999, source="plan", now=NOW)

    assert use(books, 1000) == ("accepted", 1000)

    assert kept(books) == [(1000, 0, 0, 1, "")]
    assert (books.balance()["consumed"], books.usage()) == (999, 1000)
    assert books.drift() == []
    ((hold,),) = books.rows("SELECT id FROM ledger_hold")
    assert books.refund(hold, 11, key="a", now=NOW)[:2] == ("refunded", 11)
    assert books.balance()["consumed"] == 989
    assert kept(books)[0][3] == 0
    assert books.drift() == []


def test_money_that_is_missing_is_kept_as_money(books: Books, meter: str) -> None:
    price(books, unit_amount=1)
    books.grant(10, source="plan", now=NOW)
    books.money().grant(15, source="paid", now=NOW)

    assert use(books, 40) == ("accepted", 40)

    assert kept(books) == [(40, 30, 15, 15, "USD")]
    assert account_sums(books, "USD") == {"issued": -15, "revenue": 15}
    assert books.drift() == []


def test_what_others_set_aside_stays_theirs(books: Books, meter: str) -> None:
    price(books, unit_amount=1)
    books.money().grant(15, source="paid", now=NOW)
    hold = books.request(10)
    books.take(hold, now=NOW)

    assert use(books, 8) == ("accepted", 8)
    books.settle(books.settlement(hold, 10), now=NOW)

    charged = books.rows("SELECT charged, uncovered FROM ledger_hold ORDER BY captured")
    assert charged == [(5, 3), (10, 0)]
    assert books.drift() == []


def test_it_counts_in_the_tiers_of_its_period(books: Books, meter: str) -> None:
    rising(books)
    books.money().grant(40, source="paid", now=NOW)
    use(books, 10, "first")
    use(books, 20, "second")

    assert [row[2:4] for row in sorted(kept(books))] == [(10, 0), (30, 30)]
    assert books.drift() == []


def test_without_grant_and_price_nothing_is_owed(books: Books, meter: str) -> None:
    assert use(books, 5) == ("quota_exhausted", None)
    assert kept(books) == []


@pytest.mark.parametrize("scoped", [True, False])
def test_only_the_system_may_say_that_it_happened(books: Books, meter: str, scoped: bool) -> None:
    books.grant(10, source="plan", now=NOW)
    request = books.request(4, happened=True)

    assert books.take(request, now=NOW if scoped else None) == [(False, "invalid")]
    more = books.request(1, hold_id=uuid7(), happened=True, extends=True)
    told = books._as_system(
        "SELECT code FROM hold_take(jsonb_build_array(%s::jsonb), %s)", [json.dumps(more), NOW]
    )
    assert told == [("invalid",)]


def test_the_most_a_hold_may_cost_is_compared_with_the_decision(books: Books, meter: str) -> None:
    rising(books)
    books.grant(5, source="plan", now=NOW)
    books.money().grant(1000, source="paid", now=NOW)
    first = books.request(15)
    books.take(first, now=NOW)  # ten beyond the grants, at 1 each

    assert books.take(books.request(10, most=29), now=NOW) == [(False, "charge_too_high")]
    hold = books.request(10, most=30)
    assert books.take(hold, now=NOW) == [(True, "accepted")]
    extend = "SELECT code, detail FROM hold_extend(%s, %s, 60, 1, %s, most => %s)"
    for most, code, cost in (
        (Decimal("32.9"), "charge_too_high", "33"),  # with what it has set aside
        (Decimal(33), "extended", "3"),
    ):
        ((told, detail),) = books._in_scope(
            extend, [books.organization_id, hold["hold_id"], NOW, most]
        )
        assert (told, detail) == (code, {"cost": cost, "currency": "USD"})
    assert books.drift() == []


def test_an_account_gone_wrong_fails_as_a_check(books: Books, other_books: Books) -> None:
    for each in (books, other_books):
        each.grant(100, source="plan", now=NOW)
    mine, others = books.request(5), other_books.request(5)
    books.take(mine, now=NOW)
    other_books.take(others, now=NOW)
    books._as_system(
        "UPDATE ledger_balance SET held = held - 1 WHERE organization_id = %s RETURNING 1",
        [books.organization_id],
    )

    with pytest.raises(psycopg.errors.CheckViolation) as failed:
        books.settle(books.settlement(mine, 5), other_books.settlement(others, 5))

    assert failed.value.diag.constraint_name == "ledger_balance_parts"
    assert other_books.settle(other_books.settlement(others, 5))[0][0] == "captured"
    books._as_system(
        "UPDATE ledger_balance SET held = held + 1 WHERE organization_id = %s RETURNING 1",
        [books.organization_id],
    )
    assert books.drift() == []
