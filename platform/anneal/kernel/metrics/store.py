"""The way of figures through Redis.

Each process adds what it counted since the last time to one hash of sums, so a process that ends
takes nothing with it, one scrape of any web process tells all of them, and no series names a
process. Redis that was emptied begins at zero, which Prometheus takes for the restart it is. What
is at this moment (gauges) each process writes under its own name, and it lapses with the process.
"""

import atexit
import contextlib
import logging
import secrets
import threading
import time
from collections import defaultdict
from typing import Any, Final, cast

import msgspec
import redis
from redis.exceptions import RedisError

from anneal.kernel.metrics.families import Family
from anneal.kernel.metrics.instruments import Gauge, Key, field_read, instruments
from anneal.kernel.redis import redis_client

logger = logging.getLogger(__name__)

SUMS_KEY: Final = "metrics:sums"
GAUGES_KEY: Final = "metrics:gauges"
PUBLISH_SECONDS: Final = 5.0
STALE_SECONDS: Final = 16.0
"""A process that was silent so long has ended, or its gauges are of no use."""

ADD: Final = """
if redis.call('GET', KEYS[2]) == ARGV[1] then return 0 end
for i = 4, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('SET', KEYS[2], ARGV[1], 'EX', 3600)
redis.call('HSET', KEYS[3], ARGV[2], ARGV[3])
return 1
"""
"""Adds a numbered batch once, also when it is sent again because its answer was lost."""

_encoder: Final = msgspec.msgpack.Encoder()


class _Told(msgspec.Struct, array_like=True):
    """One process's gauges."""

    at: float
    values: dict[str, float]


_decoder: Final = msgspec.msgpack.Decoder(_Told)


class Publisher:
    """One process's side of it. Safe from several threads."""

    def __init__(self) -> None:
        self.process: Final = secrets.token_hex(6)
        self._lock = threading.Lock()
        self._number = 0
        self._batch: dict[str, int] | None = None
        """What was sent and not acknowledged."""

    def publish(self) -> None:
        """Send what was counted. Raises RedisError; then it is sent the next time."""
        with self._lock:
            if self._batch is None:
                self._number += 1
                self._batch = {
                    field: value
                    for each in instruments()
                    if not isinstance(each, Gauge)
                    for field, value in each.take().items()
                }
            told = _Told(time.time(), _gauges())
            arguments: list[Any] = [self._number, self.process, _encoder.encode(told)]
            for field, value in self._batch.items():
                arguments += (field, value)
            client: redis.Redis = redis_client()
            keys = (SUMS_KEY, f"metrics:of:{self.process}", GAUGES_KEY)
            client.eval(ADD, len(keys), *keys, *arguments)
            self._batch = None

    def publish_forever(self) -> None:
        """Publish every few seconds."""
        while True:
            time.sleep(PUBLISH_SECONDS)
            self.try_publish()

    def try_publish(self) -> None:
        """Publish; a Redis that is away is no reason to say more than a word."""
        try:
            self.publish()
        except RedisError as error:
            logger.debug("metrics.redis_away: %s", error)
        except Exception:
            logger.exception("metrics.failed")


_publisher: Publisher | None = None
_start: Final = threading.Lock()


def publishing_start() -> None:
    """Publish this process's figures from now on; a second call does nothing."""
    global _publisher
    with _start:
        if _publisher is not None:
            return
        _publisher = Publisher()
    threading.Thread(target=_publisher.publish_forever, name="metrics", daemon=True).start()
    atexit.register(_publisher.try_publish)


def families_read() -> list[Family]:
    """Return the figures of every process. Raises RedisError."""
    if _publisher is not None:
        _publisher.publish()
    client: redis.Redis = redis_client()
    sums = cast("dict[bytes, bytes]", client.hgetall(SUMS_KEY))
    told = cast("dict[bytes, bytes]", client.hgetall(GAUGES_KEY))
    counted: defaultdict[str, defaultdict[Key, dict[str, int]]]
    counted = defaultdict(lambda: defaultdict(dict))
    for field, value in sums.items():
        name, part, key = field_read(field.decode())
        counted[name][key][part] = int(value)
    gauges: defaultdict[str, defaultdict[Key, list[float]]]
    gauges = defaultdict(lambda: defaultdict(list))
    for process, raw in told.items():
        said = _said(client, process, raw)
        for name_field, number in said.items():
            name, _, key = field_read(name_field)
            gauges[name][key].append(number)
    return [
        each.family(_fitting(each.labels, gauges[each.name]))
        if isinstance(each, Gauge)
        else each.family(_fitting(each.labels, counted[each.name]))
        for each in instruments()
    ]


def _fitting(labels: Key, stored: Any) -> Any:
    """Leave out what a version with other labels wrote."""
    return {key: value for key, value in stored.items() if len(key) == len(labels)}


def _said(client: redis.Redis, process: bytes, raw: bytes) -> dict[str, float]:
    with contextlib.suppress(msgspec.DecodeError):
        told = _decoder.decode(raw)
        if time.time() - told.at < STALE_SECONDS:
            return told.values
    client.hdel(GAUGES_KEY, process.decode())
    return {}


def _gauges() -> dict[str, float]:
    return {
        field: value
        for each in instruments()
        if isinstance(each, Gauge)
        for field, value in each.now().items()
    }
