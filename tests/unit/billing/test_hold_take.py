"""hold_take: each request in order, all of it or nothing, nothing twice."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from anneal.kernel.ids import uuid7
from tests.unit.billing.books import Books
from tests.unit.billing.conftest import NOW


def test_takes_until_the_last_unit_and_no_further(books: Books) -> None:
    books.grant(10, source="trial", now=NOW)

    first = books.take(books.request(7), now=NOW)
    too_much = books.take(books.request(4), now=NOW)
    last = books.take(books.request(3), now=NOW)
    none_left = books.take(books.request(1), now=NOW)

    assert first == last == [(True, "accepted")]
    assert too_much == none_left == [(False, "quota_exhausted")]
    assert books.balance() == {
        "granted": 10,
        "held": 10,
        "consumed": 0,
        "expired": 0,
        "available": 0,
    }
    assert books.drift() == []


def test_a_refused_request_in_a_batch_leaves_its_neighbours_alone(books: Books) -> None:
    books.grant(10, source="trial", now=NOW)

    codes = books.take(
        books.request(6), books.request(5), books.request(-1), books.request(4), now=NOW
    )

    assert [code for _, code in codes] == ["accepted", "quota_exhausted", "invalid", "accepted"]
    assert books.balance()["held"] == 10


def test_the_same_hold_again_takes_nothing_more(books: Books) -> None:
    books.grant(10, source="trial", now=NOW)
    request = books.request(6)

    in_one_batch = books.take(request, request, now=NOW)
    later = books.take(request, now=NOW)
    with_another_amount = books.take({**request, "amount": 5}, now=NOW)

    assert in_one_batch == [(True, "accepted"), (True, "duplicate")]
    assert later == [(True, "duplicate")]
    assert with_another_amount == [(False, "mismatch")]
    assert books.balance()["held"] == 6


def test_a_released_hold_cannot_be_taken_again(books: Books) -> None:
    books.grant(10, source="trial", now=NOW)
    request = books.request(6)
    books.take(request, now=NOW)
    books.settle(books.settlement(request), now=NOW)

    assert books.take(request, now=NOW) == [(False, "hold_closed")]
    assert books.balance()["held"] == 0


def test_somebody_elses_hold_id_is_a_mismatch(books: Books, other_books: Books) -> None:
    books.grant(10, source="trial", now=NOW)
    other_books.grant(10, source="trial", now=NOW)
    request = books.request(6)
    books.take(request, now=NOW)

    stolen = other_books.take(
        {**request, "organization_id": str(other_books.organization_id)}, now=NOW
    )

    assert stolen == [(False, "mismatch")]
    assert other_books.balance()["held"] == 0


@pytest.mark.parametrize(
    "amount", [0, -1, "NaN", "Infinity", "-Infinity", 10**30, "1000000000000001", "1e-13", None]
)
def test_amounts_the_ledger_cannot_hold_are_refused(books: Books, amount: Any) -> None:
    books.grant(10, source="trial", now=NOW)

    assert books.take(books.request(amount), now=NOW) == [(False, "invalid")]
    assert books.balance()["held"] == 0


@pytest.mark.parametrize("seconds", [0, -5, 30 * 86400 + 1, "NaN", None])
def test_a_hold_lives_between_a_second_and_thirty_days(books: Books, seconds: Any) -> None:
    books.grant(10, source="trial", now=NOW)

    assert books.take(books.request(1, ttl_seconds=seconds), now=NOW) == [(False, "invalid")]


def test_a_unit_never_granted_is_denied(books: Books) -> None:
    accepted, code, available, ends_at, _ = books.take_rows(books.request(1), now=NOW)[0]

    assert (accepted, code, available, ends_at) == (False, "quota_exhausted", 0, None)


def test_an_unknown_organization_is_denied(books: Books) -> None:
    stranger = {**books.request(1), "organization_id": str(uuid7())}

    assert books.take(stranger, now=NOW) == [(False, "organization_unknown")]


def test_a_suspended_organization_is_denied(books: Books) -> None:
    books.grant(10, source="trial", now=NOW)
    with books.connection.transaction():
        books.connection.execute("SET LOCAL ROLE anneal_system")
        books.connection.execute(
            "UPDATE accounts_organization SET suspended_at = now() WHERE id = %s",
            [books.organization_id],
        )
        books.connection.execute("RESET ROLE")

    assert books.take(books.request(1), now=NOW) == [(False, "organization_suspended")]


def test_an_expired_trial_does_not_count_and_becomes_breakage(books: Books) -> None:
    ends_at = NOW + timedelta(days=14)
    books.grant(10, source="trial", now=NOW, expires_at=ends_at)
    books.take(books.request(4), now=NOW)

    late = books.take_rows(books.request(1), now=ends_at)

    assert late[0][:4] == (False, "quota_exhausted", 0, ends_at)
    assert books.balance() == {
        "granted": 10,
        "held": 4,
        "consumed": 0,
        "expired": 6,
        "available": 0,
    }
    assert books.drift() == []


def test_a_hold_taken_before_the_end_pins_its_part_of_the_trial(books: Books) -> None:
    ends_at = NOW + timedelta(days=14)
    books.grant(10, source="trial", now=NOW, expires_at=ends_at)
    captured, released = books.request(4), books.request(3)
    books.take(captured, released, now=NOW)
    books.take(books.request(1), now=ends_at)

    books.settle(books.settlement(captured, 4), books.settlement(released), now=ends_at)
    books.take(books.request(1), now=ends_at)

    assert books.balance() == {
        "granted": 10,
        "held": 0,
        "consumed": 4,
        "expired": 6,
        "available": 0,
    }
    assert books.drift() == []


def test_grants_are_spent_by_priority_then_by_what_ends_first(books: Books) -> None:
    later, sooner = NOW + timedelta(days=20), NOW + timedelta(days=10)
    endless = books.grant(5, source="endless", now=NOW)
    long = books.grant(5, source="long", now=NOW, expires_at=later)
    short = books.grant(5, source="short", now=NOW, expires_at=sooner)
    first = books.grant(5, source="first", now=NOW, priority=10)
    request = books.request(16)
    books.take(request, now=NOW)

    books.settle(books.settlement(request, 16), now=NOW)

    rows = books._in_scope(
        "SELECT grant_id, amount FROM ledger_ledgerentry WHERE account = 'revenue'", []
    )
    assert {grant: int(amount) for grant, amount in rows} == {
        first: 5,
        short: 5,
        long: 5,
        endless: 1,
    }
    assert books.drift() == []


def test_a_grant_counts_from_its_beginning(books: Books) -> None:
    books.grant(10, source="next", now=NOW, effective_at=NOW + timedelta(days=1))

    today = books.take(books.request(1), now=NOW)
    tomorrow = books.take(books.request(1), now=NOW + timedelta(days=1))

    assert today == [(False, "quota_exhausted")]
    assert tomorrow == [(True, "accepted")]
    assert books.drift() == []


def test_a_batch_over_the_limit_is_refused_whole(books: Books) -> None:
    books.grant(10_000, source="trial", now=NOW)

    with pytest.raises(psycopg.errors.ProgramLimitExceeded):
        books.take(*[books.request(1) for _ in range(2001)], now=NOW)

    assert books.balance()["held"] == 0


def test_a_unit_that_nobody_counts_in_is_no_lack_of_credit(books: Books) -> None:
    books.grant(10, source="trial", now=NOW)
    books.money().grant(10, source="paid", now=NOW)
    unknown = books.request(1, unit="predictoin")

    taken = books.take(unknown, books.request(1), books.request(10**9), now=NOW)

    assert taken == [(False, "meter_unknown"), (True, "accepted"), (False, "quota_exhausted")]
