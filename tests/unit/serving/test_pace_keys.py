"""A key's limits beside its organization's, over two gateways, on a real Redis."""

import asyncio
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from uuid import UUID, uuid4

import pytest

from anneal.kernel.errors import DomainError
from anneal.kernel.redis import redis_client
from mlworker.serving.gateway.pace import Pace
from mlworker.serving.gateway.stands import (
    Bound,
    Entry,
    Stand,
    key_bound,
    organization_bound,
)
from tenants.keys.contracts import KeyLimits
from tests.unit.serving.test_pace import limits, passed, played, settled

Told = list[DomainError | None]


def bounds(
    organization: UUID,
    key: UUID | None = None,
    rate: int | None = None,
    in_flight: int | None = None,
    *,
    key_rate: int | None = None,
    key_in_flight: int | None = None,
) -> tuple[Bound, ...]:
    shared = organization_bound(organization, limits(rate, in_flight))
    return (
        (shared,) if key is None else (key_bound(key, KeyLimits(key_rate, key_in_flight)), shared)
    )


def counts(told: Told) -> Counter[str]:
    return Counter("in" if error is None else f"{error.code} {error.param}" for error in told)


def taken(bound_id: UUID) -> int:
    """Calls of the bound's minute that gateways have taken."""
    stored = redis_client().hgetall(f"pace:{bound_id}")
    return sum(int(calls) for name, calls in stored.items() if name != b"window")


@pytest.fixture
def organization_id() -> UUID:
    return uuid4()


@pytest.fixture
def key_id() -> UUID:
    return uuid4()


def bursts(ids: tuple[UUID, UUID]) -> Counter[str]:
    """Call in bursts and alone, as one gateway process."""
    held_to = bounds(*ids, rate=1000, in_flight=500, key_rate=70, key_in_flight=30)

    async def story(pace: Pace) -> Told:
        told: Told = []
        for burst in (1, 25, 1, 14, 30, 25):
            told += await asyncio.gather(*(passed(pace, held_to, 0.001) for _ in range(burst)))
        return told

    return counts(played(story))


def test_two_gateway_processes_let_as_many_calls_of_a_key_pass_as_its_minute_has(
    organization_id: UUID, key_id: UUID
) -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        told = sum(processes.map(bursts, [(organization_id, key_id)] * 2), Counter[str]())

    assert told["in"] == taken(key_id) == 70
    assert set(told) <= {
        "in",
        "key_rate_limited requests_per_minute",
        "key_rate_limited calls_in_flight",
    }
    assert told.total() == 192


def test_a_key_at_its_minute_is_refused_by_name_and_others_of_its_organization_go_on(
    organization_id: UUID, key_id: UUID
) -> None:
    mine = bounds(organization_id, key_id, rate=100, key_rate=2)
    other = bounds(organization_id, uuid4(), rate=100, key_rate=5)
    without = bounds(organization_id, rate=100)

    async def story(pace: Pace) -> tuple[Told, Told]:
        told = [await passed(pace, mine) for _ in range(3)]
        return told, [await passed(pace, each) for each in (other, without)]

    told, others = played(story)

    assert told[:2] == others == [None, None]
    error = told[2]
    assert (error.code, error.status, error.param) == (
        "key_rate_limited",
        429,
        "requests_per_minute",
    )
    assert 50 < error.retry_after <= 60
    assert error.text.startswith("This API key may make 2 requests a minute")


def test_a_flood_of_a_limited_key_takes_nothing_of_the_organizations_minute(
    organization_id: UUID, key_id: UUID
) -> None:
    mine = bounds(organization_id, key_id, rate=30, key_rate=3)
    without = bounds(organization_id, rate=30)

    async def story(first: Pace, second: Pace) -> tuple[Told, Told]:
        flood = await asyncio.gather(*(passed(first, mine) for _ in range(300)))
        return flood, [await passed(second, without) for _ in range(30)]

    flood, others = played(story, 2)

    assert counts(flood) == {"in": 3, "key_rate_limited requests_per_minute": 297}
    assert counts(others) == {"in": 27, "rate_limited requests_per_minute": 3}


