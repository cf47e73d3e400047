"""Reports over the API: figures, rows behind a cell, the document, versions compared."""

import json

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from anneal.kernel.models import OutboxMessage
from anneal.kernel.principal import SYSTEM_ACTOR, KeyScope, Role
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from anneal.kernel.storage import object_delete, object_open, object_put
from mlworker.registry.contracts import ModelVersionInfo
from mlworker.registry.models import ModelVersion
from mlworker.registry.services import model_version_delete
from tenants.datasets.contracts import DatasetInfo
from tenants.datasets.services import dataset_delete
from tests.unit.factories import error_of, make_client
from tests.unit.registry.evaluations import (
    make_dataset,
    make_number_version,
    make_reported_version,
)
from tests.unit.registry.factories import make_model_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def dataset(organization: OrganizationRef) -> DatasetInfo:
    return make_dataset(organization)


@pytest.fixture
def version(organization: OrganizationRef, dataset: DatasetInfo) -> ModelVersionInfo:
    return make_reported_version(organization, dataset)


def address(version: ModelVersionInfo, rest: str = "") -> str:
    return f"/v1/models/{version.name}/evaluation{rest}"


def test_a_report_has_its_figures_and_todays_price(
    client_api: APIClient, version: ModelVersionInfo
) -> None:
    report = client_api.get(address(version)).json()
    assert report["object"] == "model.evaluation"
    assert report["model"] == version.name
    assert report["accuracy"]["value"] == pytest.approx(1 - 3 / report["rows"])
    assert report["accuracy"]["low"] < report["accuracy"]["value"] < report["accuracy"]["high"]
    assert report["comparison"]["verdict"] == "better"
    assert [line["name"] for line in report["baselines"]] == ["majority", "frozen_base"]
    assert float(report["price_per_1000"]["amount"]) > 0
    assert report["price_per_1000"]["currency"] == "USD"


def test_a_cell_of_the_confusion_matrix_leads_to_its_rows(
    client_api: APIClient, version: ModelVersionInfo
) -> None:
    report = client_api.get(address(version)).json()
    for true, line in zip(report["labels"], report["confusion"]["counts"], strict=True):
        for called, count in zip(report["labels"], line, strict=True):
            query = {"true": true, "predicted": called, "limit": 100}
            rows = client_api.get(address(version, "/rows"), query).json()
            assert rows["total"] == len(rows["data"]) == count
            assert {(row["label"], row["predicted"]) for row in rows["data"]} <= {(true, called)}
            assert all(row["text"].startswith("text number") for row in rows["data"])


def test_rows_come_in_pages(client_api: APIClient, version: ModelVersionInfo) -> None:
    seen: list[int] = []
    query: dict[str, object] = {"limit": 7}
    more = True
    while more:
        page = client_api.get(address(version, "/rows"), query).json()
        seen += [row["row"] for row in page["data"]]
        query["after"], more = seen[-1], page["has_more"]
    assert len(seen) == page["total"] == len(set(seen))
    assert seen == sorted(seen)


@pytest.mark.parametrize(("order", "right"), [("worst", False), ("best", True)])
def test_rows_by_loss_are_wrong_or_right(
    order: str, right: bool, client_api: APIClient, version: ModelVersionInfo
) -> None:
    page = client_api.get(address(version, "/rows"), {"order": order}).json()
    assert {row["label"] == row["predicted"] for row in page["data"]} == {right}


@pytest.mark.parametrize(("order", "rows"), [("worst", [1, 0, 2]), ("best", [2, 0, 1])])
def test_numbers_are_ordered_by_how_far_they_are_off(
    order: str,
    rows: list[int],
    client_api: APIClient,
    organization: OrganizationRef,
    dataset: DatasetInfo,
) -> None:
    version = make_number_version(organization, dataset)
    page = client_api.get(address(version, "/rows"), {"order": order}).json()
    assert [row["row"] for row in page["data"]] == rows


