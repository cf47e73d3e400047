"""An engine's lease: announced while it runs, gone after, and warm for the next one."""

import threading
import time
from typing import Any

from mlworker.serving.placement import living_engines
from mlworker.serving.worker.engine import engine_run

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
