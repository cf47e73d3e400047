"""Rows of a prediction log that end: with their days, all at once, with their deployment."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from anneal.kernel import clock
from anneal.kernel.ids import parse_id, public_id
from anneal.kernel.models import OutboxMessage
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from mlworker.predictions import tasks
from mlworker.predictions.models import LogDay, Prediction
from mlworker.predictions.selectors import first_id
from tests.unit.predictions.helpers import keep, make_deployment, row
from tests.unit.predictions.test_log_api import audited, put, texts

pytestmark = pytest.mark.django_db


@pytest.fixture
def deployment(organization: OrganizationRef) -> str:
    return make_deployment(organization)


def asked_for() -> None:
    """Delete what the outbox asks to be deleted."""
    with system_scope("test"):
        messages = list(OutboxMessage.objects.filter(task="predictions.forget"))
    for message in messages:
        tasks.forget(**message.payload)


def test_all_rows_are_forgotten_at_once(
    client_api: APIClient, organization: OrganizationRef, deployment: str
) -> None:
    other = make_deployment(organization, "other")
    keep(organization, deployment, [row(), row()])
    keep(organization, other, [row("stays")])

    gone = client_api.delete(f"/v1/deployments/{deployment}/predictions").json()

    assert gone == {"object": "prediction_log", "deployment": deployment, "deleted": 2}
    assert (texts(client_api, deployment), texts(client_api, other)) == ([], ["stays"])
    assert audited(organization)[0] == "prediction_log.delete"


def test_a_long_log_reads_as_empty_at_once_and_is_deleted_in_steps(
    client_api: APIClient,
    organization: OrganizationRef,
    deployment: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks, "_STEP", 500)
    other = make_deployment(organization, "other")
    keep(organization, other, [row("stays")])
    for _ in range(3):
        keep(organization, deployment, [row("old") for _ in range(1_000)])
    unwritten = row("answered before")
    one = row("one of them")
    keep(organization, deployment, [one])
    address = f"/v1/deployments/{deployment}/predictions"

    with CaptureQueriesContext(connection) as captured:
        gone = client_api.delete(address).json()
    keep(organization, deployment, [unwritten, row("new")])

    assert gone["deleted"] == 3_001
    assert not [each for each in captured if each["sql"].startswith("DELETE")]
    assert texts(client_api, deployment) == ["new"]
    assert client_api.get(f"/v1/deployments/{deployment}/prediction_log").json()["rows"] == 1
    assert client_api.get(f"/v1/predictions/{public_id('pred_', one.id)}").status_code == 404
    with CaptureQueriesContext(connection) as captured:
        asked_for()
    assert len([each for each in captured if each["sql"].startswith("DELETE")]) == 7
    with tenant_scope(organization):
        assert list(Prediction.objects.order_by("id").values_list("text", flat=True)) == [
            "stays",
            "new",
        ]


def test_clocks_that_differ_bring_nothing_back(
    client_api: APIClient, organization: OrganizationRef, deployment: str
) -> None:
    address = f"/v1/deployments/{deployment}/predictions"
    in_an_hour = clock.now() + timedelta(hours=1)
    keep(organization, deployment, [row("ahead", prediction=first_id(in_an_hour))])

    assert client_api.delete(address).json()["deleted"] == 1
    assert texts(client_api, deployment) == []

    with clock.frozen(in_an_hour + timedelta(hours=1)):
        client_api.delete(address)
    client_api.delete(address)
    assert texts(client_api, deployment) == []
    keep(organization, deployment, [row("late", prediction=first_id(in_an_hour))])
    assert texts(client_api, deployment) == []


def test_the_sweep_deletes_what_a_lost_task_left(
    client_api: APIClient, organization: OrganizationRef, deployment: str
) -> None:
    keep(organization, deployment, [row()])
    client_api.delete(f"/v1/deployments/{deployment}/predictions")

    tasks.sweep()

    with tenant_scope(organization):
        assert not Prediction.objects.exists()
        assert LogDay.objects.exists()


def test_nothing_stays_of_a_deleted_deployment(
    client_api: APIClient, organization: OrganizationRef, deployment: str
) -> None:
    made = row()
    keep(organization, deployment, [made])

    client_api.delete(f"/v1/deployments/{deployment}")
    asked_for()

    assert keep(organization, deployment, [row("late")]) == 0
    assert client_api.get(f"/v1/predictions/{public_id('pred_', made.id)}").status_code == 404
    with system_scope("test"):
        assert not Prediction.objects.filter(deployment_id=parse_id("dep_", deployment)).exists()
        assert not LogDay.objects.filter(deployment_id=parse_id("dep_", deployment)).exists()


def test_rows_end_with_their_days(
    client_api: APIClient, organization: OrganizationRef, deployment: str
) -> None:
    made = row("old")
    keep(organization, deployment, [made])
    put(client_api, deployment, enabled=True, days=7)

    with clock.frozen(clock.now() + timedelta(days=6)):
        tasks.sweep()
        assert texts(client_api, deployment) == ["old"]
    with clock.frozen(clock.now() + timedelta(days=7, minutes=1)):
        address = f"/v1/predictions/{public_id('pred_', made.id)}"
        assert client_api.get(address).status_code == 404  # swept or not
        assert texts(client_api, deployment) == []
        tasks.sweep()
    with system_scope("test"):
        assert not Prediction.objects.filter(id=made.id).exists()
