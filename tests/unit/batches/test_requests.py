"""Files of requests, from upload to output, on the real engine."""

import json

import pytest
from rest_framework.test import APIClient

from anneal.kernel.scopes import OrganizationRef
from tests.unit.batches.factories import (
    BAD,
    BASE,
    GOOD,
    Engine,
    batch,
    jsonl,
    lines_of,
    made,
    predictions,
    request_line,
    work_all,
)

pytestmark = pytest.mark.django_db

OPENAI_FIELDS = {
    "id", "object", "endpoint", "errors", "input_file_id", "completion_window", "status",
    "output_file_id", "error_file_id", "created_at", "in_progress_at", "expires_at",
    "finalizing_at", "completed_at", "failed_at", "expired_at", "cancelling_at", "cancelled_at",
    "request_counts", "metadata",
}  # fmt: skip


def test_requests_come_back_in_their_order_and_are_charged_once(
    client_api: APIClient, organization: OrganizationRef, engine: Engine
) -> None:
    before = predictions(organization)
    lines = [request_line(number, GOOD if number % 2 else BAD) for number in range(6)]
    lines.append(request_line(6, [GOOD, BAD, GOOD], top_k=1))
    batch_id = made(client_api, jsonl(*lines), metadata={"run": "7"})
    assert batch(client_api, batch_id)["status"] == "validating"

    work_all()

    done = batch(client_api, batch_id)
    assert done.keys() >= OPENAI_FIELDS
    assert (done["status"], done["errors"], done["error_file_id"]) == ("completed", None, None)
    assert done["request_counts"] == {"total": 7, "completed": 7, "failed": 0}
    assert (done["items"], done["charged"], done["metadata"]) == (9, 9, {"run": "7"})
    assert done["created_at"] <= done["in_progress_at"] <= done["completed_at"]
    output = lines_of(client_api, done["output_file_id"])
    assert [line["custom_id"] for line in output] == [f"row-{number}" for number in range(7)]
    labels = [line["response"]["body"]["data"][0]["label"] for line in output]
    assert labels == ["negative", "positive"] * 3 + ["positive"]
    assert all(line["response"]["status_code"] == 200 for line in output)
    assert len({line["id"] for line in output}) == 7
    several = output[-1]["response"]["body"]
    assert [item["index"] for item in several["data"]] == [0, 1, 2]
    assert [item["label"] for item in several["data"]] == ["positive", "negative", "positive"]
    assert all(len(item["scores"]) == 1 for item in several["data"])
    assert several["usage"]["predictions"] == 3
    after = predictions(organization)
    assert after.consumed - before.consumed == 9
    assert after.held == 0


def test_bad_lines_go_to_the_error_file_and_cost_nothing(
    client_api: APIClient, organization: OrganizationRef, engine: Engine
) -> None:
    lines = [
        request_line(1),
        b"{no json",
        request_line(2, "   "),
        request_line(3, "a\x00b"),
        {**request_line(4), "url": "/v1/embeddings"},
        {**request_line(5), "method": "GET"},
        request_line(6, GOOD, model="ft:other"),
        request_line(7, GOOD, temperature=1),
        {"custom_id": "row-8"},
        b'"row"',
        request_line(9, [GOOD] * 1_001),
        request_line(10, BAD),
    ]
    batch_id = made(client_api, jsonl(*lines))

    work_all()

    done = batch(client_api, batch_id)
    assert done["status"] == "completed"
    assert done["request_counts"] == {"total": 12, "completed": 2, "failed": 10}
    assert predictions(organization).consumed == 2
    output = lines_of(client_api, done["output_file_id"])
    assert [line["custom_id"] for line in output] == ["row-1", "row-10"]
    errors = lines_of(client_api, done["error_file_id"])
    assert [line["line"] for line in errors] == list(range(2, 12))
    told = [(line["custom_id"], line["error"]["code"]) for line in errors]
    assert told == [
        (None, "invalid_json"),
        ("row-2", "invalid_request"),
        ("row-3", "text_invalid"),
        ("row-4", "invalid_request"),
        ("row-5", "invalid_request"),
        ("row-6", "row_invalid"),
        ("row-7", "invalid_request"),
        (None, "row_invalid"),
        (None, "row_invalid"),
        ("row-9", "too_many_items"),
    ]
    assert errors[-1]["response"]["status_code"] == 413
    assert errors[-1]["response"]["body"]["error"]["code"] == "too_many_items"


def test_embeddings_by_batch(
    client_api: APIClient, organization: OrganizationRef, engine: Engine
) -> None:
    body = {"model": BASE, "input": [GOOD, BAD]}
    line = {"custom_id": "v", "method": "POST", "url": "/v1/embeddings", "body": body}
    coded = {**line, "custom_id": "w", "body": {**body, "encoding_format": "base64"}}
    batch_id = made(client_api, jsonl(line, coded), endpoint="/v1/embeddings")

    work_all()

    done = batch(client_api, batch_id)
    assert done["request_counts"] == {"total": 2, "completed": 2, "failed": 0}
    plain, packed = lines_of(client_api, done["output_file_id"])
    data = plain["response"]["body"]["data"]
    assert [len(item["embedding"]) for item in data] == [384, 384]
    assert sum(value * value for value in data[0]["embedding"]) == pytest.approx(1, abs=1e-4)
    assert isinstance(packed["response"]["body"]["data"][0]["embedding"], str)
    assert plain["response"]["body"]["usage"]["total_tokens"] > 10
    assert predictions(organization).consumed == 4


def test_vectors_of_the_models_own_size_may_be_asked_for_as_in_a_call(
    client_api: APIClient, organization: OrganizationRef, engine: Engine
) -> None:
    def line(size: int) -> dict[str, object]:
        body = {"model": BASE, "input": GOOD, "dimensions": size}
        return {"custom_id": f"{size}", "method": "POST", "url": "/v1/embeddings", "body": body}

    batch_id = made(client_api, jsonl(line(384), line(100)), endpoint="/v1/embeddings")

    work_all()

    done = batch(client_api, batch_id)
    [answered] = lines_of(client_api, done["output_file_id"])
    [refused] = lines_of(client_api, done["error_file_id"])
    assert (answered["custom_id"], refused["custom_id"]) == ("384", "100")
    assert refused["error"]["param"] == "body.dimensions"
    assert "384" in refused["error"]["message"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\n \n\n", "batch_file_empty"),
        (b"no\nrequest\n", "batch_file_unfit"),
        (jsonl(request_line(1, GOOD, model="nobody")), "model_not_found"),
    ],
)
def test_a_file_that_cannot_be_run_fails_before_anything_is_held(
    client_api: APIClient, organization: OrganizationRef, data: bytes, code: str
) -> None:
    batch_id = made(client_api, data)

    work_all()

    done = batch(client_api, batch_id)
    assert done["status"] == "failed"
    [error] = done["errors"]["data"]
    assert error["code"] == code
    assert error["message"]
    assert predictions(organization).held == 0


def test_every_line_bad_is_an_ended_batch_with_an_error_file(
    client_api: APIClient, organization: OrganizationRef, engine: Engine
) -> None:
    batch_id = made(client_api, jsonl(request_line(1), *[b"{"] * 600))
    work_all()
    done = batch(client_api, batch_id)
    assert done["request_counts"] == {"total": 601, "completed": 1, "failed": 600}
    assert len(lines_of(client_api, done["error_file_id"])) == 600
    assert json.dumps(done)
