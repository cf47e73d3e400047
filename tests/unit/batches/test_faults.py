"""What a batch outlives: a store that is away, engines that end, a long read past stored rows."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from anneal.kernel import clock
from anneal.kernel.scopes import OrganizationRef
from mlworker.batches import running, sending
from mlworker.batches.chunks import Cutter
from mlworker.batches.limits import LEASE_SECONDS
from mlworker.serving.worker import adapters, line
from tests.unit.batches.factories import (
    BASE,
    Engine,
    batch,
    jsonl,
    made,
    predictions,
    row_of,
    work_all,
)
from tests.unit.batches.test_life import LINES, expire_lease, run_until

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlworker.batches.chunks.CHUNK_ITEMS", 8)
    monkeypatch.setattr("mlworker.batches.chunks.STRETCH_TEXTS", 8)


@pytest.fixture(autouse=True)
def _own_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines of tests in another process read the same Redis: they shall not help out here."""
    name = f"serve:test-{uuid4().hex}:batch"
    for module in (sending, line):
        monkeypatch.setattr(module, "spare_key", lambda _: name)


def test_there_is_time_to_read_past_what_is_stored(
    client_api: APIClient,
    organization: OrganizationRef,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch_id = made(client_api, jsonl(*LINES))
    run_until(monkeypatch, 2, after=True)
    expire_lease(organization, batch_id)
    left: list[float] = []

    def cutter(*given: Any) -> Cutter:
        until = row_of(organization, batch_id).lease_until
        assert until is not None
        left.append((until - clock.now()).total_seconds())
        return Cutter(*given)

    monkeypatch.setattr(running, "Cutter", cutter)
    work_all()
    assert left[0] > 2 * LEASE_SECONDS
    assert batch(client_api, batch_id)["status"] == "completed"


def store_failing(monkeypatch: pytest.MonkeyPatch, times: int) -> list[str]:
    """Let the first loads of weights fail; what failed."""
    fetch, failed = adapters.artifact_fetch, list[str]()

    def fetched(*, key: str, **where: Any) -> Any:
        if len(failed) < times:
            failed.append(key)
            raise OSError("The store is away.")
        return fetch(key=key, **where)

    monkeypatch.setattr(adapters, "artifact_fetch", fetched)
    monkeypatch.setattr(running, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(running, "ANSWER_SECONDS", 0.05)
    return failed


def test_a_store_that_is_away_for_a_moment_fails_nothing(
    client_api: APIClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Over three chunks: more than all of them, and than one of them, may be refused otherwise.
    times = running.LOAD_TRIES + 2
    failed = store_failing(monkeypatch, times)
    batch_id = made(client_api, jsonl(*LINES))
    work_all()
    assert len(failed) == times
    assert batch(client_api, batch_id)["request_counts"]["completed"] == 40


def test_a_model_that_never_loads_fails_its_batch(
    client_api: APIClient,
    organization: OrganizationRef,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failed = store_failing(monkeypatch, 1_000)
    batch_id = made(client_api, jsonl(*LINES[:8]))
    work_all()
    ended = batch(client_api, batch_id)
    assert ended["errors"]["data"][0]["code"] == "engine_failed"
    assert len(failed) >= running.LOAD_TRIES
    assert predictions(organization).held == 0


def test_each_pause_for_a_model_is_longer() -> None:
    seconds = [running.pause_after(count) for count in range(1, running.LOAD_TRIES)]
    assert seconds == [2, 4, 8, 16, 30]


@contextmanager
def engines_that_end() -> Iterator[None]:
    """Take whatever comes, and say nothing: each time an engine that ended with it."""
    stop = threading.Event()

    def take() -> None:
        taking = line.Line("engine-ends", BASE)
        while not stop.is_set():
            if taking.spare_take() is None:
                time.sleep(0.01)

    thread = threading.Thread(target=take)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(20)


def test_rows_that_end_one_engine_after_another_end_their_batch(
    client_api: APIClient, organization: OrganizationRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "WATCH_SECONDS", 0.0)
    monkeypatch.setattr(running, "ANSWER_SECONDS", 0.05)
    batch_id = made(client_api, jsonl(*LINES))
    with engines_that_end():
        work_all()
    ended = batch(client_api, batch_id)
    assert ended["status"] == "failed"
    [error] = ended["errors"]["data"]
    assert error["code"] == "engine_failed"
    assert "engines ended while they ran lines" in error["message"]
    assert predictions(organization).held == 0
