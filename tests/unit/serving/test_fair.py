"""Turns of organizations at the gateway's desk, and how much of each may wait."""

from contextlib import ExitStack
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlworker.serving.errors import Overloaded
from mlworker.serving.fair import FairQueue
from mlworker.serving.gateway.admission import (
    LEAST_TOKENS,
    MOST_TOKENS,
    WAIT_SECONDS,
    Admission,
)

FLOOD, SMALL, OTHER = (UUID(int=number) for number in (1, 2, 3))


def queue(*things: tuple[UUID, str, int]) -> FairQueue[str]:
    made: FairQueue[str] = FairQueue()
    for organization_id, name, items in things:
        made.add(organization_id, name, items=items)
    return made


def test_a_small_thing_passes_a_flood_that_came_first() -> None:
    made = queue(*((FLOOD, f"f{n}", 1) for n in range(1000)), (SMALL, "s", 1))

    assert made.batch(most=3) == ["f0", "s", "f1"]


def test_large_things_are_settled_one_at_a_time_and_the_next_one_waiting_comes_first() -> None:
    made = queue(*((FLOOD, f"f{n}", 1000) for n in range(3)), (SMALL, "s", 1), (OTHER, "o", 1))

    assert made.batch(items=1000) == ["f0"]
    assert made.batch(items=1000) == ["s", "o"]
    assert made.batch(items=1000) == ["f1"]


def test_a_thing_over_every_bound_is_taken_alone() -> None:
    assert queue((FLOOD, "huge", 5000)).batch(items=1000) == ["huge"]


@given(
    st.lists(st.tuples(st.sampled_from([FLOOD, SMALL, OTHER]), st.integers(1, 900)), max_size=80),
    st.integers(1, 20),
)
def test_everything_leaves_once_and_in_its_own_order(
    things: list[tuple[UUID, int]], most: int
) -> None:
    made: FairQueue[tuple[UUID, int]] = FairQueue()
    for number, (owner, items) in enumerate(things):
        made.add(owner, (owner, number), items=items)
    left = []
    while len(made):
        batch = made.batch(most=most)
        assert 1 <= len(batch) <= most
        left += batch

    assert len(left) == len(things)
    for owner in (FLOOD, SMALL, OTHER):
        numbers = [number for each, number in left if each == owner]
        assert numbers == sorted(numbers)


def test_what_would_wait_too_long_is_refused_with_the_time_to_come_back() -> None:
    rate = 10_000.0
    admission = Admission(lambda _: rate)
    limit = int(rate * WAIT_SECONDS)

    with admission.room("b", FLOOD, limit):
        with pytest.raises(Overloaded) as refused, admission.room("b", FLOOD, 1):
            pass
        assert (refused.value.status, refused.value.code) == (429, "overloaded")
        assert refused.value.retry_after == 8  # until half of it is done
        with admission.room("other base", FLOOD, 1):
            pass
    with admission.room("b", FLOOD, 1):
        pass


def test_an_organization_below_its_share_gets_in_although_another_fills_the_line() -> None:
    admission = Admission(lambda _: 10_000.0)
    limit = admission.limit("b")

    with admission.room("b", FLOOD, limit), admission.room("b", SMALL, limit // 4):
        with pytest.raises(Overloaded), admission.room("b", SMALL, limit // 2):
            pass
        with admission.room("b", SMALL, limit // 8), admission.room("b", OTHER, limit // 4):
            pass
        with pytest.raises(Overloaded), admission.room("b", FLOOD, 1):
            pass


def test_shares_of_many_organizations_stay_below_twice_the_bound() -> None:
    admission = Admission(lambda _: 10_000.0)
    limit = admission.limit("b")

    with ExitStack() as rooms, pytest.raises(Overloaded):
        for number in range(1, 100):
            rooms.enter_context(admission.room("b", UUID(int=number), limit // number))
            assert sum(admission._held["b"].values()) <= 2 * limit


def test_beside_a_lone_call_above_every_bound_others_have_their_share() -> None:
    admission = Admission(lambda _: 10_000.0)
    limit = admission.limit("b")

    with admission.room("b", FLOOD, 10 * limit), admission.room("b", SMALL, limit // 2):
        pass


def test_calls_that_rules_decide_need_no_room_however_they_overlap() -> None:
    admission = Admission(lambda _: 1.0)

    with admission.room("b", FLOOD, 10 * LEAST_TOKENS), ExitStack() as first, ExitStack() as second:
        for each in (first, second):
            each.enter_context(admission.room("b", SMALL, 0))
        first.close()


def test_a_lone_call_is_tried_whatever_its_size_and_unknown_speed_bounds_memory_alone() -> None:
    slow, unknown = Admission(lambda _: 1.0), Admission(lambda _: 0.0)

    assert (slow.limit("b"), unknown.limit("b")) == (LEAST_TOKENS, MOST_TOKENS)
    with slow.room("b", FLOOD, 10 * LEAST_TOKENS):
        pass
    with (
        unknown.room("b", FLOOD, MOST_TOKENS),
        pytest.raises(Overloaded),
        unknown.room("b", FLOOD, 1),
    ):
        pass


def test_a_refused_or_failed_call_leaves_nothing_behind() -> None:
    admission = Admission(lambda _: 10_000.0)

    with pytest.raises(ZeroDivisionError), admission.room("b", FLOOD, 10):
        raise ZeroDivisionError
    assert admission._held == {"b": {}}