def test_a_report_of_numbers_names_its_rivals_and_prints(
    client_api: APIClient, organization: OrganizationRef, dataset: DatasetInfo
) -> None:
    version = make_number_version(organization, dataset)
    report = client_api.get(address(version)).json()
    mean, skipped = report["baselines"]
    assert mean["figures"][0] == {"name": "r2", "value": -0.1}
    assert (mean["accuracy"], skipped["figures"], skipped["skipped"]) == (None, [], "no_words")
    assert report["comparison"]["figure"] == "r2"
    for language in ("en", "zh-Hans"):
        response = client_api.get(address(version, ".pdf"), {"language": language})
        assert response.content.startswith(b"%PDF-")


def test_older_reports_are_read_as_the_new_ones(
    client_api: APIClient, organization: OrganizationRef, version: ModelVersionInfo
) -> None:
    now = client_api.get(address(version)).json()
    with tenant_scope(organization):
        row = ModelVersion.objects.get(id=version.id)
    with object_open(row.report_key) as stored:
        report = json.load(stored)
    del report["comparison"]["figure"], report["figures"]
    for line in report["baselines"]:
        del line["figures"]
    object_put(row.report_key, json.dumps(report).encode())
    then = client_api.get(address(version)).json()
    assert {name: then[name] for name in ("figures", "baselines", "comparison")} == {
        name: now[name] for name in ("figures", "baselines", "comparison")
    }


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"true": "unheard of"}, "true"),
        ({"predicted": "unheard of"}, "predicted"),
        ({"after": 10**9}, "after"),
        ({"limit": 0}, "limit"),
        ({"order": "up"}, "order"),
    ],
)
def test_a_wrong_query_is_refused_by_name(
    query: dict[str, object], param: str, client_api: APIClient, version: ModelVersionInfo
) -> None:
    response = client_api.get(address(version, "/rows"), query)
    assert response.status_code == 400
    assert error_of(response)["param"] == param


def test_texts_go_with_their_dataset(
    client_api: APIClient,
    organization: OrganizationRef,
    dataset: DatasetInfo,
    version: ModelVersionInfo,
) -> None:
    with tenant_scope(organization):
        dataset_delete(organization=organization, actor=SYSTEM_ACTOR, dataset_id=dataset.id)
    page = client_api.get(address(version, "/rows")).json()
    assert page["dataset_deleted"] is True
    assert {row["text"] for row in page["data"]} == {None}
    assert client_api.get(address(version)).status_code == 200


@pytest.mark.parametrize("rest", ["", "/rows", ".pdf"])
def test_a_model_without_report_says_how_to_get_one(
    rest: str, client_api: APIClient, organization: OrganizationRef
) -> None:
    old = make_model_version(organization)
    for name in (old.name, "sentiment-en", "minilm-l6"):
        response = client_api.get(f"/v1/models/{name}/evaluation{rest}")
        assert response.status_code == 404
        assert error_of(response)["code"] == "evaluation_missing"


def test_a_lost_file_is_a_missing_report(
    client_api: APIClient, organization: OrganizationRef, version: ModelVersionInfo
) -> None:
    with tenant_scope(organization):
        row = ModelVersion.objects.get(id=version.id)
    object_delete(row.report_key)
    object_delete(row.predictions_key)
    for rest in ("", "/rows"):
        response = client_api.get(address(version, rest))
        assert error_of(response)["code"] == "evaluation_missing"


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_the_document_is_a_pdf(
    language: str, client_api: APIClient, version: ModelVersionInfo
) -> None:
    response = client_api.get(address(version, ".pdf"), {"language": language})
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/pdf"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.content.startswith(b"%PDF-")


def test_the_document_knows_two_languages(client_api: APIClient, version: ModelVersionInfo) -> None:
    response = client_api.get(address(version, ".pdf"), {"language": "fr"})
    assert error_of(response)["param"] == "language"


