"""`/v1/datasets` over HTTP: shapes, permissions, strangers, lists."""

import json
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from anneal.kernel.principal import KeyScope, Role
from anneal.kernel.scopes import OrganizationRef
from tests.unit.datasets.helpers import csv_of, good_rows, post_file
from tests.unit.factories import error_of, make_client

pytestmark = pytest.mark.django_db

GOOD = csv_of(good_rows(40))


def made(client: APIClient, data: bytes = GOOD, **form: Any) -> dict[str, Any]:
    response = post_file(client, "/v1/datasets", data, **form)
    assert response.status_code == 201, response.content
    answer: dict[str, Any] = response.json()
    return answer


def uploaded(client: APIClient, data: bytes = GOOD, name: str = "a.csv") -> dict[str, Any]:
    response = post_file(client, "/v1/files", data, name, purpose="fine-tune")
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


def test_a_dataset_answers_with_its_version_and_report(client_api: APIClient) -> None:
    dataset = made(client_api, name="Reviews", column_mapping='{"text": "text", "label": "label"}')
    version = dataset["latest_version"]
    assert dataset["id"].startswith("ds_")
    assert (dataset["object"], dataset["name"], dataset["task"], dataset["origin"]) == (
        "dataset",
        "Reviews",
        "text_classification",
        "upload",
    )
    assert dataset["status"] == version["status"] == "ready"
    assert dataset["rows"] == version["rows"] == 40
    assert dataset["labels"] == {"bad": 20, "good": 20}
    assert dataset["validation_report"]["errors"] == []
    assert version["id"].startswith("dsv_")
    assert version["splits"] == {"train": 32, "validation": 4, "test": 4}
    assert version["column_mapping"] == {"text": "text", "label": "label", "meta": []}
    assert len(version["content_hash"]) == 64
    assert client_api.get(f"/v1/datasets/{dataset['id']}").json() == dataset
    assert client_api.get("/v1/datasets").json()["data"] == [dataset]
    address = f"/v1/datasets/{dataset['id']}/versions/{version['id']}"
    assert client_api.get(address).json() == version
    raw = client_api.get(f"/v1/files/{version['file']}/content")
    assert b"".join(raw.streaming_content) == GOOD


def test_without_a_name_the_files_is_taken(client_api: APIClient) -> None:
    assert made(client_api)["name"] == "a.csv"


def test_the_sample_is_ready_to_train_on(client_api: APIClient) -> None:
    dataset = client_api.post("/v1/datasets/sample").json()
    assert (dataset["status"], dataset["rows"], dataset["origin"]) == ("ready", 600, "sample")
    assert dataset["validation_report"]["warnings"] == []


def test_a_refused_upload_names_row_and_field(client_api: APIClient) -> None:
    response = post_file(client_api, "/v1/datasets", b"text,label\na,b\nc,d,e\n")
    error = error_of(response)
    assert response.status_code == 400
    assert (error["code"], error["param"]) == ("csv_row_width", "file")
    assert "row 3" in error["message"]
    assert client_api.get("/v1/files").json()["data"] == []


@pytest.mark.parametrize(
    ("form", "code", "param"),
    [
        ({"column_mapping": "{"}, "invalid_request", None),
        ({"column_mapping": "[" * 5000}, "invalid_request", None),
        ({"column_mapping": '{"text": "text"}'}, "column_mapping_invalid", "column_mapping"),
        (
            {"column_mapping": '{"text": "body", "label": "label"}'},
            "column_not_found",
            "column_mapping",
        ),
        ({"task": "weather"}, "task_unsupported", "task"),
        ({"name": "  "}, "invalid_request", "name"),
        ({"name": "n" * 121}, "invalid_request", "name"),
    ],
)
def test_a_wrong_form_is_refused_by_field(
    client_api: APIClient, form: dict[str, str], code: str, param: str | None
) -> None:
    response = post_file(client_api, "/v1/datasets", GOOD, **form)
    assert response.status_code == 400
    assert (error_of(response)["code"], error_of(response)["param"]) == (code, param)


