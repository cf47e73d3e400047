"""The stream: replayed by number, ended with ``done``, closed to whoever may not look."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient

from anneal.kernel.principal import KeyScope, Role
from anneal.kernel.scopes import OrganizationRef, system_scope
from anneal.kernel.stopping import stopping
from mlworker.jobs.api import stream
from mlworker.jobs.contracts import Fault
from mlworker.jobs.states import EventKind
from mlworker.jobs.working import News, news_write, work_failed
from tenants.keys.models import ApiKey
from tests.unit.factories import make_key
from tests.unit.jobs.factories import claimed, job_path, make_job

pytestmark = pytest.mark.django_db

Frame = tuple[str, str | None, dict[str, Any]]


def _frames(text: str) -> list[Frame]:
    frames = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "event" in lines:
            frames.append((lines["event"], lines.get("id"), json.loads(lines["data"])))
    return frames


def _get(path: str, key: str, **headers: str) -> Any:
    """Return the answer; a stream is read to its end."""

    @async_to_sync
    async def call() -> Any:
        sent = {"Authorization": f"Bearer {key}", **headers}
        response = await AsyncClient().get(path, headers=cast("Any", sent))
        if not response.streaming:
            return response
        parts = cast("AsyncIterator[bytes]", response.streaming_content)
        text = b"".join([part async for part in parts]).decode()
        return _frames(text)

    return call()


@pytest.fixture
def key(organization: OrganizationRef) -> str:
    return make_key(organization, Role.VIEWER, KeyScope.TRAIN)


def _ended(organization: OrganizationRef) -> str:
    job = make_job(organization)
    claim = claimed()
    news = News()
    news.add(EventKind.METRIC, "Step 1/2: training loss=0.5", data={"train_loss": 0.5})
    news_write(claim, news)
    work_failed(claim, Fault("diverged", "The loss is not a number."))
    return job_path(job.id, "/stream")


def test_an_ended_job_tells_its_story_and_is_done(organization: OrganizationRef, key: str) -> None:
    frames = _get(_ended(organization), key)
    assert [kind for kind, _, _ in frames] == [
        "status",
        "status",
        "metric",
        "status",
        "status",
        "done",
    ]
    assert [number for _, number, _ in frames[:4]] == ["1", "2", "3", "4"]
    assert frames[2][2]["data"] == {"train_loss": 0.5}
    assert frames[4][2]["error"]["code"] == "diverged"
    assert frames[5][2]["status"] == "failed"


def test_a_reader_that_comes_back_gets_what_it_has_not_seen(
    organization: OrganizationRef, key: str
) -> None:
    path = _ended(organization)
    frames = _get(path, key, **{"Last-Event-ID": "3"})
    assert [number for _, number, _ in frames] == ["4", None, None]


@pytest.mark.parametrize("seen", ["", "x", "-1", "9" * 60, "1e9"])
def test_any_last_event_id_is_borne(organization: OrganizationRef, key: str, seen: str) -> None:
    frames = _get(_ended(organization), key, **{"Last-Event-ID": seen})
    assert frames[-1][0] == "done"


def test_a_story_longer_than_a_look_is_told_whole(
    organization: OrganizationRef, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "_BATCH", 2)
    frames = _get(_ended(organization), key)
    assert [number for _, number, _ in frames if number] == ["1", "2", "3", "4"]


def test_a_foreign_job_is_not_found(
    organization: OrganizationRef, other_organization: OrganizationRef, key: str
) -> None:
    response = _get(job_path(make_job(other_organization).id, "/stream"), key)
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"


def test_without_a_key_the_stream_is_closed(organization: OrganizationRef) -> None:
    response = _get(job_path(make_job(organization).id, "/stream"), "nothing")
    assert response.status_code == 401


def test_a_key_for_another_purpose_is_refused(organization: OrganizationRef) -> None:
    other = make_key(organization, Role.OWNER, KeyScope.BILLING_READ)
    response = _get(job_path(make_job(organization).id, "/stream"), other)
    assert response.status_code == 403


def test_a_revoked_key_ends_an_open_stream(
    organization: OrganizationRef, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "_HEARTBEAT_SECONDS", 0.0)
    monkeypatch.setattr(stream, "_LOOK_SECONDS", 0.01)
    job = make_job(organization)
    looks = 0
    real = stream._look

    def look(*args: Any) -> Any:
        nonlocal looks
        looks += 1
        seen = real(*args)
        if looks == 3:
            with system_scope("test"):
                ApiKey.objects.all().delete()
        return seen

    monkeypatch.setattr(stream, "_look", look)
    frames = _get(job_path(job.id, "/stream"), key)
    assert frames[-1][0] == "error"
    assert frames[-1][2]["error"]["code"] == "authentication_failed"


def test_a_waiting_stream_says_that_it_lives(
    organization: OrganizationRef, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(stream, "_HEARTBEAT_SECONDS", 0.02)
    job = make_job(organization)

    @async_to_sync
    async def call() -> bytes:
        headers = cast("Any", {"Authorization": f"Bearer {key}"})
        response = await AsyncClient().get(job_path(job.id, "/stream"), headers=headers)
        heard = b""
        async with asyncio.timeout(10):
            async for part in cast("AsyncIterator[bytes]", response.streaming_content):
                heard += part
                if b": still here" in heard:
                    break
        return heard

    assert b"retry: 2000" in call()


def test_a_process_that_stops_ends_its_streams_so_that_readers_come_back(
    organization: OrganizationRef, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "_LOOK_SECONDS", 0.01)
    stopping.set()
    try:
        frames = _get(job_path(make_job(organization).id, "/stream"), key)
    finally:
        stopping.clear()

    assert {kind for kind, _, _ in frames} == {"status"}
