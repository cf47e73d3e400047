"""Which bases are rung for."""

import time
from collections.abc import Iterator

import pytest
import redis

from anneal.kernel.redis import redis_client
from mlworker.serving.placement import bases_to_ring, living_engines
from mlworker.serving.protocol import (
    ENGINES_KEY,
    WANTED_KEY,
    Announcement,
    announcement_encode,
)

KEYS = (ENGINES_KEY, WANTED_KEY, "serve:rung:minilm-l6")


@pytest.fixture
def client() -> Iterator[redis.Redis]:
    made = redis_client()
    made.delete(*KEYS)
    yield made
    made.delete(*KEYS)


def announce(client: redis.Redis, *, age: float) -> None:
    said = Announcement("e1", "host", 1, ["minilm-l6"], 0.0, 0, time.time() - age)
    client.hset(ENGINES_KEY, "e1", announcement_encode(said))


def test_the_default_base_is_rung_for_once(client: redis.Redis) -> None:
    assert bases_to_ring() == ["minilm-l6"]
    assert bases_to_ring() == []


def test_a_served_base_is_left_alone(client: redis.Redis) -> None:
    announce(client, age=0.0)

    assert [engine.engine for engine in living_engines()] == ["e1"]
    assert bases_to_ring() == []


def test_a_silent_engine_is_replaced(client: redis.Redis) -> None:
    announce(client, age=60.0)

    assert living_engines() == []
    assert bases_to_ring() == ["minilm-l6"]


def test_an_unknown_base_is_never_rung_for(client: redis.Redis) -> None:
    client.zadd(WANTED_KEY, {"no-such-base": time.time()})

    assert bases_to_ring() == ["minilm-l6"]