def test_a_file_is_a_must(client_api: APIClient) -> None:
    for body, kind in (({"name": "a"}, "multipart"), ({"file": "a.csv"}, "json")):
        response = client_api.post("/v1/datasets", body, format=kind)
        assert response.status_code == 400
        assert error_of(response)["param"] == "file"


def test_a_preview_shows_rows_mapping_and_report_and_stores_nothing(client_api: APIClient) -> None:
    answer = post_file(client_api, "/v1/datasets/preview", GOOD + b",good\n").json()
    assert answer["columns"] == ["text", "label"]
    assert answer["column_mapping"] == {"text": "text", "label": "label", "meta": []}
    assert len(answer["rows"]) == 20
    assert answer["rows"][0] == {"text": "text number 0", "label": "good"}
    assert answer["complete"]
    assert [line["code"] for line in answer["validation_report"]["warnings"]] == ["empty_text"]
    assert client_api.get("/v1/datasets").json()["data"] == []
    assert client_api.get("/v1/files").json()["data"] == []


def test_a_preview_of_a_long_file_says_that_it_saw_a_part(
    client_api: APIClient, settings: Any
) -> None:
    settings.DATASET_LIMITS = {"quick_rows": 30, "sample_rows": 10}
    answer = post_file(client_api, "/v1/datasets/preview", GOOD).json()
    assert not answer["complete"]
    assert answer["validation_report"]["rows"] == 30


def test_a_preview_without_a_guess_asks_for_the_mapping(client_api: APIClient) -> None:
    data = csv_of([(f"word {n}", f"other {n}") for n in range(9)], header="a,b")
    answer = post_file(client_api, "/v1/datasets/preview", data).json()
    assert answer["column_mapping"] is None
    assert answer["columns"] == ["a", "b"]
    assert answer["validation_report"]["errors"][0]["code"] == "column_mapping_required"
    chosen = post_file(
        client_api, "/v1/datasets/preview", data, column_mapping='{"text": "a", "label": "b"}'
    )
    assert chosen.json()["column_mapping"] == {"text": "a", "label": "b", "meta": []}


def test_versions_are_added_by_file_and_by_mapping(client_api: APIClient) -> None:
    dataset = made(client_api)
    address = f"/v1/datasets/{dataset['id']}/versions"
    second = post_file(client_api, address, csv_of(good_rows(60)))
    third = client_api.post(
        address, {"column_mapping": {"text": "TEXT", "label": "label"}}, format="json"
    )
    assert (second.status_code, third.status_code) == (201, 201)
    numbers = [row["number"] for row in client_api.get(address).json()["data"]]
    assert sorted(numbers) == [1, 2, 3]
    assert third.json()["file"] == second.json()["file"]
    assert third.json()["validation_report"]["warnings"][0]["code"] == "column_name_adjusted"
    neither = client_api.post(address, {}, format="json")
    assert (neither.status_code, error_of(neither)["param"]) == (400, "file")
    again = client_api.get(f"/v1/datasets/{dataset['id']}").json()
    assert (again["versions"], again["rows"]) == (3, 60)


def test_rows_are_filtered_searched_and_paged(client_api: APIClient) -> None:
    rows = [*good_rows(40), ("Ünïcode NEEDLE here", "good"), ("100% [sic] needle?", "bad")]
    dataset = made(client_api, csv_of(rows))
    address = f"/v1/datasets/{dataset['id']}/rows"
    first = client_api.get(f"{address}?limit=30").json()
    rest = client_api.get(f"{address}?limit=30&after={first['data'][-1]['id']}").json()
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert [row["text"] for row in first["data"] + rest["data"]] == [text for text, _ in rows]
    assert first["data"][0] == {
        "id": 2,
        "object": "dataset.row",
        "text": "text number 0",
        "label": "good",
        "target": "good",
        "meta": {},
        "split": first["data"][0]["split"],
    }
    test = client_api.get(f"{address}?split=test&limit=100").json()["data"]
    assert {row["split"] for row in test} == {"test"}
    assert len(test) == dataset["latest_version"]["splits"]["test"]
    bad = client_api.get(f"{address}?label=bad&limit=100").json()["data"]
    assert len(bad) == 21
    found = client_api.get(address, {"search": "needle"}).json()["data"]
    assert [row["id"] for row in found] == [42, 43]
    assert len(client_api.get(address, {"search": "% [sic]"}).json()["data"]) == 1


