"""The failures of others, each as a case of ours: R and B numbers name where they were met.

R1, R2, R8 and R46 stand with the limits, R4-R6 with the crashes, R18 with the refunds, R37 with the
segments, R44 with money, B9 with the reconciliation.
"""

import re
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from anneal.kernel.ids import uuid7
from tests.unit.billing.books import Books
from tests.unit.billing.conftest import NOW
from tests.unit.billing.test_ledger_concurrency import in_parallel
from tests.unit.conftest import ROOT, DatabaseClone


def buy_one(books: Books) -> bool:
    hold = books.request(1)
    ((accepted, _),) = books.take(hold, now=NOW)
    if accepted:
        books.settle(books.settlement(hold, 1), now=NOW)
    return accepted


def test_r03_a_hold_that_nobody_settles_goes_back_whole(books: Books) -> None:
    books.grant(10, source="trial", now=NOW)
    dead = [books.request(3) for _ in range(3)]
    books.take(*dead, now=NOW)
    for hold in dead:
        books.hold_age(hold["hold_id"])

    books.reap(now=NOW)

    assert (books.balance()["held"], books.balance()["available"]) == (0, 10)
    assert books.settle(books.settlement(dead[0], 3), now=NOW)[0][0] == "hold_expired"
    assert books.usage() == 0
    assert books.drift() == []


def test_r07_two_hundred_callers_of_one_unit_get_it_once(
    database_clone: DatabaseClone, books: Books
) -> None:
    books.grant(1, source="trial", now=NOW)

    assert sum(in_parallel(database_clone, books, [buy_one] * 200)) == 1
    assert books.balance()["available"] == 0
    assert books.drift() == []


def test_r09_what_was_delivered_is_charged_and_no_more(books: Books) -> None:
    books.grant(100, source="trial", now=NOW)
    stream = books.request(80)
    books.take(stream, now=NOW)

    books.segment(stream, 37, "stream:1", now=NOW)  # delivered, then the client was gone
    books.hold_age(stream["hold_id"])
    books.reap(now=NOW)

    assert (books.balance()["consumed"], books.balance()["available"]) == (37, 63)
    assert books.usage() == 37
    assert books.drift() == []


def test_r14_the_same_event_of_two_organizations_counts_for_both(
    books: Books, other_books: Books
) -> None:
    for each in (books, other_books):
        each.grant(5, source="trial", now=NOW)
        hold = each.request(2)
        each.take(hold, now=NOW)
        settled = each.settle(each.settlement(hold, 2, event_id="evt-1"), now=NOW)
        assert settled == [("captured", "captured", 2)]

    assert (books.usage(), other_books.usage()) == (2, 2)


def test_r16_an_event_sent_later_is_the_same_and_with_other_units_a_conflict(books: Books) -> None:
    books.grant(50, source="trial", now=NOW)
    hold = books.request(20)
    books.take(hold, now=NOW)
    hour = timedelta(hours=1)

    codes = [
        books.segment(hold, units, "job:1", now=NOW, occurred_at=(NOW + hour * late).isoformat())[0]
        for units, late in ((5, 0), (5, 3), (6, 0))
    ]

    assert codes == ["captured", "duplicate", "event_conflict"]
    assert books.usage() == 5


def test_r17_a_gift_given_again_by_a_retry_or_a_double_click_comes_once(
    database_clone: DatabaseClone, books: Books
) -> None:
    in_parallel(database_clone, books, [lambda mine: mine.grant(7, source="click-1", now=NOW)] * 30)

    assert books.balance()["granted"] == 7
    assert books.drift() == []


def test_r21_one_hold_settled_from_everywhere_at_once_is_charged_once(
    database_clone: DatabaseClone, books: Books
) -> None:
    books.grant(10, source="trial", now=NOW)
    hold = books.request(6)
    books.take(hold, now=NOW)
    settlement = books.settlement(hold, 4)

    codes = in_parallel(
        database_clone, books, [lambda mine: mine.settle(settlement, now=NOW)[0][0]] * 60
    )

    assert Counter(codes) == {"captured": 1, "duplicate": 59}
    assert (books.balance()["consumed"], books.usage()) == (4, 4)
    assert books.drift() == []


def test_r41_no_cache_knows_a_balance() -> None:
    """Redis may be killed at any point: nothing of money was ever in it."""
    sources = list((ROOT / "billing").rglob("*.py"))

    assert len(sources) > 40
    named = re.compile(r"^\s*(?:from|import)\s+\S*(?:redis|cache)", re.MULTILINE)
    assert [path.name for path in sources if named.search(_text(path))] == []


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_r42_taking_a_plan_back_leaves_what_was_bought(books: Books) -> None:
    plan = books.grant(10, source="plan", now=NOW, kind="operator")
    books.grant(10, source="bought", now=NOW, kind="purchased")
    hold = books.request(12)
    books.take(hold, now=NOW)
    void = "SELECT grant_void(%s, %s, %s)"

    assert books._in_scope(void, [books.organization_id, plan, NOW]) == [(0,)]
    books.settle(books.settlement(hold, 4), now=NOW)
    assert books._in_scope(void, [books.organization_id, plan, NOW]) == [(6,)]

    assert books.balance() == {
        "granted": 14,
        "held": 0,
        "consumed": 4,
        "expired": 0,
        "available": 10,
    }
    assert books.drift() == []


