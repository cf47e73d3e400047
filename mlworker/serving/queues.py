"""What waits in Redis for engines, for the operator's figures."""

import time
from collections import Counter
from dataclasses import dataclass
from typing import cast

import msgspec
import redis

from anneal.kernel.redis import redis_client
from mlworker.serving.placement import living_engines
from mlworker.serving.protocol import WANTED_KEY, envelope_decode, waiting_key


@dataclass(frozen=True, slots=True)
class Queue:
    """The list of one base: envelopes that no engine has taken."""

    base: str
    engines: int
    envelopes: int
    rows_per_second: float
    seconds: float
    """Age of the oldest envelope."""


def queues_read() -> list[Queue]:
    """Return the queue of every base that is served or wanted. Raises redis.RedisError."""
    client: redis.Redis = redis_client()
    engines = living_engines()
    serving = Counter(base for engine in engines for base in engine.bases)
    wanted = [raw.decode() for raw in cast("list[bytes]", client.zrange(WANTED_KEY, 0, -1))]
    found = []
    for base in sorted({*serving, *wanted}):
        pipe = client.pipeline(transaction=False)
        pipe.llen(waiting_key(base))
        pipe.lindex(waiting_key(base), -1)
        length, oldest = pipe.execute()
        speed = sum(each.rows_per_second for each in engines if base in each.bases)
        found.append(Queue(base, serving[base], length, speed, _age(oldest)))
    return found


def _age(raw: bytes | None) -> float:
    if raw is None:
        return 0.0
    try:
        return max(0.0, time.time() - envelope_decode(raw).sent)
    except msgspec.DecodeError:  # written by another version
        return 0.0
