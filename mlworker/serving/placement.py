"""Which bases want an engine, and ringing for one that has none."""

import time
from typing import Final, cast

import redis

from anneal.kernel.redis import redis_client
from mlworker.catalog.selectors import base_models
from mlworker.serving.protocol import (
    ANNOUNCEMENT_TTL,
    ENGINES_KEY,
    WANTED_KEY,
    Announcement,
    announcement_decode,
)

WANTED_SECONDS: Final = 900.0
RING_SECONDS: Final = 10
"""One ring in this time: a worker needs a moment to take it."""


def living_engines() -> list[Announcement]:
    """Return the engines that announced themselves lately."""
    since = time.time() - ANNOUNCEMENT_TTL
    client: redis.Redis = redis_client()
    found = [
        announcement_decode(cast("bytes", raw)) for raw in client.hgetall(ENGINES_KEY).values()
    ]
    return [engine for engine in found if engine.at > since]


def bases_to_ring() -> list[str]:
    """Return the bases that are wanted, have no engine and were not rung for a moment ago."""
    client: redis.Redis = redis_client()
    asked = client.zrangebyscore(WANTED_KEY, time.time() - WANTED_SECONDS, "+inf")
    wanted = {raw.decode() for raw in cast("list[bytes]", asked)}
    present = [card.id for card in base_models() if card.usable]
    wanted = {base for base in wanted if base in present} | set(present[:1])
    served = {base for engine in living_engines() for base in engine.bases}
    return [
        base
        for base in sorted(wanted - served)
        if client.set(f"serve:rung:{base}", "1", nx=True, ex=RING_SECONDS)
    ]
