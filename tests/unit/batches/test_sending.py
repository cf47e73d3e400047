"""Chunks between a worker and an engine, on a real Redis that forgets."""

import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
import redis

from anneal.kernel.redis import redis_client
from mlworker.batches import sending
from mlworker.batches.chunks import Chunk
from mlworker.batches.reading import Entry
from mlworker.batches.sending import LOST_AFTER, MOST_LOSSES, ChunkLost, Sender
from mlworker.batches.serves import Serves
from mlworker.serving.protocol import (
    ENGINES_KEY,
    WANTED_KEY,
    Announcement,
    Answer,
    announcement_encode,
    answers_encode,
    chunk_key,
    reply_key,
    spare_key,
    waiting_key,
)
from mlworker.serving.worker.line import Line


def serves_on(base: str, **fields: object) -> Serves:
    given: dict[str, object] = {
        "endpoint": "/v1/classify",
        "model": "m",
        "version": "m",
        "version_key": "m",
        "deployment_id": "",
        "base": base,
        "tier": "head",
        "task": "text_classification",
        "labels": ["a", "b"],
        "artifact_key": "",
        "artifact_sha256": "",
        "max_length": 64,
        **fields,
    }
    return Serves(**given)  # type: ignore[arg-type] # a test's own dictionary


@pytest.fixture
def client() -> redis.Redis:
    return redis_client()


@pytest.fixture
def base(client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(sending, "WATCH_SECONDS", 0.0)
    name = f"test-{uuid4().hex[:8]}"
    yield name
    client.delete(spare_key(name), waiting_key(name))
    client.zrem(WANTED_KEY, name)


@pytest.fixture
def sender(base: str) -> Iterator[Sender]:
    made = Sender(uuid4(), uuid4(), serves_on(base))
    yield made
    made.close()


def chunk(number: int) -> Chunk:
    entries = [Entry(number * 10), Entry(number * 10 + 1)]
    return Chunk(number, entries, lengths=[2], truncated=[False], tokens=array("i", [1, 2]))


def taken(base: str) -> tuple[str, str, int]:
    """Take a chunk as an engine does; its name, whom to answer, its number."""
    found = Line("engine-test", base).spare_take()
    assert found is not None
    return found[0], found[1].gateway, found[1].works[0].number


@contextmanager
def engine_announced(client: redis.Redis, base: str, chunk: str = "") -> Iterator[None]:
    held = Announcement("e-test", "test", 1, [base], 1.0, 0, time.time() + 60, chunk=chunk)
    client.hset(ENGINES_KEY, "e-test", announcement_encode(held))
    try:
        yield
    finally:
        client.hdel(ENGINES_KEY, "e-test")


def looks(sender: Sender, count: int) -> None:
    for _ in range(count):
        sender.answers(seconds=0.02)


def test_what_an_engine_took_along_is_sent_again(
    client: redis.Redis, base: str, sender: Sender
) -> None:
    sender.send(chunk(1))
    name, _, number = taken(base)
    assert client.llen(spare_key(base)) == 0

    looks(sender, LOST_AFTER + 1)

    assert taken(base)[::2] == (name, number)


def test_what_is_in_a_hand_or_waits_is_not(client: redis.Redis, base: str, sender: Sender) -> None:
    sender.send(chunk(1))
    name, _, _ = taken(base)
    sender.send(chunk(2))
    with engine_announced(client, base, name):
        looks(sender, 3 * LOST_AFTER)
    assert client.llen(spare_key(base)) == 1


def test_an_engine_that_waits_for_calls_is_woken_once(
    client: redis.Redis, base: str, sender: Sender
) -> None:
    with engine_announced(client, base):
        sender.send(chunk(1))
        sender.send(chunk(2))
    [(_, envelope)] = Line("engine-test", base).take(block=False)
    assert envelope.works == []


def test_nothing_is_left_for_an_engine_that_is_not_there(
    client: redis.Redis, base: str, sender: Sender
) -> None:
    sender.send(chunk(1))
    assert client.llen(waiting_key(base)) == 0


def test_an_emptied_redis_gets_all_of_it_again(
    client: redis.Redis, base: str, sender: Sender
) -> None:
    sender.send(chunk(1))
    sender.send(chunk(2))
    names = [raw.decode() for raw in client.lrange(spare_key(base), 0, -1)]  # type: ignore[union-attr] # not asynchronous
    client.delete(spare_key(base), *map(chunk_key, names))

    looks(sender, LOST_AFTER + 1)

    assert sorted(taken(base)[2] for _ in range(2)) == [1, 2]


def test_what_ends_one_engine_after_another_is_given_up_whoever_sends_it(base: str) -> None:
    batch_id = uuid4()
    for _ in range(MOST_LOSSES - 1):
        sender = Sender(uuid4(), batch_id, serves_on(base))
        sender.send(chunk(1))
        taken(base)
        looks(sender, LOST_AFTER)
        assert taken(base)[2] == 1
        sender.close()

    last = Sender(uuid4(), batch_id, serves_on(base))
    last.send(chunk(1))
    taken(base)
    with pytest.raises(ChunkLost, match="lines 10 to 11"):
        looks(last, LOST_AFTER)
    last.close()


def test_a_redis_that_forgets_blames_no_chunk(
    client: redis.Redis, base: str, sender: Sender
) -> None:
    sender.send(chunk(1))
    for _ in range(MOST_LOSSES + 1):
        client.delete(chunk_key(taken(base)[0]))
        looks(sender, LOST_AFTER)
    assert taken(base)[2] == 1


def test_an_answer_counts_once(client: redis.Redis, base: str, sender: Sender) -> None:
    sender.send(chunk(7))
    name, gateway, number = taken(base)
    raw = answers_encode([Answer(number, 2, b"\0" * 8, 1.0, 1.0)])
    client.lpush(reply_key(gateway), raw, raw)

    assert [answer.number for answer in sender.answers(seconds=1)] == [7]
    assert sender.answers(seconds=1) == []
    assert not client.exists(chunk_key(name))


def test_what_is_given_up_is_wanted_no_more(client: redis.Redis, base: str, sender: Sender) -> None:
    sender.send(chunk(1))
    line = Line("engine-test", base)
    found = line.spare_take()
    assert found is not None
    assert line.spare_wanted(found[0])

    sender.close()

    assert not line.spare_wanted(found[0])
