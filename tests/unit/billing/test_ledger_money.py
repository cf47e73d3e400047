"""Money beside units: what grants of the meter do not cover is charged at the price."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from anneal.kernel.ids import uuid7
from tests.unit.billing.books import Books
from tests.unit.billing.conftest import NOW
from tests.unit.billing.test_ledger_concurrency import in_parallel
from tests.unit.conftest import DatabaseClone

PriceMake = Callable[..., str]


@pytest.fixture
def meter(books: Books) -> str:
    """A meter of this test alone, so that its prices are too."""
    code = f"thing_{uuid7().hex[-12:]}"
    with books.connection.transaction():
        books.connection.execute("SET LOCAL ROLE anneal_system")
        books.connection.execute(
            "INSERT INTO prices_meter (id, created_at, code, name_en, name_zh, unit_en, unit_zh)"
            " VALUES (gen_random_uuid(), now(), %s, 'Things', '物', 'thing', '个')",
            [code],
        )
    books.unit = code
    return code


def price(books: Books, model: str = "per_unit", match: str = "{}", **terms: Any) -> None:
    """Give the meter a price in USD that rules for ever."""
    names = ["unit_amount", *[name for name in terms if name != "unit_amount"]]
    values = [terms.get("unit_amount", 0), *[terms[name] for name in names[1:]]]
    with books.connection.transaction():
        books.connection.execute("SET LOCAL ROLE anneal_system")
        books.connection.execute(
            "INSERT INTO prices_price (id, created_at, meter_id, version, currency, effective_at,"
            f" plan, model, match, {', '.join(names)})"
            " SELECT gen_random_uuid(), now(), id, 1, 'USD', '2020-01-01', '', %s, %s::jsonb,"
            f" {', '.join(['%s'] * len(names))} FROM prices_meter WHERE code = %s",
            [model, match, *values, books.unit],
        )


def graduated(books: Books) -> None:
    tiers = (
        '[{"up_to": "10", "unit_amount": "1", "flat_amount": "0"},'
        ' {"up_to": null, "unit_amount": "0.5", "flat_amount": "0"}]'
    )
    price(books, "graduated", tiers=tiers)


def capture(books: Books, hold: dict[str, Any], amount: Any, now: datetime = NOW) -> Any:
    return books.settle(books.settlement(hold, amount), now=now)


def charged(books: Books, hold: dict[str, Any]) -> Decimal:
    ((amount,),) = books._in_scope(
        "SELECT charged - charge_refunded FROM ledger_hold WHERE id = %s", [hold["hold_id"]]
    )
    return Decimal(amount)


def account_sums(books: Books, unit: str) -> dict[str, Decimal]:
    return dict(
        books._in_scope(
            "SELECT account, sum(amount) FROM ledger_ledgerentry WHERE unit = %s"
            " GROUP BY account HAVING sum(amount) <> 0",
            [unit],
        )
    )


def test_the_meters_grants_are_drawn_first_and_money_pays_the_rest(
    books: Books, meter: str
) -> None:
    price(books, unit_amount="0.25")
    books.grant(10, source="plan", now=NOW)
    books.money().grant(100, source="paid", now=NOW, kind="purchased")
    hold = books.request(30)

    assert books.take(hold, now=NOW) == [(True, "accepted")]
    assert (books.balance()["held"], books.money().balance()["held"]) == (10, 5)
    assert capture(books, hold, 30) == [("captured", "captured", 30)]

    assert books.balance()["consumed"] == 10
    assert books.money().balance()["consumed"] == 5
    assert books.usage() == 30
    assert charged(books, hold) == 5
    assert books.drift() == []


def test_what_is_not_captured_costs_nothing(books: Books, meter: str) -> None:
    price(books, unit_amount="0.25")
    books.grant(10, source="plan", now=NOW)
    books.money().grant(100, source="paid", now=NOW)
    hold, other = books.request(30), books.request(8)
    books.take(hold, other, now=NOW)

    capture(books, hold, 12)
    books.settle(books.settlement(other), now=NOW)

    assert charged(books, hold) == Decimal("0.5")
    assert books.money().balance()["held"] == 0
    assert books.rows("SELECT used, pending FROM ledger_ratedusage") == [(2, 0)]
    assert books.drift() == []


def test_money_is_drawn_in_the_order_of_its_grants(books: Books, meter: str) -> None:
    price(books, unit_amount=1)
    money = books.money()
    money.grant(5, source="line", now=NOW, kind="credit_line", priority=100)
    money.grant(5, source="paid", now=NOW, kind="purchased")
    money.grant(5, source="gift", now=NOW, expires_at=NOW + timedelta(days=3))
    hold = books.request(12)
    books.take(hold, now=NOW)

    capture(books, hold, 12)

    drawn = books._in_scope("SELECT source, consumed FROM ledger_grant WHERE unit = 'USD'", [])
    assert dict(drawn) == {"gift": 5, "paid": 5, "line": 2}
    assert account_sums(books, "USD") == {
        "issued": -15,
        "revenue": 10,
        "receivable": 2,
        "credit_line": 3,
    }
    assert books.drift() == []


def test_a_credit_line_that_ends_unused_is_nobodys_income(books: Books, meter: str) -> None:
    money = books.money()
    money.grant(
        50, source="line", now=NOW, kind="credit_line", priority=100, expires_at=NOW + timedelta(1)
    )

    money.sweep(now=NOW + timedelta(days=2))

    assert account_sums(books, "USD") == {"issued": -50, "lapsed": 50}
    assert money.balance()["expired"] == 50
    assert books.drift() == []


def test_too_little_money_refuses_and_says_what_is_missing(books: Books, meter: str) -> None:
    price(books, unit_amount=2)
    books.grant(10, source="plan", now=NOW)
    books.money().grant(5, source="paid", now=NOW)

    ((accepted, code, available, _, _),) = books.take_rows(books.request(13), now=NOW)
    ((detail,),) = books._in_scope(
        "SELECT detail FROM hold_take(jsonb_build_array(%s::jsonb), %s)",
        [psycopg.types.json.Jsonb(books.request(13)), NOW],
    )

    assert (accepted, code, available) == (False, "quota_exhausted", 10)
    assert detail == {"currency": "USD", "needed": "6", "available": "5"}
    assert books.balance()["held"] == books.money().balance()["held"] == 0
    assert books.take(books.request(12), now=NOW) == [(True, "accepted")]
    assert books.drift() == []


@pytest.mark.parametrize("model", [None, "volume", "percentage"])
def test_without_a_price_that_can_be_charged_ahead_only_grants_count(
    books: Books, meter: str, model: str | None
) -> None:
    if model == "volume":
        price(books, "volume", tiers='[{"up_to": null, "unit_amount": "1", "flat_amount": "0"}]')
    if model == "percentage":
        price(books, "percentage", percent=5)
    books.grant(10, source="plan", now=NOW)
    books.money().grant(500, source="paid", now=NOW)

    assert books.take(books.request(11), now=NOW) == [(False, "quota_exhausted")]
    assert books.take(books.request(10), now=NOW) == [(True, "accepted")]
    assert books.drift() == []


def test_the_dims_of_the_call_choose_the_price(books: Books, meter: str) -> None:
    price(books, unit_amount=4)
    price(books, match='{"channel": "batch"}', unit_amount=1)
    books.money().grant(100, source="paid", now=NOW)
    online = books.request(2, dims={"task": "a", "tier": "head", "channel": "online"})
    batch = books.request(2, dims={"task": "a", "tier": "head", "channel": "batch"})
    books.take(online, batch, now=NOW)

    capture(books, online, 2)
    capture(books, batch, 2)

    assert (charged(books, online), charged(books, batch)) == (8, 2)
    assert books.drift() == []


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_the_charges_of_a_period_add_up_whatever_the_order_of_captures(
    books: Books, meter: str, order: tuple[int, ...]
) -> None:
    graduated(books)
    books.money().grant(100, source="paid", now=NOW)
    holds = [books.request(6) for _ in range(3)]
    books.take(*holds, now=NOW)

    for number in order:
        capture(books, holds[number], 6)

    assert sum(charged(books, hold) for hold in holds) == 14  # 10 x 1 + 8 x 0.5
    assert books.money().balance()["consumed"] == 14
    assert books.drift() == []


def test_r44_what_holds_set_aside_together_covers_any_of_them(books: Books, meter: str) -> None:
    graduated(books)
    books.money().grant(15, source="paid", now=NOW)
    early, late = books.request(10), books.request(10)

    # Ten at 1 and ten at 0.5, whichever is captured first; nothing is left for a third.
    assert books.take(early, now=NOW) == [(True, "accepted")]
    assert books.take(late, now=NOW) == [(True, "accepted")]
    assert books.take(books.request(1), now=NOW) == [(False, "quota_exhausted")]
    capture(books, late, 10)
    assert (charged(books, late), books.money().balance()["held"]) == (10, 5)
    books.settle(books.settlement(early), now=NOW)
    assert books.money().balance()["available"] == 5
    assert books.drift() == []


def rising(books: Books) -> None:
    tiers = (
        '[{"up_to": "10", "unit_amount": "1", "flat_amount": "0"},'
        ' {"up_to": null, "unit_amount": "3", "flat_amount": "0"}]'
    )
    price(books, "graduated", tiers=tiers)


def test_r44_a_hold_covers_what_it_costs_after_all_that_is_pending(
    books: Books, meter: str
) -> None:
    rising(books)
    books.money().grant(39, source="paid", now=NOW)
    early, late = books.request(10), books.request(10)

    # Captured after the first, the second one's ten cost 3 each: 29 do not cover that.
    assert books.take(early, now=NOW) == [(True, "accepted")]
    assert books.take(late, now=NOW) == [(False, "quota_exhausted")]
    books.money().grant(1, source="more", now=NOW)
    assert books.take(late, now=NOW) == [(True, "accepted")]
    assert books.money().balance()["held"] == 40
    assert books.drift() == []


def test_r44_what_the_order_of_captures_made_dearer_comes_from_what_others_set_aside(
    books: Books, meter: str
) -> None:
    rising(books)
    books.money().grant(40, source="paid", now=NOW)
    early, late = books.request(10), books.request(10)
    books.take(early, late, now=NOW)

    capture(books, late, 10)
    assert books.money().balance()["held"] == 30
    capture(books, early, 10)

    assert (charged(books, late), charged(books, early)) == (10, 30)
    assert (books.money().balance()["held"], books.money().balance()["consumed"]) == (0, 40)
    assert books.drift() == []


def test_a_budget_of_money_counts_what_a_hold_costs_that_set_nothing_aside(
    books: Books, meter: str
) -> None:
    price(books, "package", package_units=7, package_amount=30)
    books.money().grant(1_000, source="paid", now=NOW)
    books.limit(1_000, unit="USD")
    first, inside, after = books.request(5), books.request(2), books.request(1)
    books.take(first, now=NOW)
    capture(books, first, 5)
    books.take(inside, after, now=NOW)  # two more fit into the package that is paid

    capture(books, after, 1)
    capture(books, inside, 2)

    assert charged(books, inside) == 30
    assert books.rows("SELECT held, used FROM ledger_limitcount") == [(0, 60)]


def test_tiers_begin_again_with_the_month_and_a_hold_stays_in_its_own(
    books: Books, meter: str
) -> None:
    graduated(books)
    books.money().grant(100, source="paid", now=NOW)
    march, also_march = books.request(10), books.request(10)
    books.take(march, also_march, now=NOW)
    april = NOW + timedelta(days=40)
    capture(books, march, 10, now=NOW)
    later = books.request(10)
    books.take(later, now=april)

    capture(books, also_march, 10, now=april)
    capture(books, later, 10, now=april)

    assert [charged(books, hold) for hold in (march, also_march, later)] == [10, 5, 10]
    assert books.drift() == []


def test_extending_a_hold_past_the_grants_draws_money(books: Books, meter: str) -> None:
    price(books, unit_amount="0.5")
    books.grant(10, source="plan", now=NOW)
    books.money().grant(5, source="paid", now=NOW)
    hold = books.request(8)
    books.take(hold, now=NOW)

    assert books.extend(hold["hold_id"], 10, now=NOW) == "extended"
    assert books.extend(hold["hold_id"], 3, now=NOW) == "quota_exhausted"
    assert books.segment(hold, 9, "s1", now=NOW)[0] == "captured"
    assert books.segment(hold, 4, "s2", now=NOW)[0] == "captured"
    assert charged(books, hold) == Decimal("1.5")
    assert capture(books, hold, 5) == [("captured", "captured", 18)]
    assert charged(books, hold) == 4
    assert books.drift() == []


def test_a_refund_gives_money_back_first_and_its_share_exactly(books: Books, meter: str) -> None:
    price(books, unit_amount="0.1")
    books.grant(10, source="plan", now=NOW)
    books.money().grant(50, source="paid", now=NOW, kind="purchased")
    hold = books.request(13)
    books.take(hold, now=NOW)
    capture(books, hold, 13)

    assert books.refund(hold, 1, key="a", now=NOW) == ("refunded", 1, Decimal("0.1"), 12)
    assert books.refund(hold, 4, key="b", now=NOW) == ("refunded", 4, Decimal("0.2"), 8)
    assert charged(books, hold) == 0
    assert books.balance()["consumed"] == 8
    assert books.money().balance()["consumed"] == 0
    assert books.drift() == []


def test_an_account_is_kept_in_one_currency(books: Books, meter: str) -> None:
    books.money("EUR").grant(5, source="paid", now=NOW)

    with pytest.raises(psycopg.errors.CheckViolation, match="kept in EUR, not in USD"):
        books.money("USD").grant(5, source="paid", now=NOW)
    assert books.rows("SELECT unit FROM ledger_grant") == [("EUR",)]


def test_money_is_no_unit_to_hold(books: Books, meter: str) -> None:
    books.money().grant(5, source="paid", now=NOW)

    assert books.money().take(books.money().request(1), now=NOW) == [(False, "invalid")]


def test_the_last_money_is_spent_exactly_once_from_everywhere(
    database_clone: DatabaseClone, books: Books, meter: str
) -> None:
    price(books, unit_amount="0.5")
    books.grant(20, source="plan", now=NOW)
    books.money().grant(15, source="paid", now=NOW)

    def buy(mine: Books) -> bool:
        hold = mine.request(1)
        ((accepted, _),) = mine.take(hold, now=NOW)
        if accepted:
            mine.settle(mine.settlement(hold, 1), now=NOW)
        return accepted

    sold = in_parallel(database_clone, books, [buy] * 120)

    assert sum(sold) == 50
    assert (books.balance()["consumed"], books.money().balance()["consumed"]) == (20, 15)
    assert books.drift() == []
