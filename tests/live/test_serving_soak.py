"""A while at half load: memory, queues and connections stay as they are.

A minute here; the hour in the full form.
"""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psutil
import psycopg
import pytest
import redis

from tests.live.machine import Installation
from tests.live.serving import BAD, GOOD, Customer, serving

CLIENTS = 8
PARTS = ("web", "worker-serve")
TEXTS = [GOOD, BAD, f"{GOOD} {BAD}", "fine", f"{BAD} " * 8]
FLAT = 0.03
OTHERS = 2
"""Connections that come and go by themselves."""
NEW = 8
"""Of Redis, in a minute soon after the start: each worker connects when it first has to."""
ROOM = 16_384
"""Bytes that Redis may keep more: sums of figures and what lapses within the hour are a tenth of
that (measured), and calls leave nothing.
"""


@pytest.fixture(scope="module")
def customer(installation: Installation) -> Iterator[Customer]:
    with serving(installation) as made:
        yield made


@dataclass(frozen=True)
class Sight:
    """What an installation holds at a moment when no call is under way."""

    resident: dict[str, int]
    waiting: int
    redis_connections: int
    redis_bytes: int
    postgres_connections: int


def resident(installation: Installation, part: str) -> int:
    """Bytes in memory of a part and its children, without those that end meanwhile.

    Pages of files are left out: a machine that is short of memory takes and gives them.
    """
    found = (psutil.Process(pid).memory_info() for pid in installation.pids(part))
    return sum(each.rss - each.shared for each in found)


def kept(client: redis.Redis) -> int:
    """Bytes that Redis holds: keys, and answers that nobody has read.

    A connection has 32 kB to read into for two seconds after a command, and slow commands are
    noted: how many of either there are just now is chance.
    """
    client.slowlog_reset()
    memory, connections = client.pipeline().info("memory").client_list().execute()
    room = sum(int(each["tot-mem"]) - int(each["omem"]) for each in connections)
    return int(memory["used_memory"]) - room


def seen(installation: Installation) -> Sight:
    client = redis.Redis.from_url(installation.env["REDIS_URL"])
    lists = [*client.scan_iter("serve:minilm-l6"), *client.scan_iter("reply:*")]
    taken = [*client.scan_iter("serving:*")]
    with psycopg.connect(installation.superuser_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = 'anneal_app'"
        ).fetchone()
    assert row is not None
    return Sight(
        {part: resident(installation, part) for part in PARTS},
        sum(client.llen(key) for key in lists) + len(taken),
        len(client.client_list()),
        kept(client),
        int(row[0]),
    )


def paced(call: Callable[[], int], *, seconds: float, per_second: float | None = None) -> int:
    """Call for so long, as fast as it goes or at a pace; the number of calls answered."""
    numbers, lock, answered = itertools.count(), threading.Lock(), []
    begin = time.monotonic()

    def client() -> None:
        while True:
            with lock:
                number = next(numbers)
            due = begin + number / per_second if per_second else time.monotonic()
            if due > begin + seconds or time.monotonic() > begin + seconds:
                return
            time.sleep(max(0.0, due - time.monotonic()))
            answered.append(call())

    with ThreadPoolExecutor(CLIENTS) as pool:
        for each in [pool.submit(client) for _ in range(CLIENTS)]:
            each.result()
    assert set(answered) == {200}
    return len(answered)


@pytest.mark.parametrize(
    ("seconds", "new"), [(60, NEW), pytest.param(3600, OTHERS, marks=pytest.mark.slow)]
)
def test_half_load_leaves_memory_queues_and_connections_as_they_are(
    customer: Customer, seconds: int, new: int
) -> None:
    texts = itertools.cycle(TEXTS)

    def call() -> int:
        return customer.classify(next(texts)).status_code

    before = customer.events()
    # Full load first: what half of it needs is there afterwards. Then a tenth of the time: each
    # worker connects to Redis when it first has to, the last some minutes after the start.
    fast = paced(call, seconds=6)
    half = fast / 6 / 2
    begun = paced(call, seconds=max(6, seconds / 10), per_second=half)
    first = seen(customer.installation)
    slow = paced(call, seconds=0.9 * seconds, per_second=half)
    last = seen(customer.installation)

    for part in PARTS:
        assert last.resident[part] == pytest.approx(first.resident[part], rel=FLAT), part
    assert first.waiting == last.waiting == 0
    assert last.redis_connections <= first.redis_connections + new
    assert last.redis_bytes <= first.redis_bytes + ROOM
    assert last.postgres_connections <= first.postgres_connections + OTHERS
    assert customer.nothing_held()
    assert customer.events() - before == fast + begun + slow
