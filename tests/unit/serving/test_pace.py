"""Calls a minute and calls in flight, over two gateways, on a real Redis."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from anneal.kernel.errors import DomainError
from anneal.kernel.redis import redis_async, redis_client
from billing.plans.contracts import LimitsInForce, PlanLimits
from mlworker.serving.gateway import pace as module
from mlworker.serving.gateway.pace import Pace
from mlworker.serving.gateway.stands import Bound, Entry, organization_bound

Story = Callable[..., Awaitable[Any]]


def limits(rate: int | None = None, in_flight: int | None = None) -> LimitsInForce:
    return LimitsInForce("starter", PlanLimits(requests_per_minute=rate, calls_in_flight=in_flight))


def played(story: Story, gateways: int = 1) -> Any:
    """Run a story with started gateways of one installation."""

    async def play() -> Any:
        clients = [redis_async() for _ in range(gateways)]
        paces = [Pace(client, uuid4().hex) for client in clients]
        loops = [asyncio.create_task(pace.ask_forever()) for pace in paces]
        try:
            return await asyncio.wait_for(story(*paces), 20)
        finally:
            for loop in loops:
                loop.cancel()
            for pace, client in zip(paces, clients, strict=True):
                await pace.close()
                await client.aclose()

    return asyncio.run(play())


async def called(
    pace: Pace, organization: UUID, found: LimitsInForce, stay: float = 0.0
) -> DomainError | None:
    """Make one call; its refusal, or None."""
    return await passed(pace, (organization_bound(organization, found),), stay)


async def passed(pace: Pace, bounds: tuple[Bound, ...], stay: float = 0.0) -> DomainError | None:
    """Make one call within bounds; its refusal, or None."""
    try:
        entry = await pace.enter(bounds)
    except DomainError as error:
        return error
    await asyncio.sleep(stay)
    entry.leave()
    return None


async def settled(pace: Pace) -> None:
    """Let what is due be said to Redis, as happens each second: idle things after the second."""
    for _ in range(2):
        pace.state()
        await asyncio.sleep(0.05)


def counts(told: list[DomainError | None]) -> Counter[str]:
    return Counter("in" if error is None else f"{error.status} {error.param}" for error in told)


@pytest.fixture
def organization_id() -> UUID:
    return uuid4()


def hundred_and_fifty(organization_id: UUID) -> Counter[str]:
    """Call in bursts and alone, as one gateway process."""

    async def story(pace: Pace) -> list[DomainError | None]:
        told = []
        for burst in (1, 40, 1, 1, 60, 7, 40):
            told += await asyncio.gather(
                *(called(pace, organization_id, limits(rate=100), 0.001) for _ in range(burst))
            )
        return told

    return counts(played(story))


def test_a_hundred_of_three_hundred_calls_pass_two_gateway_processes(organization_id: UUID) -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        told = list(processes.map(hundred_and_fifty, [organization_id] * 2))

    assert told[0] + told[1] == {"in": 100, "429 requests_per_minute": 200}


def test_the_refusal_names_the_limit_its_value_the_plan_and_when_to_come_back(
    organization_id: UUID,
) -> None:
    async def story(pace: Pace) -> DomainError | None:
        found = limits(rate=1)
        assert await called(pace, organization_id, found) is None
        assert await called(pace, uuid4(), found) is None
        return await called(pace, organization_id, found)

    error = played(story)

    assert (error.code, error.status, error.param) == ("rate_limited", 429, "requests_per_minute")
    assert 50 < error.retry_after <= 60
    assert error.text.startswith("The plan 'starter' allows 1 requests a minute")
    assert "GET /v1/billing/plans" in error.text


def test_a_minute_that_is_over_begins_anew_and_late_words_of_it_change_nothing(
    organization_id: UUID,
) -> None:
    async def story(first: Pace, second: Pace) -> list[DomainError | None]:
        found = limits(rate=3)
        told = [await called(first, organization_id, found) for _ in range(4)]
        redis_client().pexpire(f"pace:{organization_id}", 1)
        first._stands.clear()
        await asyncio.sleep(0.05)
        told += [await called(second, organization_id, found) for _ in range(2)]
        told += [await called(first, organization_id, found) for _ in range(2)]
        await settled(first)
        return [*told, await called(second, organization_id, found)]

    told = played(story, 2)

    assert [error is None for error in told] == [
        *(True, True, True, False),
        *(True, True, True, False),
        False,
    ]


def test_what_one_gateway_took_ahead_and_left_goes_back_to_the_other(organization_id: UUID) -> None:
    async def story(first: Pace, second: Pace) -> tuple[Counter[str], Counter[str]]:
        found = limits(rate=160)
        assert await called(first, organization_id, found) is None
        before = [await called(second, organization_id, found) for _ in range(155)]
        await settled(first)
        await asyncio.sleep(1.0)  # as long as a refusal is remembered
        after = [await called(second, organization_id, found) for _ in range(20)]
        return counts(before), counts(after)

    before, after = played(story, 2)

    assert before["in"] == 150
    assert after["in"] == 9


def test_calls_in_flight_are_limited_over_two_gateways(organization_id: UUID) -> None:
    async def story(first: Pace, second: Pace) -> tuple[Counter[str], Counter[str]]:
        found = limits(in_flight=5)
        told = await asyncio.gather(
            *(
                called(pace, organization_id, found, 0.3)
                for _ in range(10)
                for pace in (first, second)
            )
        )
        await settled(first)
        await settled(second)
        later = await asyncio.gather(
            *(called(second, organization_id, found, 0.1) for _ in range(7))
        )
        return counts(told), counts(later)

    told, later = played(story, 2)

    assert told == {"in": 5, "429 calls_in_flight": 15}
    assert later == {"in": 5, "429 calls_in_flight": 2}


def test_slots_of_a_gateway_that_died_end_by_themselves(organization_id: UUID) -> None:
    redis_client().hset(f"flight:{organization_id}", "dead", f"5:{int(time.time() * 1000) - 1}")
    redis_client().hset(f"flight:{organization_id}", "alive", f"1:{int(time.time() * 1000) + 9000}")

    async def story(pace: Pace) -> list[DomainError | None]:
        found = limits(in_flight=3)
        return list(
            await asyncio.gather(*(called(pace, organization_id, found, 0.1) for _ in range(4)))
        )

    assert counts(played(story)) == {"in": 2, "429 calls_in_flight": 2}


def test_a_redis_that_comes_back_empty_widens_nothing(organization_id: UUID) -> None:
    async def story(first: Pace, second: Pace) -> tuple[Counter[str], Counter[str]]:
        found = limits(rate=40, in_flight=10)
        stays: list[Entry] = [
            await first.enter((organization_bound(organization_id, found),)) for _ in range(6)
        ]
        told = [await called(second, organization_id, found) for _ in range(10)]
        redis_client().delete(f"pace:{organization_id}", f"flight:{organization_id}")
        await settled(first)
        await settled(second)
        at_once = await asyncio.gather(
            *(called(second, organization_id, found, 0.05) for _ in range(10))
        )
        for entry in stays:
            entry.leave()
        await settled(first)
        told += at_once
        told += [await called(second, organization_id, found) for _ in range(40)]
        return counts(at_once), counts(told)

    at_once, told = played(story, 2)

    assert at_once == {"in": 4, "429 calls_in_flight": 6}
    assert told["in"] == 40 - 6


def test_calls_of_a_lost_minute_count_when_an_idle_gateway_speaks_first(
    organization_id: UUID,
) -> None:
    async def story(busy: Pace, idle: Pace) -> tuple[Counter[str], Counter[str]]:
        found = limits(rate=40)
        before = [await called(busy, organization_id, found) for _ in range(30)]
        redis_client().delete(f"pace:{organization_id}")
        before.append(await called(idle, organization_id, found))
        await settled(busy)
        await settled(idle)
        after = [await called(idle, organization_id, found) for _ in range(20)]
        await settled(busy)
        after += [await called(busy, organization_id, found) for _ in range(20)]
        return counts(before), counts(after)

    before, after = played(story, 2)

    assert before == {"in": 31}
    assert after["in"] == 40 - 31


def test_a_lost_minute_keeps_what_was_taken_ahead_and_counts_it_once(
    organization_id: UUID,
) -> None:
    async def story(busy: Pace, idle: Pace) -> tuple[int, int, bytes | None]:
        found = limits(rate=160)
        assert await called(busy, organization_id, found) is None
        ahead = busy._stands[organization_id].tokens
        redis_client().delete(f"pace:{organization_id}")
        assert await called(idle, organization_id, found) is None
        for _ in range(2):
            busy._ask_for(busy._stands[organization_id])
            await asyncio.sleep(0.05)
        counted = redis_client().hget(f"pace:{organization_id}", busy._gateway)
        return ahead, busy._stands[organization_id].tokens, counted

    ahead, kept, counted = played(story, 2)

    assert ahead == kept > 0
    assert int(counted) == ahead + 1


def test_without_redis_a_gateway_gives_out_what_it_has_and_no_more(
    organization_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(pace: Pace) -> tuple[list[DomainError | None], list[DomainError | None]]:
        found = limits(rate=160)
        assert await called(pace, organization_id, found) is None
        away = Redis(unix_socket_path="/nowhere/redis.sock")
        pace._take = away.register_script("return 0")
        monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.2)
        with_some = [await called(pace, organization_id, found) for _ in range(9)]
        without = [await called(pace, organization_id, found), await called(pace, uuid4(), found)]
        await away.aclose()
        return with_some, without

    with_some, without = played(story)

    assert with_some == [None] * 9
    assert [error and error.status for error in without] == [503, 503]


def test_a_client_that_leaves_while_it_waits_holds_nothing(organization_id: UUID) -> None:
    async def story(pace: Pace) -> tuple[int, DomainError | None]:
        found = limits(in_flight=1)
        waiting = asyncio.create_task(pace.enter((organization_bound(organization_id, found),)))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await asyncio.sleep(0.05)
        again = await called(pace, organization_id, found)
        return pace._stands[organization_id].running, again

    assert played(story) == (0, None)


def test_another_limit_holds_at_once(organization_id: UUID) -> None:
    async def story(pace: Pace) -> list[bool]:
        told = [await called(pace, organization_id, limits(rate=160)) for _ in range(12)]
        told += [await called(pace, organization_id, limits(rate=12))]
        told += [await called(pace, organization_id, limits(rate=14)) for _ in range(3)]
        return [error is None for error in told]

    assert played(story) == [True] * 12 + [False] + [True, True, False]


def test_a_call_that_comes_while_the_second_is_told_is_not_taken_for_refused(
    organization_id: UUID,
) -> None:
    async def story(pace: Pace) -> list[DomainError | None]:
        told = []
        for _ in range(16):
            pace.state()
            for _ in range(3):  # Redis is being told, and nothing was asked for
                await asyncio.sleep(0)
            told.append(await called(pace, organization_id, limits(rate=16)))
        return told

    assert counts(played(story)) == {"in": 16}


def test_stands_of_the_silent_are_forgotten(organization_id: UUID) -> None:
    async def story(pace: Pace) -> int:
        await called(pace, organization_id, limits(in_flight=3))
        for _ in range(2):
            await settled(pace)
        return len(pace._stands)

    assert played(story) == 0
    assert not redis_client().exists(f"flight:{organization_id}")


def test_a_call_within_the_limits_costs_next_to_nothing(organization_id: UUID) -> None:
    """The bar is 0.06 core-ms for all of a gateway's work on a call; this is a sixth at most."""
    calls = 20_000

    async def story(pace: Pace) -> float:
        bounds = (organization_bound(organization_id, limits(rate=1_000_000, in_flight=64)),)
        begun = time.process_time()
        for _ in range(calls):
            (await pace.enter(bounds)).leave()
        return (time.process_time() - begun) / calls

    assert played(story) < 0.000_01