def test_rows_of_an_older_version_stay_readable(client_api: APIClient) -> None:
    dataset = made(client_api)
    post_file(client_api, f"/v1/datasets/{dataset['id']}/versions", csv_of(good_rows(60)))
    address = f"/v1/datasets/{dataset['id']}/rows"
    old = client_api.get(f"{address}?limit=100&version={dataset['latest_version']['id']}").json()
    new = client_api.get(f"{address}?limit=100").json()
    assert (len(old["data"]), len(new["data"])) == (40, 60)
    other = made(client_api)["latest_version"]["id"]
    assert client_api.get(f"{address}?version={other}").status_code == 404


@pytest.mark.parametrize(
    "query",
    ["split=all", "limit=0", "limit=101", "after=x", "after=-1", "search=" + "s" * 201],
)
def test_a_wrong_query_is_refused(client_api: APIClient, query: str) -> None:
    dataset = made(client_api)
    response = client_api.get(f"/v1/datasets/{dataset['id']}/rows?{query}")
    assert response.status_code == 400
    assert error_of(response)["param"] == query.split("=")[0]


def test_statistics_are_read_from_the_version(client_api: APIClient) -> None:
    dataset = made(client_api, GOOD + b"text number 0,good\n")
    stats = client_api.get(f"/v1/datasets/{dataset['id']}/stats").json()
    assert stats["rows"] == 40
    assert stats["duplicates"] == 1
    assert stats["splits"] == {"train": 32, "validation": 4, "test": 4}
    assert stats["labels"]["good"] == {"train": 16, "validation": 2, "test": 2}
    assert sum(part["count"] for part in stats["characters"]["bins"]) == 40


def test_a_failed_dataset_says_why_where_rows_are_asked_for(client_api: APIClient) -> None:
    dataset = made(client_api, csv_of([(f"text {n}", "same") for n in range(20)]))
    assert dataset["status"] == "failed"
    assert dataset["validation_report"]["errors"][0]["code"] == "single_class"
    for part in ("rows", "stats"):
        response = client_api.get(f"/v1/datasets/{dataset['id']}/{part}")
        assert (response.status_code, error_of(response)["code"]) == (400, "dataset_invalid")


def test_a_dataset_in_processing_asks_for_patience(client_api: APIClient, settings: Any) -> None:
    settings.DATASET_LIMITS = {"quick_rows": 10}
    dataset = made(client_api)
    assert dataset["status"] == "processing"
    assert dataset["latest_version"]["splits"] is None
    response = client_api.get(f"/v1/datasets/{dataset['id']}/stats")
    assert (response.status_code, error_of(response)["code"]) == (409, "dataset_not_ready")
    assert int(response.headers["Retry-After"]) >= 1


def test_a_deleted_dataset_is_gone(client_api: APIClient) -> None:
    dataset = made(client_api)
    answer = client_api.delete(f"/v1/datasets/{dataset['id']}")
    assert answer.json() == {"id": dataset["id"], "object": "dataset", "deleted": True}
    for part in ("", "/rows", "/stats", "/versions"):
        assert client_api.get(f"/v1/datasets/{dataset['id']}{part}").status_code == 404
    assert client_api.get("/v1/datasets").json()["data"] == []


