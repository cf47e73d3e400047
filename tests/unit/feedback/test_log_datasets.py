"""Datasets of kept predictions: right answers of feedback first, the model's own if asked for."""

import math
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from anneal.kernel.ids import parse_id
from anneal.kernel.principal import Role
from anneal.kernel.scopes import OrganizationRef
from mlworker.feedback import datasets
from tests.unit.factories import error_of, make_client
from tests.unit.feedback.test_feedback import give, predict
from tests.unit.predictions.helpers import keep, make_deployment, row

pytestmark = pytest.mark.django_db


def make(client: APIClient, deployment: str, query: str = "", **body: Any) -> Any:
    address = f"/v1/deployments/{deployment}/predictions/dataset{query}"
    return client.post(address, {"name": "judged", **body}, format="json")


def labels_of(made: Any) -> dict[str, int]:
    """Return how many of the new dataset's rows have each label; so few cannot be trained on."""
    labels: dict[str, int] = made["validation_report"]["labels"]
    return labels


@pytest.fixture
def deployment(organization: OrganizationRef, client_api: APIClient) -> str:
    made = make_deployment(organization)
    predictions = [predict(organization, "text_classification") for _ in range(4)]
    texts = ("fine", "awful", "so so", "unjudged")
    keep(
        organization,
        made,
        [
            row(text, prediction=parse_id("pred_", prediction))
            for text, prediction in zip(texts, predictions, strict=True)
        ],
    )
    give(client_api, predictions[0], label="positive")
    give(client_api, predictions[1], label="negative")
    give(client_api, predictions[2], rating=3)
    return made


def test_judged_texts_get_their_right_answers(client_api: APIClient, deployment: str) -> None:
    made = make(client_api, deployment)

    assert made.status_code == 201, made.content
    assert labels_of(made.json()) == {"positive": 1, "negative": 1}


def test_the_models_answers_are_taken_only_if_asked_for(
    client_api: APIClient, deployment: str
) -> None:
    made = make(client_api, deployment, judged=False).json()
    none = make(client_api, deployment, "?score_below=0.5", judged=False)

    assert labels_of(made) == {"positive": 3, "negative": 1}
    assert (none.status_code, error_of(none)["code"]) == (409, "nothing_to_learn")


def test_only_pages_of_judged_texts_are_read(
    client_api: APIClient, deployment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "_PAGE", 1)
    with CaptureQueriesContext(connection) as queries:
        assert make(client_api, deployment).status_code == 201

    pages = [each for each in queries if 'FROM "predictions_prediction"' in each["sql"]]
    assert len(pages) == 3  # two of a text each, and an empty one


def test_a_dataset_is_no_longer_than_a_file(
    client_api: APIClient, deployment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "FILE_CHARACTERS", len("unjudged"))

    made = make(client_api, deployment, judged=False).json()

    assert labels_of(made) == {"positive": 2}  # the newest two


def test_a_walk_of_many_pages_ends_with_the_time_of_a_search(
    client_api: APIClient, deployment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "monotonic", lambda: math.inf)

    ended = make(client_api, deployment)

    assert (ended.status_code, error_of(ended)["code"]) == (400, "log_search_too_long")


def test_who_may_not_upload_makes_none(organization: OrganizationRef, deployment: str) -> None:
    assert make(make_client(organization, Role.ANNOTATOR), deployment).status_code == 403
