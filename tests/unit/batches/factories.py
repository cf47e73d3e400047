"""Batches for tests, a worker that works on them, and the real engine on the real base."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil
import psycopg
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from anneal.kernel.ids import parse_id
from anneal.kernel.redis import redis_client
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.ledger.contracts import BalanceInfo
from billing.ledger.selectors import balance_get
from mlworker.batches.claiming import batch_claim
from mlworker.batches.contracts import BATCH_PREFIX, Claim
from mlworker.batches.models import Batch
from mlworker.batches.running import batch_run
from mlworker.serving.protocol import ENGINES_KEY, Announcement, announcement_encode, spare_key
from mlworker.serving.worker.adapters import Adapters
from mlworker.serving.worker.line import Line
from mlworker.serving.worker.loop import Loop
from mlworker.serving.worker.spare import Spare
from tests.unit.conftest import DatabaseClone

BASE = "minilm-l6"
MODEL = "sentiment-en"
GOOD = "A wonderful film: warm, funny and beautifully acted."
BAD = "A dull, lifeless mess; I wanted those two hours back."


class Engine:
    """A loop in a thread, beside the test's own thread, which is the worker of batches."""

    def __init__(self, resident: Any, folder: Path) -> None:
        self.spare, self._stop = Spare(), threading.Event()
        self.line = Line(f"engine-{uuid4().hex[:8]}", BASE)
        self.loop = Loop(resident, Adapters(resident, folder), self.line, self.spare)
        self._threads = [
            threading.Thread(target=self.loop.run, args=(self._stop.is_set,)),
            threading.Thread(target=self._announce),
        ]

    def _announce(self) -> None:
        while not self._stop.wait(0.2):
            made = Announcement(
                self.line.engine,
                "test",
                psutil.Process().pid,
                [BASE],
                100.0,
                0,
                time.time(),
                chunk=self.spare.chunk,
            )
            redis_client().hset(ENGINES_KEY, self.line.engine, announcement_encode(made))

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive()
        redis_client().hdel(ENGINES_KEY, self.line.engine)


@contextmanager
def engine_running(resident: Any, folder: Path) -> Iterator[Engine]:
    redis_client().delete(spare_key(BASE))
    engine = Engine(resident, folder)
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()


def request_line(number: int, text: Any = GOOD, **body: Any) -> dict[str, Any]:
    """A line of OpenAI's batch files."""
    return {
        "custom_id": f"row-{number}",
        "method": "POST",
        "url": "/v1/classify",
        "body": {"model": MODEL, "input": text, **body},
    }


def jsonl(*lines: Any) -> bytes:
    return b"".join(
        (line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines
    )


def upload(client: APIClient, data: bytes, name: str = "requests.jsonl") -> str:
    """Upload a file; its id."""
    body = {"file": SimpleUploadedFile(name, data), "purpose": "batch"}
    response = client.post("/v1/files", body, format="multipart")
    assert response.status_code == 200, response.content
    return str(response.json()["id"])


def create(client: APIClient, file_id: str, **more: Any) -> Any:
    """POST a batch."""
    body = {
        "input_file_id": file_id,
        "endpoint": "/v1/classify",
        "completion_window": "24h",
        **more,
    }
    return client.post("/v1/batches", body, format="json")


def made(client: APIClient, data: bytes, name: str = "requests.jsonl", **more: Any) -> str:
    """Upload and create; the batch's id."""
    response = create(client, upload(client, data, name), **more)
    assert response.status_code == 200, response.content
    return str(response.json()["id"])


def claimed() -> Claim:
    claim = batch_claim(worker="test")
    assert claim is not None
    return claim


def work_all() -> int:
    """Work as the task does until nothing waits; return how many claims it took."""
    count = 0
    while claim := batch_claim(worker="test"):
        batch_run(claim)
        count += 1
    return count


def batch(client: APIClient, batch_id: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/v1/batches/{batch_id}").json()
    return found


def content(client: APIClient, file_id: str | None) -> bytes:
    assert file_id is not None
    response: Any = client.get(f"/v1/files/{file_id}/content")
    assert response.status_code == 200, response.content
    return b"".join(response.streaming_content)


def lines_of(client: APIClient, file_id: str | None) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content(client, file_id).splitlines()]


def row_of(organization: OrganizationRef, batch_id: str) -> Batch:
    with tenant_scope(organization):
        found: Batch = Batch.objects.get(id=key_of(batch_id))
        return found


def key_of(batch_id: str) -> UUID:
    return parse_id(BATCH_PREFIX, batch_id)


def waits_for_a_lock(thread: threading.Thread, clone: DatabaseClone) -> bool:
    """Whether a thread's connection comes to wait for another's lock before the thread ends."""
    waiting = (
        "SELECT 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
        " WHERE NOT l.granted AND a.datname = current_database()"
    )
    with psycopg.connect(clone.app_url, autocommit=True) as link:
        while thread.is_alive():
            if link.execute(waiting).fetchone():
                return True
            time.sleep(0.01)
    return False


def predictions(organization: OrganizationRef) -> BalanceInfo:
    with tenant_scope(organization):
        return balance_get(organization=organization, unit="prediction")
