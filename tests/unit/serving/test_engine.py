"""An engine's lease: announced while it runs, gone after, and warm for the next one."""

import gc
import threading
import time
import weakref
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from anneal.kernel.redis import redis_client
from mlworker.serving import tasks
from mlworker.serving.nodes import here
from mlworker.serving.placement import living_engines
from mlworker.serving.protocol import (
    ENGINES_KEY,
    Answer,
    Envelope,
    Work,
    envelope_encode,
    reply_key,
    spare_key,
    taken_key,
    taking_key,
    tokens_pack,
    waiting_key,
)
from mlworker.serving.worker import engine
from mlworker.serving.worker.adapters import Adapters
from mlworker.serving.worker.engine import Ending, base_close, engine_run
from mlworker.serving.worker.line import Line
from mlworker.serving.worker.spare import Spare
from tests.unit.serving.test_spare import VECTOR, Slow

BASE = "minilm-l6"


def lease(node: str, seconds: float, stop: threading.Event) -> threading.Thread:
    given: dict[str, Any] = {"base": BASE, "node": node, "lease_seconds": seconds}
    thread = threading.Thread(target=engine_run, kwargs={**given, "stopping": stop.is_set})
    thread.start()
    return thread


def announced(node: str) -> bool:
    return any(engine.host == node for engine in living_engines())


def wait(node: str) -> None:
    started = time.monotonic()
    while not announced(node):
        assert time.monotonic() - started < 120
        time.sleep(0.02)


def test_a_lease_ends_by_itself_and_the_next_one_starts_warm() -> None:
    first = lease("test-first", 1.0, threading.Event())
    wait("test-first")
    warm = engine._open[BASE]
    first.join(30)
    ended = not announced("test-first")
    second = lease("test-second", 60.0, stop := threading.Event())
    wait("test-second")
    stop.set()
    second.join(30)

    assert ended
    assert engine._open[BASE] is warm
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


def test_an_engine_that_falls_leaves_what_it_took_to_be_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Too few answers of the model stand for any fault of the loop."""
    base, client, spare = f"test-{uuid4().hex[:8]}", redis_client(), Spare()
    resident: Any = Slow()
    monkeypatch.setattr(resident, "embed", lambda _: [])
    monkeypatch.setitem(engine._open, base, (resident, Adapters(resident, tmp_path), spare))
    monkeypatch.setenv("ANNEAL_SERVE_THREADS", "1")
    spare.chunk = "in hand"
    work = Work(1, b"o" * 16, VECTOR, 9e12, *tokens_pack([[7]]))
    client.lpush(waiting_key(base), envelope_encode(Envelope("gateway", time.time(), [work])))

    with pytest.raises(ValueError, match="shorter"):
        engine_run(base=base, node=base, lease_seconds=60, stopping=lambda: False)

    [fallen] = [each.engine for each in living_engines() if each.host == base]
    kept = client.hlen(taken_key(fallen)) + client.llen(taking_key(fallen))
    client.delete(taken_key(fallen), taking_key(fallen))
    client.hdel(ENGINES_KEY, fallen)
    assert kept == 1
    assert spare.chunk == ""  # its sender misses it, and sends it again


def test_an_answer_that_could_not_be_sent_goes_before_the_engine_leaves() -> None:
    client, gateway = redis_client(), uuid4().hex
    line = Line(f"engine-{uuid4().hex[:8]}", "test")
    line.answer(gateway, Answer(1, 0, b"", 0.0, 0.0))

    engine._leave(line, None)

    assert client.llen(reply_key(gateway)) == 1
    client.delete(reply_key(gateway))


def test_a_base_that_is_let_go_frees_its_memory_and_gives_its_chunk_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    base, spare = f"test-{uuid4().hex[:8]}", Spare()
    resident: Any = Slow()
    kept = weakref.ref(resident)
    monkeypatch.setitem(engine._open, base, (resident, Adapters(resident, tmp_path), spare))
    spare.chunk = "in hand"
    del resident
    gc.disable()
    try:
        base_close(base)
        freed = kept() is None
    finally:
        gc.enable()

    assert freed
    assert redis_client().rpop(spare_key(base)) == b"in hand"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("stays", "expected"), [(False, [("close", True)]), (True, [("ring", False)])]
)
def test_a_base_is_closed_while_it_is_held_and_asked_for_again_after(
    monkeypatch: pytest.MonkeyPatch, stays: bool, expected: list[tuple[str, bool]]
) -> None:
    """Else another lease of this process could begin on what is being closed, or find it held."""
    base = f"test-{uuid4().hex[:8]}"
    told: list[tuple[str, bool]] = []

    def tell(what: str) -> None:
        told.append((what, base in here.node().bases))

    monkeypatch.setattr(engine, "engine_run", lambda **_: None)
    monkeypatch.setattr(engine, "base_close", lambda _: tell("close"))
    monkeypatch.setattr(tasks, "_stays", lambda _: stays)
    monkeypatch.setattr(tasks, "ring", lambda *_: tell("ring"))

    tasks.serve_engine(base, 1.0)

    assert told == expected