def test_strangers_see_nothing(client_api: APIClient, other_client_api: APIClient) -> None:
    dataset, file = made(client_api), uploaded(client_api)
    version = dataset["latest_version"]["id"]
    for path in (
        f"/v1/datasets/{dataset['id']}",
        f"/v1/datasets/{dataset['id']}/versions",
        f"/v1/datasets/{dataset['id']}/versions/{version}",
        f"/v1/datasets/{dataset['id']}/rows",
        f"/v1/datasets/{dataset['id']}/stats",
        f"/v1/files/{file['id']}",
        f"/v1/files/{file['id']}/content",
    ):
        assert other_client_api.get(path).status_code == 404
    address = f"/v1/datasets/{dataset['id']}/versions"
    assert post_file(other_client_api, address, GOOD).status_code == 404
    assert other_client_api.delete(f"/v1/datasets/{dataset['id']}").status_code == 404
    assert other_client_api.delete(f"/v1/files/{file['id']}").status_code == 404
    assert other_client_api.get("/v1/datasets").json()["data"] == []
    own = made(other_client_api)["id"]
    borrowed = other_client_api.get(f"/v1/datasets/{own}/rows?version={version}")
    assert borrowed.status_code == 404


@pytest.mark.parametrize(
    "name", ["x", "ds_", "ds_" + "z" * 26, "ds_" + "0" * 25, "dsv_" + "0" * 26]
)
def test_malformed_ids_are_not_found(client_api: APIClient, name: str) -> None:
    assert client_api.get(f"/v1/datasets/{name}").status_code == 404


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ANNOTATOR, Role.BILLING])
def test_readers_may_read_and_not_write(
    organization: OrganizationRef, client_api: APIClient, role: Role
) -> None:
    dataset, file = made(client_api), uploaded(client_api)
    reader = make_client(organization, role, KeyScope.DATASETS)
    assert reader.get(f"/v1/datasets/{dataset['id']}/rows").status_code == 200
    assert reader.get(f"/v1/files/{file['id']}").status_code == 200
    for path in ("/v1/datasets", "/v1/datasets/preview", "/v1/files"):
        assert post_file(reader, path, GOOD, purpose="fine-tune").status_code == 403
    assert reader.post("/v1/datasets/sample").status_code == 403
    assert reader.delete(f"/v1/datasets/{dataset['id']}").status_code == 403
    assert reader.delete(f"/v1/files/{file['id']}").status_code == 403


def test_a_key_needs_the_scope_datasets_to_write(organization: OrganizationRef) -> None:
    writer = make_client(organization, Role.DEVELOPER, KeyScope.DATASETS)
    reader = make_client(organization, Role.DEVELOPER, KeyScope.PREDICT)
    assert writer.post("/v1/datasets/sample").status_code == 201
    assert reader.post("/v1/datasets/sample").status_code == 403


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize(("path", "queries"), [("/v1/datasets", 7), ("/v1/files", 6)])
def test_lists_cost_the_same_whatever_their_length(
    client_api: APIClient,
    django_assert_num_queries: DjangoAssertNumQueries,
    count: int,
    path: str,
    queries: int,
) -> None:
    for _ in range(count):
        made(client_api)
    with django_assert_num_queries(queries):
        client_api.get(path)


def test_the_answers_fit_the_openapi_file(client_api: APIClient) -> None:
    from drf_spectacular.generators import (  # noqa: PLC0415 # needs the parsers loaded first
        SchemaGenerator,
    )

    schema = SchemaGenerator().get_schema(request=None, public=True)
    dataset = made(client_api)
    answers = {
        "DatasetOut": dataset,
        "VersionOut": dataset["latest_version"],
        "ReportOut": dataset["validation_report"],
        "FileOut": uploaded(client_api),
        "PreviewOut": post_file(client_api, "/v1/datasets/preview", GOOD).json(),
        "StatsOut": client_api.get(f"/v1/datasets/{dataset['id']}/stats").json(),
        "RowListOut": client_api.get(f"/v1/datasets/{dataset['id']}/rows").json(),
    }
    for name, answer in answers.items():
        shape = schema["components"]["schemas"][name]
        assert set(shape["required"]) <= set(answer) <= set(shape["properties"]), name
    assert json.dumps(schema["paths"]).count("multipart/form-data") >= 4
