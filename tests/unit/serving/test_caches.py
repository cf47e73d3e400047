"""The gateway's small cache."""

import time

from mlworker.serving.gateway.caches import AgedCache


def test_an_entry_dies_of_age() -> None:
    cache: AgedCache[str, int] = AgedCache(seconds=60, size=10)
    cache.put("a", 1, seconds=0.01)
    cache.put("b", 2)

    time.sleep(0.02)

    assert cache.get("a") is None
    assert cache.get("b") == 2


def test_no_entry_outlives_the_caches_own_limit() -> None:
    cache: AgedCache[str, int] = AgedCache(seconds=0.01, size=10)
    cache.put("a", 1, seconds=60)

    time.sleep(0.02)

    assert cache.get("a") is None


def test_a_full_cache_lets_the_oldest_go() -> None:
    cache: AgedCache[int, int] = AgedCache(seconds=60, size=10)
    for number in range(25):
        cache.put(number, number)

    assert len(cache) <= 10
    assert cache.get(24) == 24
    assert cache.get(0) is None


def test_entries_can_be_chosen_to_go() -> None:
    cache: AgedCache[str, int] = AgedCache(seconds=60, size=10)
    cache.put("a", 1)
    cache.put("b", 2)
    cache.put("c", 3)

    cache.drop("a")
    cache.drop_where(lambda _, value: value == 3)

    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (None, 2, None)
    cache.clear()
    assert len(cache) == 0
