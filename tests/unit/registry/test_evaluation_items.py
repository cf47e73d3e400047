"""Every part that a report promises: in the JSON, and on paper in both languages."""

import json
from dataclasses import replace
from typing import Any

import pytest
from rest_framework.test import APIClient

from anneal.kernel.scopes import OrganizationRef, tenant_scope
from anneal.kernel.storage import object_delete, object_open
from mlworker.registry.contracts import ModelVersionInfo
from mlworker.registry.evaluation.pdf import WORST, report_content, report_pdf
from mlworker.registry.evaluation.selectors import evaluation_get, worst_rows
from mlworker.registry.evaluation.texts import TEXTS
from mlworker.registry.models import ModelVersion
from tests.unit.registry.evaluations import make_dataset, make_reported_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(organization: OrganizationRef) -> ModelVersionInfo:
    return make_reported_version(organization, make_dataset(organization), wrong=14)


def test_the_json_has_every_part(client_api: APIClient, version: ModelVersionInfo) -> None:
    report = client_api.get(f"/v1/models/{version.name}/evaluation").json()
    assert set(report["accuracy"]) == set(report["macro_f1"]) == {"value", "low", "high"}
    assert set(report["averages"]) == {"macro", "micro", "weighted"}
    assert all(set(each) == {"precision", "recall", "f1"} for each in report["averages"].values())
    named = {"label", "precision", "recall", "f1", "f1_low", "f1_high", "support"}
    assert named | {"average_precision"} <= set(report["per_class"][0])
    assert sum(map(sum, report["confusion"]["counts"])) == report["rows"]
    assert len(report["curves"]) == len(report["labels"]) == 2
    assert report["calibration"]["ece"] > 0
    assert report["interval"] == {"method": "bootstrap", "resamples": 1000, "level": 0.95}
    assert {line["by"] for line in report["slices"]} >= {"length"}
    assert (len(report["worst"]), report["errors"]) == (14, 14)
    assert report["speed"]["p95_ms"] > 0
    assert report["price_per_1000"]["currency"]
    assert {"majority", "frozen_base"} <= {line["name"] for line in report["baselines"]}
    assert 0 < report["comparison"]["p_value"] <= 1
    assert report["macro_f1_comparison"]["value"] == report["macro_f1"]["value"]


def figures_shown(content: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value, _ in content["figures"]}


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_the_document_has_every_part(
    language: str, organization: OrganizationRef, version: ModelVersionInfo
) -> None:
    with tenant_scope(organization):
        found = evaluation_get(organization=organization, name=version.name)
        worst = worst_rows(organization=organization, name=version.name, limit=WORST)
    content = report_content(found, worst, language=language)
    texts = TEXTS[language]
    assert {table["title"] for table in content["tables"]} == {
        texts[name]
        for name in ("baselines", "averages", "per_class", "confusions", "slices", "calibration")
    }
    assert all(table["rows"] for table in content["tables"])
    assert texts["average_precision"] in content["tables"][2]["head"]
    figures = {name: around for name, _, around in content["figures"]}
    assert {texts["accuracy"], texts["macro_f1"], texts["ece"]} == set(figures)
    assert "–" in figures[texts["accuracy"]]
    assert [curve["label"] for curve in content["curves"][3:]] == list(version.labels)
    assert len(content["worst"]["rows"]) == WORST
    assert all(text.startswith("text number") for text, _, _ in content["worst"]["rows"])
    assert all(true != called for _, true, called in content["worst"]["rows"])
    assert len(content["speed"]) == 4
    assert content["verdict"]
    assert texts["majority"] in content["macro"]
    assert figures_shown(content)[texts["macro_f1"]] in content["macro"]


def test_a_text_is_printed_and_never_run(
    organization: OrganizationRef, version: ModelVersionInfo
) -> None:
    with tenant_scope(organization):
        found = evaluation_get(organization=organization, name=version.name)
        rows = worst_rows(organization=organization, name=version.name, limit=1)
    markup = '#panic("run") $x #read("/etc/passwd") = ] { \\ ' + "long " * 100
    hostile = [replace(row, text=markup, label="#panic()", predicted="*") for row in rows]
    gone = [replace(row, text=None) for row in rows]
    for worst in (hostile, gone, []):
        assert report_pdf(found, worst, language="en").startswith(b"%PDF-")
    text = report_content(found, hostile, language="en")["worst"]["rows"][0][0]
    assert text.endswith("…")
    assert len(text) == 240


def test_a_document_without_the_answers_lacks_their_rows_alone(
    organization: OrganizationRef, client_api: APIClient, version: ModelVersionInfo
) -> None:
    with tenant_scope(organization):
        row = ModelVersion.objects.get(id=version.id)
    object_delete(row.predictions_key)
    with object_open(row.report_key) as stored:
        assert json.load(stored)["worst"]
    with tenant_scope(organization):
        assert worst_rows(organization=organization, name=version.name, limit=WORST) == ()
    answer = client_api.get(f"/v1/models/{version.name}/evaluation.pdf")
    assert answer.content.startswith(b"%PDF-")
