"""Looking through a long log: Postgres is stopped, and files end where their time does."""

import json
import math

import pytest
from django.db import connection
from rest_framework.test import APIClient

from anneal.kernel.ids import parse_id, public_id
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from mlworker.predictions import exporting, searching
from tests.unit.factories import error_of
from tests.unit.predictions.helpers import keep, make_deployment, row

pytestmark = pytest.mark.django_db

MANY = """
INSERT INTO predictions_prediction (id, organization_id, deployment_id, created_at, model, text,
                                    text_cut, hidden, answer, labels, score)
SELECT uuidv7(), %s, %s, now(), 'm', 'x', false, 0, '{}', '{}', 0.5 FROM generate_series(1, 20000)
"""


@pytest.fixture
def deployment(organization: OrganizationRef) -> str:
    return make_deployment(organization)


def test_a_file_ends_with_the_time_of_a_search(
    client_api: APIClient,
    organization: OrganizationRef,
    deployment: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [row("old"), row("new")]
    keep(organization, deployment, rows)
    monkeypatch.setattr(exporting, "monotonic", lambda: math.inf)

    file = client_api.get(f"/v1/deployments/{deployment}/predictions.jsonl")

    assert [json.loads(line)["text"] for line in file.content.decode().splitlines()] == ["new"]
    assert file["x-more-after"] == public_id("pred_", rows[1].id)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("GET", ".jsonl"), ("GET", ".csv"), ("POST", "/dataset")]
)
def test_a_search_that_postgres_needs_long_for_is_ended(
    method: str,
    path: str,
    client_api: APIClient,
    organization: OrganizationRef,
    deployment: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with tenant_scope(organization), connection.cursor() as cursor:
        cursor.execute(MANY, [organization.id, parse_id("dep_", deployment)])
    monkeypatch.setattr(searching, "SEARCH_SECONDS", 0.001)
    address = f"/v1/deployments/{deployment}/predictions{path}?score_below=0"

    ended = client_api.generic(
        method, address, '{"name": "x", "judged": false}', content_type="application/json"
    )

    assert (ended.status_code, error_of(ended)["code"]) == (400, "log_search_too_long")