def test_only_differences_are_compared(
    client_api: APIClient, organization: OrganizationRef, dataset: DatasetInfo
) -> None:
    first = make_reported_version(organization, dataset, suffix="a", config={"epochs": 3, "k": 1})
    second = make_reported_version(
        organization, dataset, suffix="b", wrong=6, config={"epochs": 5, "k": 1}
    )
    names = f"{first.name},{second.name}"
    found = client_api.get("/v1/models/compare", {"models": names}).json()
    assert found["models"] == [first.name, second.name]
    assert found["same_rows"] is True
    differences = {(one["group"], one["name"]): one["values"] for one in found["differences"]}
    assert differences["config", "epochs"] == [3, 5]
    assert ("config", "k") not in differences
    assert ("model", "base") not in differences
    better, worse = differences["evaluation", "accuracy"]
    assert better > worse


def test_versions_on_other_rows_are_not_set_against_each_other(
    client_api: APIClient, organization: OrganizationRef, version: ModelVersionInfo
) -> None:
    old = make_model_version(organization, suffix="old")
    other = make_reported_version(organization, make_dataset(organization), suffix="b")
    for name in (old.name, other.name):
        query = {"models": f"{version.name},{name}"}
        assert client_api.get("/v1/models/compare", query).json()["same_rows"] is False


def test_a_strangers_version_cannot_be_compared(
    client_api: APIClient, other_organization: OrganizationRef, version: ModelVersionInfo
) -> None:
    strange = make_model_version(other_organization)
    query = {"models": f"{version.name},{strange.name}"}
    response = client_api.get("/v1/models/compare", query)
    assert response.status_code == 404
    assert error_of(response)["code"] == "not_found"


@pytest.mark.parametrize("names", ["", "ft:a", "ft:a,ft:a", ",".join(f"ft:{n}" for n in range(6))])
def test_two_to_five_different_models_are_compared(names: str, client_api: APIClient) -> None:
    response = client_api.get("/v1/models/compare", {"models": names})
    assert response.status_code == 400
    assert error_of(response)["param"] == "models"


def test_a_viewer_reads_reports_and_a_predict_key_does_not(
    organization: OrganizationRef, version: ModelVersionInfo
) -> None:
    viewer = make_client(organization, Role.VIEWER)
    assert viewer.get(address(version)).status_code == 200
    narrow = make_client(organization, Role.ADMIN, KeyScope.PREDICT)
    wide = make_client(organization, Role.ADMIN, KeyScope.TRAIN)
    assert narrow.get(address(version)).status_code == narrow.get("/v1/models").status_code
    assert wide.get(address(version)).status_code == wide.get("/v1/models").status_code


def test_a_version_takes_its_report_with_it(
    organization: OrganizationRef, version: ModelVersionInfo
) -> None:
    with tenant_scope(organization):
        row = ModelVersion.objects.get(id=version.id)
        keys = {row.artifact_key, row.report_key, row.predictions_key}
        model_version_delete(organization=organization, actor=SYSTEM_ACTOR, name=version.name)
    with system_scope("test"):
        sent = OutboxMessage.objects.filter(task="registry.artifact_delete")
        assert {message.payload["key"] for message in sent} == keys


@pytest.mark.parametrize("rest", ["", "/rows", ".pdf"])
def test_a_report_takes_few_queries(
    rest: str,
    client_api: APIClient,
    version: ModelVersionInfo,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_max_num_queries(12):
        client_api.get(address(version, rest))


def test_comparing_five_takes_the_queries_of_two(
    client_api: APIClient,
    organization: OrganizationRef,
    dataset: DatasetInfo,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    made = [
        make_reported_version(organization, dataset, suffix=f"n{number}") for number in range(5)
    ]
    with django_assert_max_num_queries(9):
        query = {"models": ",".join(each.name for each in made)}
        assert client_api.get("/v1/models/compare", query).status_code == 200
