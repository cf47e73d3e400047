"""Figures: counted in a process, added up in Redis whatever ends or fails, read by Prometheus."""

import threading
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families as read_text
from redis.exceptions import ConnectionError as RedisAway

from anneal.kernel.metrics import Counter, Gauge, Histogram, Merge, instruments, store
from anneal.kernel.metrics.families import Family, Kind, Sample, gauge, render
from anneal.kernel.redis import redis_client

CALLS = Counter("test_calls_total", 'Calls, with "quotes" and\nlines.', ("route",))
TIMES = Histogram("test_seconds", "Times.", ("stage",), bounds=(0.1, 1.0))
BUSY = Counter("test_busy_seconds_total", "Times summed.", seconds=True)
DEPTH = Gauge("test_depth", "Depth.", ("base",))
AGE = Gauge("test_age", "Age.", ("base",), merge=Merge.MAX)
OURS = (CALLS, TIMES, BUSY, DEPTH, AGE)


@pytest.fixture(autouse=True)
def own_keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Sums of this test alone, with nothing counted before."""
    word = uuid4().hex[:8]
    monkeypatch.setattr(store, "SUMS_KEY", f"metrics:sums:{word}")
    monkeypatch.setattr(store, "GAUGES_KEY", f"metrics:gauges:{word}")
    monkeypatch.setattr(store, "_publisher", None)
    monkeypatch.setattr(store, "instruments", lambda: OURS)
    for each in (CALLS, TIMES, BUSY):
        each.take()
    yield
    redis_client().delete(store.SUMS_KEY, store.GAUGES_KEY)


def told(*, open_metrics: bool = False) -> dict[str, float]:
    """Every line that is told, by name and labels, as Prometheus' own parser reads it."""
    text = render(store.families_read(), open_metrics=open_metrics)
    read = read_open if open_metrics else read_text
    found = {}
    for family in read(text):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


@pytest.mark.parametrize("open_metrics", [False, True])
def test_what_was_observed_is_told_in_both_formats(open_metrics: bool) -> None:
    CALLS.add(2, "classify")
    CALLS.add(1, 'a "b"\\\nc')
    TIMES.observe(0.05, "hold")
    TIMES.observe(0.1, "hold")
    TIMES.observe(7.5, "hold")
    BUSY.add(0.25)
    store.Publisher().publish()

    found = told(open_metrics=open_metrics)

    assert found["test_calls_total{route=classify}"] == 2
    assert found['test_calls_total{route=a "b"\\\nc}'] == 1
    assert found["test_seconds_bucket{le=0.1,stage=hold}"] == 2
    assert found["test_seconds_bucket{le=1.0,stage=hold}"] == 2
    assert found["test_seconds_bucket{le=+Inf,stage=hold}"] == 3
    assert found["test_seconds_count{stage=hold}"] == 3
    assert found["test_seconds_sum{stage=hold}"] == pytest.approx(7.65)
    assert found["test_busy_seconds_total{}"] == 0.25


def test_sums_of_processes_that_end_stay_and_never_fall() -> None:
    for _ in range(3):  # a process after another
        CALLS.add(5, "classify")
        store.Publisher().publish()
    seen = told()["test_calls_total{route=classify}"]
    store.Publisher().publish()

    assert seen == 15
    assert told()["test_calls_total{route=classify}"] == 15


def test_a_batch_whose_answer_was_lost_is_added_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first try reaches Redis and its answer does not come back; the second is the same."""
    publisher, real = store.Publisher(), redis_client()

    class Lossy:
        def eval(self, *arguments: Any) -> Any:
            real.eval(*arguments)
            raise RedisAway("the answer was lost")

    CALLS.add(1, "classify")
    monkeypatch.setattr(store, "redis_client", Lossy)
    publisher.try_publish()
    CALLS.add(1, "classify")
    publisher.try_publish()
    monkeypatch.setattr(store, "redis_client", lambda: real)
    publisher.publish()
    first = told()["test_calls_total{route=classify}"]
    publisher.publish()

    assert (first, told()["test_calls_total{route=classify}"]) == (1, 2)


def test_what_is_counted_while_redis_is_away_is_told_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publisher, real = store.Publisher(), redis_client()

    def away() -> None:
        raise RedisAway("away")

    CALLS.add(4, "classify")
    monkeypatch.setattr(store, "redis_client", away)
    publisher.try_publish()
    CALLS.add(3, "classify")
    monkeypatch.setattr(store, "redis_client", lambda: real)
    publisher.publish()
    publisher.publish()

    assert told()["test_calls_total{route=classify}"] == 7


def test_gauges_of_living_processes_are_merged_and_lapse_with_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [1_000_000.0]
    monkeypatch.setattr(store.time, "time", lambda: now[0])
    for depth, age in ((3, 10.0), (4, 2.0)):
        readers = [
            (DEPTH, lambda depth=depth: {("b",): depth}),
            (AGE, lambda age=age: {("b",): age}),
        ]
        for each, reader in readers:
            each.read_by(reader)
        store.Publisher().publish()
        for each, reader in readers:
            each.forget(reader)

    together = told()
    now[0] += store.STALE_SECONDS + 1

    assert (together["test_depth{base=b}"], together["test_age{base=b}"]) == (7, 10.0)
    assert "test_depth{base=b}" not in told()
    assert redis_client().hlen(store.GAUGES_KEY) == 0


def test_observations_of_many_threads_are_all_counted() -> None:
    def work() -> None:
        for _ in range(2_000):
            CALLS.add(1, "classify")
            TIMES.observe(0.5, "hold")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.Publisher().publish()

    found = told()
    assert found["test_calls_total{route=classify}"] == 16_000
    assert found["test_seconds_count{stage=hold}"] == 16_000


def test_label_values_beyond_the_bound_share_one_series() -> None:
    for number in range(1_000):
        CALLS.add(1, f"route-{number}")
        TIMES.observe(0.2, f"stage-{number}")
    store.Publisher().publish()

    found = told()
    series = [name for name in found if name.startswith("test_calls_total")]
    assert len(series) == 501
    assert found["test_calls_total{route=other}"] == 500
    assert found["test_seconds_count{stage=other}"] == 500


def test_what_another_version_wrote_is_left_out() -> None:
    client = redis_client()
    client.hset(store.SUMS_KEY, "test_calls_total\x1f\x1fa\x1fb", 9)
    client.hset(store.SUMS_KEY, "gone_total\x1f", 9)
    client.hset(store.GAUGES_KEY, "process", b"\xc1")

    assert told() == {}


def test_two_instruments_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="test_calls_total"):
        Counter("test_calls_total", "Again.")


def test_every_instrument_has_a_good_name_and_an_explanation() -> None:
    for each in instruments():
        assert each.name.startswith(("anneal_", "test_")), each.name
        assert each.name.endswith("_total") == isinstance(each, Counter), each.name
        assert each.about.endswith("."), each.name
        assert not {"organization", "user", "model", "key", "le"} & set(each.labels), each.name


def test_numbers_are_written_so_that_they_come_back() -> None:
    values = [0, 3, 0.1, 1e-9, 123456789.25, 2.0**60]
    text = render(
        [
            Family(f"n{place}", Kind.GAUGE, "N.", (Sample(value),))
            for place, value in enumerate(values)
        ],
        open_metrics=True,
    )

    assert [family.samples[0].value for family in read_open(text)] == values
    assert render([gauge("none", "N.", [])], open_metrics=False) == "\n"
