"""Works on their way through a real Redis: taken, answered, lost, found again."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import redis

from anneal.kernel.redis import redis_client
from mlworker.serving.gateway import broker as module
from mlworker.serving.gateway.broker import BROKER_ERRORS, Broker
from mlworker.serving.placement import living_engines
from mlworker.serving.protocol import (
    ENGINES_KEY,
    EPOCH_KEY,
    Announcement,
    Answer,
    Envelope,
    ModelSpec,
    Work,
    announcement_encode,
    envelope_encode,
    given_up_key,
    reply_key,
    taken_key,
    taking_key,
    waiting_key,
)
from mlworker.serving.worker import line as lines
from mlworker.serving.worker.line import Line

SPEC = ModelSpec("v1", "head", "k", "s", 2)


def work(number: int) -> Work:
    return Work(number, b"o" * 16, SPEC, 9e9, [1], b"\x01\x00\x00\x00")


def announcement(line: Line, base: str, *, age: float = 0.0) -> Announcement:
    return Announcement(line.engine, "test", 1, [base], 10.0, 0, time.time() - age)


@pytest.fixture
def client() -> redis.Redis:
    return redis_client()


@pytest.fixture
def base(client: redis.Redis) -> Iterator[str]:
    name = f"test-{uuid4().hex[:8]}"
    yield name
    client.delete(waiting_key(name))


@pytest.fixture
def line(client: redis.Redis, base: str) -> Iterator[Line]:
    made = Line(f"engine-{uuid4().hex[:8]}", base)
    yield made
    client.delete(taken_key(made.engine), taking_key(made.engine), given_up_key(made.engine))
    client.hdel(ENGINES_KEY, made.engine)


def test_a_redis_that_says_nothing_is_away(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMMAND_SECONDS", 0.1)

    writers: list[asyncio.StreamWriter] = []

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.read()

    async def story() -> None:
        server = await asyncio.start_server(mute, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        settings.REDIS_URL = f"redis://127.0.0.1:{port}/0"
        broker = Broker()
        asking = [broker.send("b", [work(1)]), broker.look(), broker.touch()]
        tasks = [asyncio.create_task(each) for each in asking]
        await asyncio.wait(tasks, timeout=1)
        done = [task.done() and isinstance(task.exception(), BROKER_ERRORS) for task in tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await broker.close()
        server.close()
        for writer in writers:
            writer.close()
            await writer.wait_closed()
        assert done == [True] * 3

    asyncio.run(story())


def send(client: redis.Redis, base: str, *numbers: int) -> None:
    client.lpush(
        waiting_key(base), envelope_encode(Envelope("gw", 0.0, [work(n) for n in numbers]))
    )


def numbers(taken: list[tuple[int, Envelope]]) -> list[int]:
    return [each.number for _, envelope in taken for each in envelope.works]


def test_all_that_waits_is_taken_at_once_oldest_first(
    client: redis.Redis, base: str, line: Line
) -> None:
    send(client, base, 1)
    send(client, base, 2, 3)
    send(client, base, 4)

    taken = line.take(block=False)

    assert numbers(taken) == [1, 2, 3, 4]
    assert client.llen(waiting_key(base)) == 0
    assert client.hlen(taken_key(line.engine)) == 3


def test_a_blocking_take_brings_one_envelope_and_keeps_it_until_it_is_answered(
    client: redis.Redis, base: str, line: Line
) -> None:
    send(client, base, 1)
    send(client, base, 2)
    send(client, base, 3)

    [(first, _)] = blocked = line.take(block=True)
    rest = line.take(block=False)
    kept = client.hlen(taken_key(line.engine))
    for entry in (first, *(entry for entry, _ in rest)):
        line.done(entry)
    line.flush()

    assert (numbers(blocked), numbers(rest), kept) == ([1], [2, 3], 3)
    assert client.exists(taken_key(line.engine), taking_key(line.engine)) == 0


def test_an_idle_engines_lone_envelope_leaves_nothing_behind(
    client: redis.Redis, base: str, line: Line
) -> None:
    send(client, base, 1)
    [(entry, _)] = line.take(block=True)
    assert client.llen(taking_key(line.engine)) == 1

    line.done(entry)

    assert line.take(block=True) == []
    assert client.exists(taken_key(line.engine), taking_key(line.engine)) == 0


def test_an_idle_take_returns_with_nothing_after_a_moment(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "BLOCK_SECONDS", 0.3)
    started = time.monotonic()

    assert line.take(block=True) == []
    assert line.take(block=False) == []
    assert 0.2 < time.monotonic() - started < 10


def test_answers_leave_with_the_next_take_and_end_the_entry(
    client: redis.Redis, base: str, line: Line
) -> None:
    send(client, base, 1)
    [(entry, _)] = line.take(block=True)
    line.answer("gw-x", Answer(1, 0, b"", 0.0, 0.0))
    line.answer("gw-x", Answer(2, 0, b"", 0.0, 0.0))
    line.done(entry)

    line.take(block=True)

    assert client.llen(reply_key("gw-x")) == 1
    assert 0 < client.ttl(reply_key("gw-x")) <= 60
    assert client.exists(taken_key(line.engine)) == 0
    client.delete(reply_key("gw-x"))


def test_foreign_bytes_in_the_queue_are_stepped_over(
    client: redis.Redis, base: str, line: Line
) -> None:
    client.lpush(waiting_key(base), b"1 no envelope")
    send(client, base, 5)

    assert numbers(line.take(block=False)) == [5]
    line.flush()
    assert client.hlen(taken_key(line.engine)) == 1


def test_what_a_dead_engine_had_taken_is_put_back_once(
    client: redis.Redis, base: str, line: Line
) -> None:
    send(client, base, 1)
    line.take(block=True)
    line.announce(announcement(line, base, age=60))

    first, second = asyncio.run(_rescued_twice())

    assert (first, second) == (1, 0)
    assert client.hexists(ENGINES_KEY, line.engine) is False
    again = Line(f"{line.engine}-b", base)
    assert numbers(again.take(block=True)) == [1]
    again.announce(announcement(again, base, age=60))
    assert asyncio.run(_rescued_twice()) == (0, 0)
    assert client.llen(waiting_key(base)) == 0


def test_a_living_engine_keeps_what_it_took(client: redis.Redis, base: str, line: Line) -> None:
    send(client, base, 1)
    line.take(block=True)
    line.announce(announcement(line, base))

    assert asyncio.run(_rescued_twice()) == (0, 0)
    assert client.llen(taking_key(line.engine)) == 1


def test_beside_others_an_engine_takes_no_more_than_it_is_told(
    client: redis.Redis, base: str, line: Line
) -> None:
    other = Line(f"{line.engine}-b", base)
    for number in range(1, 7):
        send(client, base, number)
    line.announce(announcement(line, base))
    alone = line.beside_others()
    other.announce(announcement(other, base))

    assert (alone, line.beside_others(), other.beside_others()) == (False, True, True)
    assert numbers(line.take(block=False, most=4)) == [1, 2, 3, 4]
    assert numbers(other.take(block=False)) == [5, 6]
    other.leave()
    assert not line.beside_others()


def test_who_is_leaving_is_not_sent_to_and_keeps_what_it_has(
    client: redis.Redis, base: str, line: Line
) -> None:
    said = announcement(line, base)
    said.tokens_per_second = 7.0

    async def look() -> tuple[bool, float, bool]:
        broker = Broker()
        await broker.look()
        dead = line.engine in broker.dead()
        told = broker.served(base), broker.tokens_per_second(base), dead
        await broker.close()
        return told

    line.announce(said)
    before = asyncio.run(look())
    said.draining = True
    line.announce(said)

    assert before == (True, 7.0, False)
    assert asyncio.run(look()) == (False, 0, False)


@pytest.fixture
def foreign(client: redis.Redis) -> Iterator[list[bytes]]:
    """What no version of ours writes, beside what an engine on no base would."""
    homeless = Announcement("homeless", "host", 1, [], 0.0, 0, 0.0)
    names = [f"foreign-{uuid4().hex}".encode(), b"\xff" + uuid4().bytes, uuid4().hex.encode()]
    for name, raw in zip(names, [b"\xc1", b"", announcement_encode(homeless)], strict=True):
        client.hset(ENGINES_KEY, name, raw)
    yield names
    client.hdel(ENGINES_KEY, *names)


def test_an_entry_nobody_can_read_hides_no_engine_and_is_told_once(
    line: Line, base: str, foreign: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    beside = Line(f"{line.engine}-beside", base)
    line.announce(announcement(line, base))

    async def looks() -> bool:
        broker = Broker()
        for _ in range(3):
            await broker.look()
            await broker.rescue()
        await broker.close()
        return broker.served(base)

    assert asyncio.run(looks())
    assert line.engine in {each.engine for each in living_engines()}
    assert beside.beside_others()
    told = [each.getMessage() for each in caplog.records if "unreadable" in each.getMessage()]
    assert sorted(told) == sorted(f"serving.unreadable: {n!r} in {ENGINES_KEY}" for n in foreign)


def test_an_emptied_redis_is_noticed(client: redis.Redis, base: str, line: Line) -> None:
    async def look() -> tuple[bool, bool, bool, bool]:
        broker = Broker()
        first, before = await broker.look(), broker.served(base)
        client.delete(EPOCH_KEY, ENGINES_KEY)
        lost = await broker.look()
        line.announce(announcement(line, base))
        await broker.look()
        after = broker.served(base)
        await broker.close()
        return first, before, lost, after

    assert asyncio.run(look()) == (False, False, True, True)


async def _rescued_twice() -> tuple[int, int]:
    broker = Broker()
    await broker.look()
    first = await broker.rescue()
    second = await broker.rescue()
    await broker.close()
    return first, second


def test_every_engine_of_a_base_hears_once_of_what_nobody_waits_for(
    client: redis.Redis, base: str, line: Line
) -> None:
    beside, elsewhere = Line(f"{line.engine}-beside", base), Line(f"{line.engine}-far", f"{base}-x")
    for each, of in ((line, base), (beside, base), (elsewhere, f"{base}-x")):
        each.announce(announcement(each, of))

    async def give_up() -> list[bytes]:
        broker = Broker()
        assert not await broker.give_up(base, [3, 5])  # nobody is known yet
        await broker.look()
        assert await broker.give_up(base, [3, 5])
        await broker.close()
        return [f"{broker.gateway}:{number}".encode() for number in (3, 5)]

    names = asyncio.run(give_up())

    assert 0 < client.ttl(given_up_key(line.engine)) <= 60
    for each, told in ((line, names), (beside, names), (elsewhere, [])):
        send(client, base, 1)
        each.take(block=False)
        assert each.given_up() == told
        each.take(block=False)
        assert each.given_up() == []
        each.leave()
