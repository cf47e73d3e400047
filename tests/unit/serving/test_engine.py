"""An engine's lease: announced while it runs, gone after, and warm for the next one."""

import threading
import time
from typing import Any

import pytest

from mlworker.serving.placement import living_engines
from mlworker.serving.worker import engine
from mlworker.serving.worker.engine import Ending, engine_run

BASE = "minilm-l6"


def lease(node: str, seconds: float, stop: threading.Event) -> threading.Thread:
    given: dict[str, Any] = {"base": BASE, "node": node, "lease_seconds": seconds}
    thread = threading.Thread(target=engine_run, kwargs={**given, "stopping": stop.is_set})
    thread.start()
    return thread


def announced(node: str) -> bool:
    return any(engine.host == node for engine in living_engines())


def wait(node: str, *, there: bool) -> float:
    started = time.monotonic()
    while announced(node) is not there:
        assert time.monotonic() - started < 120
        time.sleep(0.02)
    return time.monotonic() - started


def test_a_lease_ends_by_itself_and_the_next_one_starts_warm() -> None:
    first = lease("test-first", 1.0, threading.Event())
    wait("test-first", there=True)
    first.join(30)
    ended = not announced("test-first")
    second = lease("test-second", 60.0, stop := threading.Event())
    warm = wait("test-second", there=True)
    stop.set()
    second.join(30)

    assert ended
    assert warm < 5.0
    assert not second.is_alive()
    assert not announced("test-second")


def test_an_engine_told_to_stop_says_so_before_it_takes_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "LEAVE_SECONDS", 0.2)
    stop = threading.Event()
    end = Ending(stop.is_set, time.monotonic() + 60)
    told = [(end.reached(), end.leaving)]

    stop.set()
    told.append((end.reached(), end.leaving))
    end.wait(60)  # woken at once
    time.sleep(0.25)
    told.append((end.reached(), end.leaving))

    assert told == [(False, False), (False, True), (True, True)]


def test_a_lease_that_is_over_ends_at_once_and_is_no_leaving() -> None:
    end = Ending(lambda: False, time.monotonic() - 1)

    assert (end.reached(), end.leaving) == (True, False)
