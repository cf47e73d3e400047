"""hold_settle, hold_extend and hold_reap: a hold ends once, and usage is counted with it."""

from typing import Any

import pytest

from anneal.kernel.ids import uuid7
from tests.unit.billing.books import Books
from tests.unit.billing.conftest import NOW


@pytest.fixture
def hold(books: Books) -> dict[str, Any]:
    """Six of ten units, held."""
    books.grant(10, source="trial", now=NOW)
    request = books.request(6)
    books.take(request, now=NOW)
    return request


def test_captures_a_part_and_gives_the_rest_back(books: Books, hold: dict[str, Any]) -> None:
    settled = books.settle(books.settlement(hold, 4), now=NOW)

    assert settled == [("captured", "captured", 4)]
    assert books.balance() == {
        "granted": 10,
        "held": 0,
        "consumed": 4,
        "expired": 0,
        "available": 6,
    }
    assert books.usage() == 4
    assert books.drift() == []


def test_a_second_settlement_is_told_the_first_ones_outcome(
    books: Books, hold: dict[str, Any]
) -> None:
    capture = books.settlement(hold, 4)

    twice_in_a_batch = books.settle(capture, capture, now=NOW)
    again = books.settle(books.settlement(hold, 6), now=NOW)
    release = books.settle(books.settlement(hold), now=NOW)

    assert twice_in_a_batch == [("captured", "captured", 4), ("duplicate", "captured", 4)]
    assert again == release == [("duplicate", "captured", 4)]
    assert books.balance()["consumed"] == 4
    assert books.usage() == 4


def test_a_prediction_is_a_usage_event_with_its_own_id(books: Books, hold: dict[str, Any]) -> None:
    ids = [uuid7() for _ in range(6)]

    books.settle(
        books.settlement(
            hold,
            6,
            ids=[str(one) for one in ids],
            dims={"base": "minilm-l6"},
            item_dims=[{"tokens": n} for n in range(6)],
            model="sentiment-en",
        ),
        now=NOW,
    )

    rows = books._in_scope(
        "SELECT id, event_id, units, model, dims, hold_id FROM metering_usageevent"
        " ORDER BY (dims ->> 'tokens')::int",
        [],
    )
    assert [row[0] for row in rows] == ids
    assert [row[1] for row in rows] == [str(one) for one in ids]
    assert {row[2] for row in rows} == {1}
    assert rows[5][3:5] == ("sentiment-en", {"base": "minilm-l6", "tokens": 5})
    assert {str(row[5]) for row in rows} == {hold["hold_id"]}


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"captured": 7}, "exceeds_hold"),
        ({"captured": -1}, "invalid"),
        ({"captured": "NaN"}, "invalid"),
        ({"captured": 10**30}, "invalid"),
        ({"captured": 1, "event_id": None}, "invalid"),
        ({"captured": 1, "ids": ["00000000-0000-7000-8000-00000000000a"]}, "invalid"),
        ({"captured": 1, "meter": "bananas"}, "meter_unknown"),
        ({"hold_id": str(uuid7())}, "hold_unknown"),
        ({"hold_id": None}, "hold_unknown"),
        ({"organization_id": str(uuid7())}, "hold_unknown"),
    ],
)
def test_a_wrong_settlement_changes_nothing_and_its_neighbour_goes_through(
    books: Books, hold: dict[str, Any], more: dict[str, Any], code: str
) -> None:
    neighbour = books.request(2)
    books.take(neighbour, now=NOW)
    wrong = {**books.settlement(hold, 1), **more}

    settled = books.settle(wrong, books.settlement(neighbour, 2), now=NOW)

    assert [row[0] for row in settled] == [code, "captured"]
    assert books.balance()["held"] == 6
    assert books.balance()["consumed"] == 2
    assert books.drift() == []


def test_units_that_do_not_divide_evenly_over_the_items_are_refused(
    books: Books, hold: dict[str, Any]
) -> None:
    thirds = books.settlement(hold, 1, ids=[str(uuid7()) for _ in range(3)])

    assert books.settle(thirds, now=NOW)[0][0] == "invalid"
    assert books.usage() == 0