def test_calls_that_the_organization_keeps_out_take_nothing_of_the_keys_minute(
    organization_id: UUID, key_id: UUID
) -> None:
    without = bounds(organization_id, rate=10)
    mine = bounds(organization_id, key_id, rate=10, key_rate=8)

    async def story(pace: Pace) -> Told:
        assert await asyncio.gather(*(passed(pace, without) for _ in range(10))) == [None] * 10
        return await asyncio.gather(*(passed(pace, mine) for _ in range(20)))

    assert counts(played(story)) == {"rate_limited requests_per_minute": 20}
    assert taken(key_id) == 0


def test_calls_beyond_a_keys_slots_take_nothing_of_any_minute(
    organization_id: UUID, key_id: UUID
) -> None:
    mine = bounds(organization_id, key_id, rate=15, key_rate=12, key_in_flight=2)

    async def story(pace: Pace) -> Told:
        return await asyncio.gather(*(passed(pace, mine, 0.1) for _ in range(50)))

    assert counts(played(story)) == {"in": 2, "key_rate_limited calls_in_flight": 48}
    assert (taken(key_id), taken(organization_id)) == (2, 2)


def test_a_keys_calls_in_flight_are_limited_over_two_gateways(
    organization_id: UUID, key_id: UUID
) -> None:
    mine = bounds(organization_id, key_id, key_in_flight=9)

    async def story(first: Pace, second: Pace) -> Told:
        calls = (passed(pace, mine, 0.3) for _ in range(10) for pace in (first, second))
        return await asyncio.gather(*calls)

    told = counts(played(story, 2))

    assert told == {"in": 9, "key_rate_limited calls_in_flight": 11}


def test_one_call_after_the_other_passes_a_single_slot_whichever_gateway_it_meets(
    organization_id: UUID, key_id: UUID
) -> None:
    mine = bounds(organization_id, key_id, key_in_flight=1)

    async def story(first: Pace, second: Pace) -> Told:
        told = []
        for _ in range(10):
            for pace in (first, second):
                told.append(await passed(pace, mine))
                await asyncio.sleep(0.05)
        return told

    assert played(story, 2) == [None] * 20


def test_two_at_once_never_pass_a_single_slot(organization_id: UUID, key_id: UUID) -> None:
    mine = bounds(organization_id, key_id, key_in_flight=1)
    at_once: list[int] = [0]

    async def call(pace: Pace) -> int:
        try:
            entry = await pace.enter(mine)
        except DomainError:
            return 0
        at_once.append(at_once[-1] + 1)
        await asyncio.sleep(0.002)
        at_once.append(at_once[-1] - 1)
        entry.leave()
        return 1

    async def story(first: Pace, second: Pace) -> int:
        passed_in = 0
        for _ in range(60):
            passed_in += sum(
                await asyncio.gather(*(call(pace) for pace in (first, second, first, second)))
            )
        return passed_in

    assert played(story, 2) >= 60
    assert max(at_once) == 1


def test_a_keys_slots_of_a_gateway_that_died_end_by_themselves(
    organization_id: UUID, key_id: UUID
) -> None:
    now = int(time.time() * 1000)
    redis_client().hset(f"flight:{key_id}", "dead", f"2:{now - 1}")
    redis_client().hset(f"flight:{key_id}", "alive", f"1:{now + 9000}")
    mine = bounds(organization_id, key_id, key_in_flight=3)

    async def story(pace: Pace) -> Told:
        return await asyncio.gather(*(passed(pace, mine, 0.1) for _ in range(4)))

    assert counts(played(story)) == {"in": 2, "key_rate_limited calls_in_flight": 2}


def test_the_organizations_limit_is_named_where_the_key_has_room(
    organization_id: UUID, key_id: UUID
) -> None:
    crowded = bounds(organization_id, key_id, in_flight=2, key_rate=50, key_in_flight=20)

    async def story(pace: Pace) -> Told:
        return await asyncio.gather(*(passed(pace, crowded, 0.1) for _ in range(5)))

    assert counts(played(story)) == {"in": 2, "rate_limited calls_in_flight": 3}


