"""Slices by further columns: in the JSON and on paper, with values while their dataset lives."""

import itertools

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from anneal.kernel.storage import object_open
from mlworker.registry.contracts import ModelVersionInfo
from mlworker.registry.evaluation.pdf import column_table, report_content
from mlworker.registry.evaluation.selectors import evaluation_get
from mlworker.registry.evaluation.texts import TEXTS
from mlworker.registry.models import ModelVersion
from tenants.datasets.contracts import DatasetInfo
from tenants.datasets.services import dataset_delete
from tests.unit.datasets.helpers import csv_of, good_rows
from tests.unit.registry.evaluations import make_dataset, make_reported_version, wide_csv

SLICE = {
    "kind": "range",
    "value": None,
    "values": None,
    "rows": 9,
    "figure": {"value": 1.5, "low": 1, "high": 2},
    "rest": None,
    "verdict": None,
}

pytestmark = pytest.mark.django_db


@pytest.fixture
def dataset(organization: OrganizationRef) -> DatasetInfo:
    return make_dataset(organization, data=wide_csv())


@pytest.fixture
def version(organization: OrganizationRef, dataset: DatasetInfo) -> ModelVersionInfo:
    return make_reported_version(organization, dataset, wrong=12)


def report_of(client: APIClient, version: ModelVersionInfo) -> dict[str, object]:
    found: dict[str, object] = client.get(f"/v1/models/{version.name}/evaluation").json()
    return found


def test_slices_have_their_values_figures_and_verdicts(
    client_api: APIClient, version: ModelVersionInfo
) -> None:
    report = report_of(client_api, version)
    part = report["column_slices"]
    assert (part["figure"], part["correction"], part["dataset_deleted"]) == (
        "accuracy",
        "holm",
        False,
    )
    price, source = part["columns"]
    assert (price["column"], price["kind"], len(price["slices"])) == ("price", "number", 4)
    assert (source["column"], source["kind"]) == ("source", "category")
    assert {line["value"] for line in source["slices"]} == {"web", "phone", "shop", None}
    assert source["slices"][-1]["kind"] == "missing"
    assert all(
        sum(line["rows"] for line in one["slices"]) == report["rows"] for one in (price, source)
    )
    ends = [(line["low"], line["high"]) for line in price["slices"]]
    assert all(low < high for low, high in ends)
    assert all(before[1] < after[0] for before, after in itertools.pairwise(ends))
    # the first rows are the wrong ones, and prices rise with the rows
    assert [line["verdict"] for line in price["slices"]] == ["worse", *["not_separable"] * 3]
    assert (price["slices"][0]["figure"]["value"], price["slices"][0]["rest"]) == (0, 28 / 30)


def test_the_stored_report_holds_no_value_and_a_deleted_dataset_takes_them_along(
    client_api: APIClient,
    organization: OrganizationRef,
    dataset: DatasetInfo,
    version: ModelVersionInfo,
) -> None:
    with tenant_scope(organization):
        row = ModelVersion.objects.get(id=version.id)
    with object_open(row.report_key) as stored:
        assert not {"web", "phone", "shop"} & set(stored.read().decode().split('"'))
    assert "phone" not in row.card
    with tenant_scope(organization):
        dataset_delete(organization=organization, actor=SYSTEM_ACTOR, dataset_id=dataset.id)
    part = report_of(client_api, version)["column_slices"]
    assert part["dataset_deleted"] is True
    source = part["columns"][1]["slices"]
    assert {line["value"] for line in source} == {None}
    assert {line["low"] or line["high"] for line in part["columns"][0]["slices"]} == {None}
    assert sum(line["rows"] for line in source) == 40
    for language in ("en", "zh-Hans"):
        query = {"language": language}
        response = client_api.get(f"/v1/models/{version.name}/evaluation.pdf", query)
        assert response.content.startswith(b"%PDF-")


def test_a_model_of_a_dataset_without_further_columns_says_nothing_of_them(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    plain = make_reported_version(organization, make_dataset(organization))
    assert report_of(client_api, plain)["column_slices"] is None
    with tenant_scope(organization):
        found = evaluation_get(organization=organization, name=plain.name)
    content = report_content(found, [], language="en")
    assert TEXTS["en"]["column_slices"] not in {table["title"] for table in content["tables"]}


def test_columns_that_cut_nothing_are_named_and_not_printed(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    rows = [(text, f"{label},customer {n}") for n, (text, label) in enumerate(good_rows(200))]
    data = csv_of(rows, "text,label,customer")
    version = make_reported_version(organization, make_dataset(organization, data=data))
    part = report_of(client_api, version)["column_slices"]
    assert (part["columns"], part["tested"], part["dataset_deleted"]) == ([], 0, False)
    assert part["skipped"] == [{"column": "customer", "reason": "all_different"}]
    response = client_api.get(f"/v1/models/{version.name}/evaluation.pdf")
    assert response.content.startswith(b"%PDF-")


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_the_document_prints_what_is_worse_first(
    language: str, organization: OrganizationRef, version: ModelVersionInfo
) -> None:
    with tenant_scope(organization):
        found = evaluation_get(organization=organization, name=version.name)
    content, texts = report_content(found, [], language=language), TEXTS[language]
    (table,) = [one for one in content["tables"] if one["title"] == texts["column_slices"]]
    first, *others = table["rows"]
    assert first[0].startswith("price: ")
    assert first[-1] == texts["slice_worse"]
    assert {line[-1] for line in others} == {""}
    assert f"source: {texts['slice_missing']}" in {line[0] for line in others}
    assert all(len(line) == len(table["head"]) for line in table["rows"])
    assert "10" in table["note"]


def test_the_ends_of_a_range_are_printed_in_their_own_digits() -> None:
    ends = {12500: "12,500", 0.25: "0.25", 0: "0", -3.5: "-3.5", 0.00042: "0.00042", 1e20: "1e+20"}
    column = {"column": "price", "slices": []}
    for value in ends:
        column["slices"].append({**SLICE, "low": value, "high": value})
    report = {"figure": "mae", "tested": 0, "least_rows": 10, "columns": [column]}
    table = column_table({"column_slices": report}, TEXTS["en"])
    assert [line[0] for line in table["rows"]] == [
        f"price: {end} to {end}" for end in ends.values()
    ]


def test_values_are_printed_and_never_run(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    hostile = ("#panic(1) $ ] {", '#read(""/etc/passwd"")')
    lines = [f'text {n},{"ab"[n % 2]},"{hostile[n // 2 % 2]}"' for n in range(200)]
    data = "\n".join(['text,label,"#panic(2) ]"', *lines]).encode()
    version = make_reported_version(organization, make_dataset(organization, data=data))
    response = client_api.get(f"/v1/models/{version.name}/evaluation.pdf")
    assert response.content.startswith(b"%PDF-")


@pytest.mark.parametrize("rest", ["", "/rows", ".pdf"])
def test_a_report_with_slices_takes_one_query_more(
    rest: str,
    client_api: APIClient,
    version: ModelVersionInfo,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_max_num_queries(13):
        client_api.get(f"/v1/models/{version.name}/evaluation{rest}")
