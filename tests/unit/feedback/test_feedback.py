"""Feedback over the API: on one's own predictions, for 90 days, one judgement each."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from anneal.kernel import clock
from anneal.kernel.ids import public_id, uuid7
from anneal.kernel.principal import KeyScope, Role
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from mlworker.feedback.contracts import FEEDBACK_WINDOW
from tests.unit.factories import error_of, make_client

pytestmark = pytest.mark.django_db

MODEL = "sentiment-en"


def predict(organization: OrganizationRef, task: str | None = None) -> str:
    """Make a prediction as the ledger knows it; its public id."""
    event = uuid7()
    owner = {"organization_id": str(organization.id), "hold_id": str(uuid7())}
    take = {**owner, "unit": "prediction", "amount": 1, "ttl_seconds": 60, "source": "classify"}
    settle = {**owner, "captured": 1, "source": "classify", "model": MODEL, "ids": [str(event)]}
    if task is not None:
        settle["dims"] = {"task": task}
    with connection.cursor() as cursor:
        cursor.execute("SELECT code FROM hold_take(%s::jsonb)", [json.dumps([take])])
        assert cursor.fetchall() == [("accepted",)]
        cursor.execute("SELECT code FROM hold_settle(%s::jsonb)", [json.dumps([settle])])
        assert cursor.fetchall() == [("captured",)]
    return public_id("pred_", event)


def give(client: APIClient, prediction: str, **body: Any) -> Any:
    return client.post("/v1/feedback", {"prediction": prediction, **body}, format="json")


def test_a_prediction_is_judged_and_the_last_word_counts(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    prediction = predict(organization)

    first = give(client_api, prediction, label="negative")
    last = give(client_api, prediction, label="positive", rating=5, comment="so much better")

    assert first.status_code == last.status_code == 200, first.content
    assert last.json()["id"] == first.json()["id"]
    rows = client_api.get("/v1/feedback").json()["data"]
    assert [(row["prediction"], row["label"], row["rating"], row["model"]) for row in rows] == [
        (prediction, "positive", 5, "sentiment-en")
    ]


def test_another_organizations_prediction_is_not_found(
    client_api: APIClient, other_client_api: APIClient, organization: OrganizationRef
) -> None:
    prediction = predict(organization)

    assert give(other_client_api, prediction, rating=1).status_code == 404
    assert give(client_api, public_id("pred_", uuid7()), rating=1).status_code == 404
    assert give(client_api, "pred_nonsense", rating=1).status_code == 404
    give(client_api, prediction, rating=1)
    assert other_client_api.get("/v1/feedback").json()["data"] == []


def test_after_ninety_days_it_is_too_late(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    prediction = predict(organization)

    with clock.frozen(clock.now() + FEEDBACK_WINDOW - timedelta(minutes=1)):
        assert give(client_api, prediction, rating=3).status_code == 200
    with clock.frozen(clock.now() + FEEDBACK_WINDOW + timedelta(minutes=1)):
        late = give(client_api, prediction, rating=3)
    assert (late.status_code, error_of(late)["code"]) == (409, "feedback_too_late")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "feedback_empty"),
        ({"comment": ""}, "feedback_empty"),
        ({"rating": 0}, "invalid_request"),
        ({"rating": 6}, "invalid_request"),
        ({"comment": "x" * 2001}, "invalid_request"),
        ({"label": "x" * 201}, "invalid_request"),
    ],
)
def test_empty_or_oversized_feedback_is_refused(
    client_api: APIClient, organization: OrganizationRef, body: dict[str, Any], code: str
) -> None:
    refused = give(client_api, predict(organization), **body)

    assert (refused.status_code, error_of(refused)["code"]) == (400, code)


def test_who_may_predict_or_label_may_judge(organization: OrganizationRef) -> None:
    prediction = predict(organization)
    annotator = make_client(organization, Role.ANNOTATOR)
    key = make_client(organization, Role.DEVELOPER, KeyScope.PREDICT)
    viewer = make_client(organization, Role.VIEWER)

    assert give(annotator, prediction, label="x").status_code == 200
    assert give(key, prediction, label="x").status_code == 200
    assert give(viewer, prediction, label="x").status_code == 403


def test_giving_feedback_is_audited(client_api: APIClient, organization: OrganizationRef) -> None:
    given = give(client_api, predict(organization), rating=4).json()["id"]

    with tenant_scope(organization), connection.cursor() as cursor:
        cursor.execute("SELECT action FROM kernel_auditevent WHERE target = %s", [given])
        assert cursor.fetchall() == [("feedback.give",)]


ANSWERS: list[tuple[str, dict[str, Any]]] = [
    ("text_classification", {"label": "positive"}),
    ("multi_label_classification", {"labels": ["food", "price"]}),
    ("multi_label_classification", {"labels": []}),
    ("token_classification", {"entities": [{"start": 0, "end": 5, "label": "person"}]}),
    ("regression", {"value": -2.5}),
]


@pytest.mark.parametrize(("task", "body"), ANSWERS)
def test_every_task_is_judged_in_its_own_form(
    task: str, body: dict[str, Any], client_api: APIClient, organization: OrganizationRef
) -> None:
    prediction = predict(organization, task)

    assert give(client_api, prediction, **body).status_code == 200
    [row] = client_api.get("/v1/feedback").json()["data"]
    assert {name: row[name] for name in body} == body
    empty = {"label", "labels", "entities", "value"} - set(body)
    assert {row[name] for name in empty} == {None}
    # a later judgement leaves nothing of it behind
    assert give(client_api, prediction, rating=2).json()[next(iter(body))] is None


@pytest.mark.parametrize(
    ("task", "body", "code"),
    [
        ("regression", {"label": "good"}, "feedback_unfit"),
        ("text_classification", {"labels": ["a"]}, "feedback_unfit"),
        ("token_classification", {"value": 1.0}, "feedback_unfit"),
        (None, {"label": "a", "labels": ["a"]}, "feedback_unfit"),
        ("regression", {"value": 1e31}, "invalid_request"),
        ("regression", {"value": "nan"}, "invalid_request"),
        (
            "token_classification",
            {"entities": [{"start": 5, "end": 5, "label": "x"}]},
            "invalid_request",
        ),
        ("token_classification", {"entities": [{"start": 0, "end": 5}]}, "invalid_request"),
        ("multi_label_classification", {"labels": ["x"] * 1_001}, "invalid_request"),
    ],
)
def test_an_answer_of_another_form_is_refused(
    task: str | None,
    body: dict[str, Any],
    code: str,
    client_api: APIClient,
    organization: OrganizationRef,
) -> None:
    refused = give(client_api, predict(organization, task), **body)

    assert (refused.status_code, error_of(refused)["code"]) == (400, code)
    assert client_api.get("/v1/feedback").json()["data"] == []