def test_keys_that_wait_together_keep_nothing_that_their_organization_lets_in_no_call_for(
    organization_id: UUID,
) -> None:
    keys = [uuid4() for _ in range(4)]

    async def story(pace: Pace) -> tuple[Told, list[int], list[int]]:
        all_bounds = [
            bounds(organization_id, key, in_flight=2, key_rate=10, key_in_flight=10) for key in keys
        ]
        told = await asyncio.gather(*(passed(pace, each, 0.1) for each in all_bounds * 2))
        slots = [redis_client().hlen(f"flight:{key}") for key in keys]
        return told, [taken(key) for key in keys], slots

    told, minutes, slots = played(story)

    assert counts(told) == {"in": 2, "rate_limited calls_in_flight": 6}
    assert (minutes, slots) == ([1, 1, 0, 0], [1, 1, 0, 0])


def test_a_refusal_is_forgotten_once_there_is_room_again(key_id: UUID) -> None:
    stand, now = Stand(key_bound(key_id, KeyLimits(requests_per_minute=2))), time.monotonic()

    stand.apply(now, [0, 50_000, b"minute", 0, 0, 0, 0])
    full = stand.refused_until
    stand.apply(now, [1, 50_000, b"minute", 1, 1, 0, 0])

    assert stand.refused_until < now < full


def test_a_changed_limit_of_a_key_holds_at_once(organization_id: UUID, key_id: UUID) -> None:
    async def story(pace: Pace) -> Told:
        told = []
        for rate in (640, 3, 5):
            mine = bounds(organization_id, key_id, key_rate=rate)
            told += [await passed(pace, mine) for _ in range(3)]
        return told

    told = counts(played(story))

    assert told == {"in": 5, "key_rate_limited requests_per_minute": 4}


def test_a_limit_that_is_lowered_while_calls_are_under_way_lets_these_end(
    organization_id: UUID, key_id: UUID
) -> None:
    async def story(pace: Pace) -> tuple[Told, Told]:
        wide = bounds(organization_id, key_id, key_in_flight=10)
        narrow = bounds(organization_id, key_id, key_in_flight=2)
        stays: list[Entry] = [await pace.enter(wide) for _ in range(4)]
        during = [await passed(pace, narrow)]
        for entry in stays:
            entry.leave()
        return during, await asyncio.gather(*(passed(pace, narrow, 0.05) for _ in range(4)))

    during, after = played(story)

    assert counts(during) == {"key_rate_limited calls_in_flight": 1}
    assert counts(after) == {"in": 2, "key_rate_limited calls_in_flight": 2}


def test_stands_of_keys_that_wait_are_kept_and_those_of_the_silent_forgotten(
    organization_id: UUID, key_id: UUID
) -> None:
    mine = bounds(organization_id, key_id, rate=50, key_in_flight=3)

    async def story(pace: Pace) -> tuple[set[UUID], set[UUID]]:
        waiting = asyncio.create_task(pace.enter(mine))
        await asyncio.sleep(0)
        pace.state()
        kept = set(pace._stands)
        (await waiting).leave()
        for _ in range(3):
            await settled(pace)
        return kept, set(pace._stands)

    kept, left = played(story)

    assert kept == {organization_id, key_id}
    assert key_id not in left
    assert not redis_client().exists(f"flight:{key_id}")


def test_a_call_of_a_limited_key_costs_next_to_nothing(organization_id: UUID, key_id: UUID) -> None:
    calls = 20_000
    mine = bounds(
        organization_id, key_id, rate=10**6, in_flight=64, key_rate=10**6, key_in_flight=64
    )

    async def story(pace: Pace) -> float:
        begun = time.process_time()
        for _ in range(calls):
            (await pace.enter(mine)).leave()
        return (time.process_time() - begun) / calls

    assert played(story) < 0.000_02
