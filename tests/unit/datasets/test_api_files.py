"""`/v1/files` over HTTP, in OpenAI's shapes."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.unit.datasets.helpers import csv_of, good_rows, post_file
from tests.unit.factories import error_of

pytestmark = pytest.mark.django_db

GOOD = csv_of(good_rows(40))


def uploaded(client: APIClient, data: bytes = GOOD, name: str = "a.csv") -> dict[str, Any]:
    response = post_file(client, "/v1/files", data, name, purpose="fine-tune")
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


def test_a_file_has_openais_shape_and_comes_back_byte_for_byte(client_api: APIClient) -> None:
    data = b'{"prompt": "a", "completion": "b"}\r\n\xff\x00'
    file = uploaded(client_api, data, "train.jsonl")
    assert file == {
        "id": file["id"],
        "object": "file",
        "bytes": len(data),
        "created_at": file["created_at"],
        "expires_at": None,
        "filename": "train.jsonl",
        "purpose": "fine-tune",
        "status": "processed",
        "status_details": None,
        "sha256": file["sha256"],
    }
    assert file["id"].startswith("file-")
    assert client_api.get(f"/v1/files/{file['id']}").json() == file
    content = client_api.get(f"/v1/files/{file['id']}/content", HTTP_ACCEPT="application/binary")
    assert b"".join(content.streaming_content) == data
    assert content.headers["Content-Disposition"] == 'attachment; filename="train.jsonl"'
    assert content.headers["Content-Type"] == "application/octet-stream"
    assert content.headers["X-Content-Type-Options"] == "nosniff"


def test_files_are_listed_newest_first_by_purpose_and_page(client_api: APIClient) -> None:
    ids = {uploaded(client_api)["id"] for _ in range(3)}
    post_file(client_api, "/v1/files", b"{}", "b.jsonl", purpose="batch")
    page = client_api.get("/v1/files?purpose=fine-tune&limit=2").json()
    assert page["object"] == "list"
    assert page["has_more"]
    after = page["data"][-1]["id"]
    rest = client_api.get(f"/v1/files?purpose=fine-tune&limit=2&after={after}").json()
    assert not rest["has_more"]
    assert {file["id"] for file in page["data"] + rest["data"]} == ids
    assert len(client_api.get("/v1/files").json()["data"]) == 4


def test_a_deleted_file_is_gone(client_api: APIClient) -> None:
    file = uploaded(client_api)
    answer = client_api.delete(f"/v1/files/{file['id']}")
    assert answer.json() == {"id": file["id"], "object": "file", "deleted": True}
    for path in (f"/v1/files/{file['id']}", f"/v1/files/{file['id']}/content"):
        assert client_api.get(path).status_code == 404
    assert client_api.delete(f"/v1/files/{file['id']}").status_code == 404
    assert client_api.get("/v1/files").json()["data"] == []


@pytest.mark.parametrize(
    ("form", "code", "param"),
    [
        ({"purpose": "assistants"}, "file_purpose_invalid", "purpose"),
        ({"purpose": "batch_output"}, "file_purpose_invalid", "purpose"),
        ({}, "invalid_request", "purpose"),
    ],
)
def test_a_file_needs_a_purpose(
    client_api: APIClient, form: dict[str, str], code: str, param: str
) -> None:
    response = post_file(client_api, "/v1/files", GOOD, **form)
    assert response.status_code == 400
    assert (error_of(response)["code"], error_of(response)["param"]) == (code, param)


def test_empty_and_oversized_files_are_refused(client_api: APIClient, settings: Any) -> None:
    empty = post_file(client_api, "/v1/files", b"", purpose="fine-tune")
    assert (empty.status_code, error_of(empty)["code"]) == (400, "file_empty")
    settings.DATASET_LIMITS = {"file_bytes": 100}
    for path, form in (("/v1/files", {"purpose": "fine-tune"}), ("/v1/datasets", {})):
        response = post_file(client_api, path, GOOD, **form)
        assert (response.status_code, error_of(response)["code"]) == (413, "file_too_large")