def test_another_organization_cannot_settle_a_hold(
    books: Books, other_books: Books, hold: dict[str, Any]
) -> None:
    assert other_books.settle(other_books.settlement(hold, 6), now=NOW)[0][0] == "hold_unknown"
    assert books.balance()["held"] == 6


def test_a_usage_event_is_counted_once_for_ever(books: Books, hold: dict[str, Any]) -> None:
    books.settle(books.settlement(hold, 6, event_id="job-1"), now=NOW)
    second = books.request(2)
    books.take(second, now=NOW)

    again = books.settle(books.settlement(second, 2, event_id="job-1"), now=NOW)

    assert again[0][0] == "event_conflict"
    assert books.usage() == 6
    assert books.balance()["held"] == 2


def test_the_same_event_id_of_two_organizations_counts_twice(
    books: Books, other_books: Books, hold: dict[str, Any]
) -> None:
    other_books.grant(10, source="trial", now=NOW)
    other_hold = other_books.request(2)
    other_books.take(other_hold, now=NOW)

    settled = books.settle(
        books.settlement(hold, 6, event_id="job-1"),
        other_books.settlement(other_hold, 2, event_id="job-1"),
        now=NOW,
    )

    assert [row[0] for row in settled] == ["captured", "captured"]
    assert (books.usage(), other_books.usage()) == (6, 2)


def test_the_reaper_releases_what_nobody_settled(books: Books, hold: dict[str, Any]) -> None:
    fresh = books.request(1)
    books.take(fresh, now=NOW)
    books.hold_age(hold["hold_id"])

    books.reap(now=NOW, most=2000)

    assert books.balance()["held"] == 1
    assert books.settle(books.settlement(hold, 6), now=NOW) == [("hold_expired", "expired", 0)]
    assert books.settle(books.settlement(hold), now=NOW) == [("duplicate", "expired", 0)]
    assert books.usage() == 0
    assert books.drift() == []


def test_a_late_settlement_before_the_reaper_is_still_good(
    books: Books, hold: dict[str, Any]
) -> None:
    books.hold_age(hold["hold_id"])

    assert books.settle(books.settlement(hold, 6), now=NOW)[0][0] == "captured"
    assert books.balance()["consumed"] == 6


def test_nobody_can_pass_for_the_reaper_before_the_time_is_over(
    books: Books, hold: dict[str, Any]
) -> None:
    early = books.settlement(hold, outcome="expired")

    assert books.settle(early, now=NOW)[0][0] == "invalid"
    assert books.balance()["held"] == 6


def test_extending_takes_more_or_leaves_the_hold_as_it_was(
    books: Books, hold: dict[str, Any]
) -> None:
    extended = books.extend(hold["hold_id"], 3, now=NOW)
    too_much = books.extend(hold["hold_id"], 2, now=NOW)
    negative = books.extend(hold["hold_id"], -2, now=NOW)

    assert (extended, too_much, negative) == ("extended", "quota_exhausted", "invalid")
    assert books.balance()["held"] == 9
    assert books.settle(books.settlement(hold, 9), now=NOW)[0][0] == "captured"
    assert books.extend(hold["hold_id"], 1, now=NOW) == "hold_closed"
    assert books.extend(str(uuid7()), 1, now=NOW) == "hold_unknown"
    assert books.drift() == []


def test_a_keyed_call_is_answered_from_its_first_answer(books: Books) -> None:
    books.grant(10, source="trial", now=NOW)
    call = {"scope": "POST /v1/classify", "key": "k1", "hash": "a" * 64}
    first = books.request(2, call=call)
    books.take(first, now=NOW)

    in_flight = books.take(books.request(2, call=call), now=NOW)
    books.settle(books.settlement(first, 2, response='{"label":"positive"}'), now=NOW)
    replay = books.take_rows(books.request(2, call=call), now=NOW)
    other_body = books.take(books.request(2, call={**call, "hash": "b" * 64}), now=NOW)
    other_key = books.take(books.request(2, call={**call, "key": "k2"}), now=NOW)

    assert in_flight == [(False, "in_flight")]
    assert replay[0][:2] == (False, "replay")
    assert replay[0][4] == '{"label":"positive"}'
    assert other_body == [(False, "mismatch")]
    assert other_key == [(True, "accepted")]
    assert books.balance()["consumed"] == 2