@pytest.mark.parametrize("amount", [-5, 0, "NaN", 10**30])
def test_r43_a_negative_amount_never_raises_a_balance(books: Books, amount: Any) -> None:
    books.grant(10, source="trial", now=NOW)
    hold = books.request(5)
    books.take(hold, now=NOW)

    with pytest.raises((psycopg.errors.CheckViolation, psycopg.errors.NumericValueOutOfRange)):
        books.grant(amount, source="bad", now=NOW)
    assert books.take(books.request(amount), now=NOW) == [(False, "invalid")]
    assert books.extend(hold["hold_id"], -5, now=NOW) == "invalid"
    assert books.settle(books.settlement(hold, -5), now=NOW)[0][0] == "invalid"
    with pytest.raises(psycopg.errors.CheckViolation), books.connection.transaction():
        books.connection.execute("SET LOCAL ROLE anneal_system")
        books.connection.execute(
            "INSERT INTO prices_price (id, created_at, meter_id, version, currency, effective_at,"
            " plan, model, match, unit_amount) SELECT gen_random_uuid(), now(), id, 9, 'USD',"
            " '2030-01-01', '', 'per_unit', '{}', -1 FROM prices_meter LIMIT 1"
        )
    assert (books.balance()["granted"], books.balance()["held"]) == (10, 5)
    assert books.drift() == []


def test_r45_one_credit_and_two_requests_leave_nothing_below_zero(books: Books) -> None:
    books.grant(1, source="trial", now=NOW)

    codes = [code for _, code in books.take(books.request(1), books.request(1), now=NOW)]

    assert codes == ["accepted", "quota_exhausted"]
    assert books.balance()["available"] == 0


def test_b1_two_hundred_calls_with_one_key_are_one_hold_and_one_answer(
    database_clone: DatabaseClone, books: Books, other_books: Books
) -> None:
    books.grant(500, source="trial", now=NOW)
    other_books.grant(500, source="trial", now=NOW)
    call = {"scope": "POST /v1/classify", "key": "one", "hash": "body"}

    def ask(mine: Books) -> tuple[str, Any]:
        hold = mine.request(2, call=call)
        ((accepted, code, _, _, response),) = mine.take_rows(hold, now=NOW)
        if accepted:
            mine.settle(mine.settlement(hold, 2, response='{"label": "a"}'), now=NOW)
        return code, response

    answers = Counter(in_parallel(database_clone, books, [ask] * 200))

    assert answers[("accepted", None)] == 1
    assert set(answers) <= {
        ("accepted", None),
        ("in_flight", None),
        ("replay", '{"label": "a"}'),
    }
    assert ask(books) == ("replay", '{"label": "a"}')
    other_body = books.request(2, call={**call, "hash": "another"})
    assert books.take(other_body, now=NOW) == [(False, "mismatch")]
    assert ask(other_books)[0] == "accepted"
    assert (books.balance()["consumed"], books.usage()) == (2, 2)
    assert books.drift() == []


def test_b2_an_answer_lost_after_its_commit_is_given_again(
    database_clone: DatabaseClone, books: Books
) -> None:
    books.grant(10, source="trial", now=NOW)
    request = books.request(4)
    with psycopg.connect(database_clone.app_url, autocommit=True) as doomed:
        Books(doomed, books.organization_id).take(request, now=NOW)
        # The connection ends here: nobody ever learned of the hold.

    assert books.take(request, now=NOW) == [(True, "duplicate")]
    assert books.balance()["held"] == 4


def test_b3_a_wallet_of_ten_admits_exactly_ten_and_is_never_below_zero(
    database_clone: DatabaseClone, books: Books
) -> None:
    books.grant(10, source="trial", now=NOW)
    lowest: list[int] = []

    def look_and_buy(mine: Books) -> bool:
        lowest.append(mine.balance()["available"])
        return mine.take(mine.request(1), now=NOW)[0][0]

    assert sum(in_parallel(database_clone, books, [look_and_buy] * 100)) == 10
    assert min(lowest) >= 0
    assert books.balance()["available"] == 0
    assert books.drift() == []


def test_a_grant_that_has_ended_gives_nothing_and_one_to_come_nothing_yet(books: Books) -> None:
    books.grant(10, source="old", now=NOW, expires_at=NOW + timedelta(days=1))
    books.grant(10, source="new", now=NOW, effective_at=NOW + timedelta(days=3))
    between = NOW + timedelta(days=2)

    assert books.take(books.request(1), now=between) == [(False, "quota_exhausted")]
    assert books.balance()["held"] == 0
    assert books.drift() == []


def test_an_unknown_meter_books_nothing(books: Books) -> None:
    books.grant(10, source="trial", now=NOW)
    hold = books.request(2)
    books.take(hold, now=NOW)

    unknown = books.settlement(hold, 2, meter=f"nothing_{uuid7().hex[:6]}")

    assert books.settle(unknown, now=NOW) == [("meter_unknown", "held", 0)]
    assert books.balance()["consumed"] == 0
