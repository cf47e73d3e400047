"""The calls of `/v1/batches`: who may, what is refused, what a list costs, the stream."""

import json
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import KeyScope, Role
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from anneal.kernel.stopping import stopping
from mlworker.batches import running, services
from mlworker.batches.working import work_load
from tests.unit.batches.factories import (
    Engine,
    batch,
    claimed,
    create,
    jsonl,
    made,
    request_line,
    upload,
    work_all,
)
from tests.unit.factories import error_of, make_client, make_key
from tests.unit.registry.factories import make_model_version

pytestmark = pytest.mark.django_db

LIST_QUERIES = 9
"""Authentication, the scope's own statements and one for the rows."""


def test_lists_are_paged_and_cost_the_same_whatever_their_length(
    client_api: APIClient, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    file_id = upload(client_api, jsonl(request_line(1)))
    ids = [create(client_api, file_id).json()["id"] for _ in range(5)]
    with django_assert_max_num_queries(LIST_QUERIES):
        page = client_api.get("/v1/batches?limit=3").json()
    assert [each["id"] for each in page["data"]] == ids[:1:-1]
    assert page["has_more"]
    rest = client_api.get(f"/v1/batches?after={page['last_id']}").json()
    assert [each["id"] for each in rest["data"]] == ids[1::-1]


def test_others_see_nothing_of_it(client_api: APIClient, other_client_api: APIClient) -> None:
    batch_id = made(client_api, jsonl(request_line(1)))
    assert other_client_api.get("/v1/batches").json()["data"] == []
    assert other_client_api.get(f"/v1/batches/{batch_id}").status_code == 404
    assert other_client_api.post(f"/v1/batches/{batch_id}/cancel").status_code == 404


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"endpoint": "/v1/chat/completions"}, "endpoint"),
        ({"completion_window": "24"}, "completion_window"),
        ({"completion_window": "337h"}, "completion_window"),
        ({"text_column": "text"}, "text_column"),
        ({"metadata": {"k": "v" * 600}}, "metadata.k"),
        ({"input_file_id": "file-nothing"}, None),
    ],
)
def test_a_wrong_body_names_the_field(
    client_api: APIClient, more: dict[str, Any], param: str | None
) -> None:
    refused = create(client_api, upload(client_api, jsonl(request_line(1))), **more)
    assert refused.status_code in (400, 404), refused.content
    if param is not None:
        assert error_of(refused)["param"] == param


def test_predicting_needs_the_right_to_predict(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    file_id = upload(client_api, jsonl(request_line(1)))
    batch_id = create(client_api, file_id).json()["id"]
    viewer = make_client(organization, Role.VIEWER)
    assert batch(viewer, batch_id)["status"] == "validating"
    assert create(viewer, file_id).status_code == 403
    assert viewer.post(f"/v1/batches/{batch_id}/cancel").status_code == 403
    predict = make_client(organization, Role.DEVELOPER, KeyScope.PREDICT)
    assert create(predict, file_id).status_code == 200


def test_an_idempotency_key_makes_one_batch(client_api: APIClient) -> None:
    file_id = upload(client_api, jsonl(request_line(1)))
    body = {"input_file_id": file_id, "endpoint": "/v1/classify"}
    answers = [
        client_api.post("/v1/batches", body, format="json", HTTP_IDEMPOTENCY_KEY="once")
        for _ in range(2)
    ]
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    assert len(client_api.get("/v1/batches").json()["data"]) == 1


def test_too_many_open_batches_are_refused(
    client_api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "MAX_OPEN", 2)
    file_id = upload(client_api, jsonl(request_line(1)))
    codes = [create(client_api, file_id).status_code for _ in range(3)]
    assert codes == [200, 200, 409]


def test_create_and_cancel_leave_their_audit_rows(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    batch_id = made(client_api, jsonl(request_line(1)))
    client_api.post(f"/v1/batches/{batch_id}/cancel")
    with tenant_scope(organization):
        rows = AuditEvent.objects.filter(target=batch_id).order_by("id")
        assert [row.action for row in rows] == ["batch.create", "batch.cancel"]


def test_a_model_that_an_open_batch_runs_on_stays(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    name = make_model_version(organization).name
    batch_id = made(client_api, b"text\nfine\n", "a.csv", model=name)
    running._count(work_load(claimed()))
    assert batch(client_api, batch_id)["status"] == "in_progress"
    refused = client_api.delete(f"/v1/models/{name}")
    assert (refused.status_code, error_of(refused)["code"]) == (409, "model_in_use")


def _stream(path: str, key: str) -> Any:
    """Return the answer, or a stream's frames, read to its end."""

    @async_to_sync
    async def call() -> Any:
        headers = cast("Any", {"Authorization": f"Bearer {key}"})
        response: Any = await AsyncClient().get(path, headers=headers)
        if not response.streaming:
            return response
        parts = cast("AsyncIterator[bytes]", response.streaming_content)
        text = b"".join([part async for part in parts]).decode()
        blocks = [block for block in text.split("\n\n") if "event: " in block]
        lines = [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]
        return [(line["event"], json.loads(line["data"])) for line in lines]

    return call()


def test_the_stream_tells_the_end_and_is_done(
    client_api: APIClient, organization: OrganizationRef, engine: Engine
) -> None:
    batch_id = made(client_api, jsonl(request_line(1)))
    work_all()
    key = make_key(organization, Role.VIEWER, KeyScope.TRAIN)
    frames = _stream(f"/v1/batches/{batch_id}/stream", key)
    assert [kind for kind, _ in frames] == ["status", "done"]
    assert frames[0][1] == batch(client_api, batch_id)
    assert frames[1][1]["status"] == "completed"


def test_a_process_that_stops_ends_its_streams(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    path = f"/v1/batches/{made(client_api, jsonl(request_line(1)))}/stream"
    key = make_key(organization, Role.VIEWER, KeyScope.TRAIN)
    stopping.set()
    try:
        frames = _stream(path, key)
    finally:
        stopping.clear()

    assert [kind for kind, _ in frames] == ["status"]


def test_the_stream_is_nobody_elses(
    client_api: APIClient, other_organization: OrganizationRef
) -> None:
    batch_id = made(client_api, jsonl(request_line(1)))
    refused = _stream(f"/v1/batches/{batch_id}/stream", make_key(other_organization, Role.OWNER))
    assert refused.status_code == 404