def test_the_same_idempotency_key_of_two_organizations_is_two_calls(
    books: Books, other_books: Books
) -> None:
    books.grant(10, source="trial", now=NOW)
    other_books.grant(10, source="trial", now=NOW)
    call = {"scope": "POST /v1/classify", "key": "k1", "hash": "a" * 64}

    taken = books.take(books.request(1, call=call), other_books.request(1, call=call), now=NOW)

    assert taken == [(True, "accepted"), (True, "accepted")]


def test_a_keyed_call_that_failed_may_run_again(books: Books) -> None:
    books.grant(10, source="trial", now=NOW)
    call = {"scope": "POST /v1/classify", "key": "k1", "hash": "a" * 64}
    first, second = books.request(2, call=call), books.request(2, call=call)
    books.take(first, now=NOW)
    books.settle(books.settlement(first), now=NOW)

    retried = books.take(second, now=NOW)
    books.settle(books.settlement(second, 2, response="{}"), now=NOW)

    assert retried == [(True, "accepted")]
    assert books.take(books.request(2, call=call), now=NOW) == [(False, "replay")]


@pytest.mark.parametrize("paid", [False, True])
def test_a_keyed_call_whose_first_try_is_over_does_not_wait_for_the_reaper(
    books: Books, other_books: Books, paid: bool
) -> None:
    """All there is lies in the hold of a gateway that is gone, and the reaper is away."""
    if paid:
        books.money().grant("0.0002", source="paid", now=NOW)
        books.limit("0.0002", unit="USD")
    else:
        books.grant(2, source="trial", now=NOW)
    other_books.grant(2, source="trial", now=NOW)
    call = {"scope": "POST /v1/classify", "key": "k1", "hash": "a" * 64}
    first, theirs = books.request(2, call=call), other_books.request(2, call=call)
    books.take(first, theirs, now=NOW)
    books.hold_age(first["hold_id"])

    again = books.request(2, call=call)
    ended = books.take(again, other_books.request(2, call=call), now=NOW)
    assert books.rows("SELECT state FROM ledger_hold") == [("expired",)]
    taken = books.take(again, other_books.request(2, call=call), now=NOW)

    assert ended == [(False, "in_flight")] * 2
    assert taken == [(True, "accepted"), (False, "in_flight")]
    # Whoever was only slow is told that it is over, and charges nothing.
    late = books.settle(books.settlement(first, 2, response="{}"), now=NOW)
    assert late == [("hold_expired", "expired", 0)]
    books.settle(books.settlement(again, 2, response="{}"), now=NOW)
    assert books.take(books.request(2, call=call), now=NOW) == [(False, "replay")]
    assert books.usage() == 2
    assert (books.drift(), other_books.drift()) == ([], [])


def test_a_refused_keyed_call_leaves_no_trace(books: Books) -> None:
    call = {"scope": "POST /v1/classify", "key": "k1", "hash": "a" * 64}
    refused = books.take(books.request(2, call=call), now=NOW)
    books.grant(10, source="trial", now=NOW)

    after_top_up = books.take(books.request(2, call=call), now=NOW)

    assert refused == [(False, "quota_exhausted")]
    assert after_top_up == [(True, "accepted")]


def test_two_keyed_calls_in_one_batch_run_once(books: Books) -> None:
    books.grant(10, source="trial", now=NOW)
    call = {"scope": "POST /v1/classify", "key": "k1", "hash": "a" * 64}

    taken = books.take(books.request(2, call=call), books.request(2, call=call), now=NOW)

    assert taken == [(True, "accepted"), (False, "in_flight")]
