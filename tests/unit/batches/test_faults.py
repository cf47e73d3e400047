"""What a batch outlives: a store that is away, engines that end, a long read past stored rows."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from rest_framework.test import APIClient

from anneal.kernel import clock
from anneal.kernel.errors import StorageUnavailable
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from mlworker.batches import finishing, opening, parts, running, sending, working
from mlworker.batches.chunks import Chunk, Cutter
from mlworker.batches.claiming import batch_claim
from mlworker.batches.finishing import chunk_objects
from mlworker.batches.limits import LEASE_SECONDS, STALLED_LIMIT
from mlworker.batches.running import batch_run
from mlworker.serving.worker import adapters, line
from tenants.datasets.models import File
from tests.unit.batches.factories import (
    BASE,
    Engine,
    batch,
    claimed,
    jsonl,
    key_of,
    made,
    predictions,
    row_of,
    work_all,
)
from tests.unit.batches.test_life import LINES, Killed, expire_lease, run_until

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("small_chunks")]


@pytest.fixture
def batch_id(client_api: APIClient) -> str:
    """A batch of five chunks that waits for a worker."""
    return made(client_api, jsonl(*LINES))


def away(_: str) -> None:
    raise StorageUnavailable


def lease_left(organization: OrganizationRef, batch_id: str) -> float:
    """Seconds for which the batch is still its worker's."""
    until = row_of(organization, batch_id).lease_until
    assert until is not None
    return (until - clock.now()).total_seconds()


@pytest.mark.parametrize(("chunk", "after"), [(1, False), (2, True)])
def test_there_is_time_to_fetch_the_file_and_to_read_past_what_is_stored(
    client_api: APIClient,
    organization: OrganizationRef,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    chunk: int,
    after: bool,
    batch_id: str,
) -> None:
    run_until(monkeypatch, chunk, after=after)
    expire_lease(organization, batch_id)
    left: list[float] = []

    def cutter(*given: Any) -> Cutter:
        left.append(lease_left(organization, batch_id))
        return Cutter(*given)

    monkeypatch.setattr(running, "Cutter", cutter)
    work_all()
    assert left[0] > 2 * LEASE_SECONDS
    assert batch(client_api, batch_id)["status"] == "completed"


def test_chunks_that_are_long_to_cut_lose_no_lease(
    client_api: APIClient,
    organization: OrganizationRef,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    batch_id: str,
) -> None:
    left: list[float] = []

    class Slow(Cutter):
        def cut(self, *given: Any, **named: Any) -> Iterator[Chunk]:
            for chunk in super().cut(*given, **named):
                left.append(lease_left(organization, batch_id))
                expire_lease(organization, batch_id)
                yield chunk

    monkeypatch.setattr(running, "Cutter", Slow)
    monkeypatch.setattr(running, "RENEW_SECONDS", 0.0)
    work_all()
    assert len(left) == 5
    assert min(left) > 0


def test_a_batch_is_kept_while_its_files_are_put_together(
    client_api: APIClient,
    organization: OrganizationRef,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    batch_id: str,
) -> None:
    left: list[float] = []

    def slow(call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*given: Any) -> Any:
            left.append(lease_left(organization, batch_id))
            expire_lease(organization, batch_id)
            return call(*given)

        return called

    monkeypatch.setattr(working, "RENEW_SECONDS", 0.0)
    for name in ("object_open", "object_put"):
        monkeypatch.setattr(finishing, name, slow(getattr(finishing, name)))
    work_all()
    assert len(left) == 6
    assert min(left) > 2 * LEASE_SECONDS


def test_a_store_that_is_away_for_long_costs_a_batch_time_alone(
    client_api: APIClient,
    organization: OrganizationRef,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    batch_id: str,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(opening, "object_open", away)
        for _ in range(STALLED_LIMIT + 2):
            batch_run(claimed())
            assert batch_claim(worker="too early") is None
            assert lease_left(organization, batch_id) <= LEASE_SECONDS
            expire_lease(organization, batch_id)
    work_all()
    assert batch(client_api, batch_id)["request_counts"]["completed"] == 40


def stored_under(folder: str, organization: OrganizationRef) -> set[str]:
    """Keys of all that lies in one of the organization's folders."""
    root = Path(default_storage.path(""))
    inside = (root / "organizations" / str(organization.id) / folder).rglob("*")
    return {str(each.relative_to(root)) for each in inside if each.is_file()}


def test_what_a_dead_worker_stored_and_did_not_write_down_goes(
    client_api: APIClient,
    organization: OrganizationRef,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    batch_id: str,
) -> None:
    run_until(monkeypatch, 3, after=False)
    expire_lease(organization, batch_id)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(finishing, "_write", dying)
        batch_run(claimed())
    expire_lease(organization, batch_id)
    work_all()

    done = batch(client_api, batch_id)
    assert done["status"] == "completed"
    with tenant_scope(organization):
        assert stored_under("batches", organization) == set(chunk_objects(key_of(batch_id)))
        named = set(File.objects.values_list("storage_key", flat=True))
    assert stored_under("files", organization) == named


def test_what_a_dead_worker_stored_goes_once_the_store_is_back(
    client_api: APIClient,
    organization: OrganizationRef,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    batch_id: str,
) -> None:
    run_until(monkeypatch, 3, after=False)
    for fault in (away, away, dying):
        expire_lease(organization, batch_id)
        with monkeypatch.context() as patch, suppress(Killed):
            patch.setattr(parts, "object_delete", fault)
            batch_run(claimed())
    expire_lease(organization, batch_id)
    work_all()

    assert batch(client_api, batch_id)["status"] == "completed"
    with tenant_scope(organization):
        assert stored_under("batches", organization) == set(chunk_objects(key_of(batch_id)))


def dying(*_: Any) -> None:
    raise Killed


def test_a_worker_that_was_overtaken_leaves_no_chunk_behind(
    client_api: APIClient,
    organization: OrganizationRef,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    batch_id: str,
) -> None:
    done = running.chunk_done

    def overtaken(claim: Any, serves: Any, chunk: Any, **written: Any) -> Any:
        if chunk.number == 2:
            expire_lease(organization, batch_id)
            claimed()
        return done(claim, serves, chunk, **written)

    monkeypatch.setattr(running, "chunk_done", overtaken)
    batch_run(claimed())

    with tenant_scope(organization):
        assert stored_under("batches", organization) == set(chunk_objects(key_of(batch_id)))


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
    client_api: APIClient, engine: Engine, monkeypatch: pytest.MonkeyPatch, batch_id: str
) -> None:
    # Over three chunks: more than all of them, and than one of them, may be refused otherwise.
    times = running.LOAD_TRIES + 2
    failed = store_failing(monkeypatch, times)
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
    client_api: APIClient,
    organization: OrganizationRef,
    monkeypatch: pytest.MonkeyPatch,
    batch_id: str,
) -> None:
    monkeypatch.setattr(sending, "WATCH_SECONDS", 0.0)
    monkeypatch.setattr(running, "ANSWER_SECONDS", 0.05)
    with engines_that_end():
        work_all()
    ended = batch(client_api, batch_id)
    assert ended["status"] == "failed"
    [error] = ended["errors"]["data"]
    assert error["code"] == "engine_failed"
    assert "engines ended while they ran lines" in error["message"]
    assert predictions(organization).held == 0
