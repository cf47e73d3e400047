"""Deployments over the API: made, promoted, rolled back, deleted, and nobody else's."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from anneal.kernel.errors import Conflict, NotFound
from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import SYSTEM_ACTOR, KeyScope, Role
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from mlworker.registry.services import model_version_delete
from mlworker.serving.models import DeploymentRevision
from mlworker.serving.selectors import deployment_listings, model_resolve
from tests.unit.factories import error_of, make_client
from tests.unit.registry.factories import make_model_version
from tests.unit.serving.factories import act, create

pytestmark = pytest.mark.django_db


def test_a_deployment_points_at_a_model(client_api: APIClient, first: str) -> None:
    made = create(client_api, model=first)

    assert made.status_code == 201
    body = made.json()
    assert body["id"].startswith("dep_")
    assert (body["name"], body["model"], body["canary"]) == ("reviews", first, None)
    seen = client_api.get(f"/v1/deployments/{body['id']}").json()
    assert [entry["action"] for entry in seen["revisions"]] == ["created"]
    assert [row["id"] for row in client_api.get("/v1/deployments").json()["data"]] == [body["id"]]


def test_promote_and_roll_back_write_history(
    client_api: APIClient, first: str, second: str
) -> None:
    deployment = create(client_api, model=first).json()["id"]

    promoted = act(client_api, deployment, "promote", model=second, reason="better").json()
    back = act(client_api, deployment, "rollback", reason="worse after all").json()

    assert (promoted["model"], promoted["revision"]) == (second, 2)
    assert (back["model"], back["revision"]) == (first, 3)
    history = client_api.get(f"/v1/deployments/{deployment}").json()["revisions"]
    assert [(entry["action"], entry["model"]) for entry in history] == [
        ("rolled_back", first),
        ("promoted", second),
        ("created", first),
    ]
    assert history[1]["reason"] == "better"


def test_a_canary_is_started_promoted_and_taken_back(
    client_api: APIClient, first: str, second: str
) -> None:
    deployment = create(client_api, model=first).json()["id"]
    canary = {"model": second, "percent": 10}

    started = act(client_api, deployment, "promote", canary=canary).json()
    assert (started["model"], started["canary"]) == (first, canary)
    stopped = act(client_api, deployment, "rollback").json()
    assert (stopped["model"], stopped["canary"]) == (first, None)
    act(client_api, deployment, "promote", canary=canary)
    won = act(client_api, deployment, "promote").json()
    assert (won["model"], won["canary"]) == (second, None)


def test_the_model_that_answers_ends_its_canary_and_is_not_promoted_for_it(
    client_api: APIClient, first: str, second: str
) -> None:
    canary = {"model": second, "percent": 10}
    deployment = create(client_api, model=first, canary=canary).json()["id"]

    ended = act(client_api, deployment, "promote", model=first).json()

    assert (ended["model"], ended["canary"]) == (first, None)
    history = client_api.get(f"/v1/deployments/{deployment}").json()["revisions"]
    assert [entry["action"] for entry in history] == ["canary", "created"]


def test_going_back_passes_over_models_that_were_deleted_since(
    client_api: APIClient, organization: OrganizationRef, first: str, second: str
) -> None:
    third = make_model_version(organization, suffix="third").name
    deployment = create(client_api, model=first).json()["id"]
    for model in (second, third):
        act(client_api, deployment, "promote", model=model)
    with tenant_scope(organization):
        model_version_delete(organization=organization, actor=SYSTEM_ACTOR, name=second)

    named = act(client_api, deployment, "rollback", revision=2)
    back = act(client_api, deployment, "rollback")

    assert (named.status_code, error_of(named)["param"]) == (404, "revision")
    assert (back.status_code, back.json()["model"]) == (200, first)


def test_a_named_revision_is_returned_to(client_api: APIClient, first: str, second: str) -> None:
    deployment = create(client_api, model=first).json()["id"]
    for model in (second, first, second):
        act(client_api, deployment, "promote", model=model)

    assert act(client_api, deployment, "rollback", revision=3).json()["model"] == first
    missing = act(client_api, deployment, "rollback", revision=99)
    assert (missing.status_code, error_of(missing)["param"]) == (409, "revision")


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"name": "Has Space"}, 400, "invalid_request", "name"),
        ({"name": "x" * 65}, 400, "invalid_request", "name"),
        ({"name": "minilm-l6"}, 409, "deployment_name_taken", "name"),
        ({"model": "ft:none"}, 404, "model_not_found", "model"),
        ({"canary": {"model": "ft:none", "percent": 5}}, 404, "model_not_found", "canary.model"),
        ({"canary": {"model": "ft:none", "percent": 100}}, 400, "invalid_request", None),
    ],
)
def test_what_cannot_be_deployed_says_why(
    client_api: APIClient, first: str, body: dict[str, Any], status: int, code: str, param: str
) -> None:
    refused = create(client_api, **{"model": first, **body})

    assert refused.status_code == status, refused.content
    error = error_of(refused)
    assert error["code"] == code
    assert param is None or error["param"] == param


def test_a_name_is_taken_once_per_organization_and_free_after_deletion(
    client_api: APIClient,
    other_client_api: APIClient,
    first: str,
    other_organization: OrganizationRef,
) -> None:
    made = create(client_api, model=first).json()["id"]
    foreign = make_model_version(other_organization).name

    assert error_of(create(client_api, model=first))["code"] == "deployment_name_taken"
    assert create(other_client_api, model=foreign).status_code == 201
    assert client_api.delete(f"/v1/deployments/{made}").json()["deleted"] is True
    assert client_api.get(f"/v1/deployments/{made}").status_code == 404
    assert create(client_api, model=first).status_code == 201


def test_another_organizations_model_cannot_be_deployed(
    client_api: APIClient, other_organization: OrganizationRef
) -> None:
    foreign = make_model_version(other_organization).name

    assert create(client_api, model=foreign).status_code == 404


def test_another_organizations_deployment_is_not_found_and_unchanged(
    client_api: APIClient, other_client_api: APIClient, first: str
) -> None:
    made = create(client_api, model=first).json()["id"]

    for answer in (
        other_client_api.get(f"/v1/deployments/{made}"),
        act(other_client_api, made, "promote", model=first),
        act(other_client_api, made, "rollback"),
        other_client_api.delete(f"/v1/deployments/{made}"),
    ):
        assert answer.status_code == 404
    assert other_client_api.get("/v1/deployments").json()["data"] == []
    assert client_api.get(f"/v1/deployments/{made}").json()["revision"] == 1


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ANNOTATOR, Role.BILLING])
def test_who_may_not_deploy_may_look(
    organization: OrganizationRef, client_api: APIClient, first: str, role: Role
) -> None:
    made = create(client_api, model=first).json()["id"]
    looker = make_client(organization, role)

    assert looker.get(f"/v1/deployments/{made}").status_code == 200
    assert create(looker, model=first).status_code == 403
    assert act(looker, made, "promote", model=first).status_code == 403
    assert looker.delete(f"/v1/deployments/{made}").status_code == 403


def test_a_key_for_predictions_may_not_deploy(organization: OrganizationRef, first: str) -> None:
    client = make_client(organization, Role.OWNER, KeyScope.PREDICT)

    assert create(client, model=first).status_code == 403


def test_nothing_to_promote_and_nothing_to_roll_back_are_conflicts(
    client_api: APIClient, first: str
) -> None:
    made = create(client_api, model=first).json()["id"]

    assert error_of(act(client_api, made, "promote"))["code"] == "nothing_to_promote"
    assert error_of(act(client_api, made, "rollback"))["code"] == "nothing_to_roll_back"


def test_other_labels_are_promoted_only_when_told_so(
    client_api: APIClient, organization: OrganizationRef, first: str
) -> None:
    made = create(client_api, model=first).json()["id"]
    labels = ("negative", "neutral", "positive")
    other = make_model_version(organization, suffix="three", labels=labels).name
    number = make_model_version(organization, suffix="n", task="regression", labels=("value",))

    refused = act(client_api, made, "promote", model=other)
    canary = act(client_api, made, "promote", canary={"model": other, "percent": 5})
    task = act(client_api, made, "promote", model=number.name)

    assert (refused.status_code, error_of(refused)["code"]) == (409, "labels_differ")
    assert "Gone: none. New: neutral." in error_of(refused)["message"]
    assert (error_of(canary)["code"], error_of(canary)["param"]) == (
        "labels_differ",
        "canary.model",
    )
    assert "regression" in error_of(task)["message"]
    assert client_api.get(f"/v1/deployments/{made}").json()["revision"] == 1
    assert act(client_api, made, "promote", model=other, force=True).json()["model"] == other
    back = act(client_api, made, "rollback")
    assert (back.status_code, back.json()["model"]) == (200, first)


def test_labels_are_compared_as_the_deployment_shows_them(
    client_api: APIClient, organization: OrganizationRef, first: str
) -> None:
    made = create(client_api, model=first).json()["id"]
    other = make_model_version(organization, suffix="o", labels=("bad", "good")).name
    output = {"labels": {"positive": "good", "negative": "bad"}}
    client_api.put(f"/v1/deployments/{made}/output", output, format="json")

    assert act(client_api, made, "promote", model=other).status_code == 200


def test_every_change_is_audited(
    client_api: APIClient, organization: OrganizationRef, first: str, second: str
) -> None:
    made = create(client_api, model=first).json()["id"]
    act(client_api, made, "promote", canary={"model": second, "percent": 5})
    act(client_api, made, "promote", model=second)
    act(client_api, made, "rollback")
    client_api.delete(f"/v1/deployments/{made}")

    with tenant_scope(organization):
        rows = AuditEvent.objects.filter(target=made).order_by("id")
        actions = [row.action.removeprefix("deployment.") for row in rows]
    assert actions == ["create", "canary", "promote", "rollback", "delete"]


def test_a_name_resolves_to_its_model_and_canary(
    client_api: APIClient, organization: OrganizationRef, first: str, second: str
) -> None:
    create(client_api, model=first, canary={"model": second, "percent": 25})

    with tenant_scope(organization):
        target = model_resolve(organization=organization, name="reviews")
        direct = model_resolve(organization=organization, name=first)

    assert (target.kind, target.main.name, target.canary_percent) == ("deployment", first, 25)
    assert target.canary is not None
    assert target.canary.name == second
    assert (direct.kind, direct.main.name, direct.canary) == ("fine_tuned", first, None)


@pytest.mark.parametrize("name", ["", "nobody", "ft:x", "a\x00b", "UPPER", "x" * 5000])
def test_an_unknown_name_resolves_to_nothing(organization: OrganizationRef, name: str) -> None:
    with tenant_scope(organization), pytest.raises(NotFound):
        model_resolve(organization=organization, name=name)


def test_a_deployed_version_cannot_be_deleted(
    client_api: APIClient, organization: OrganizationRef, first: str, second: str
) -> None:
    made = create(client_api, model=first, canary={"model": second, "percent": 1}).json()["id"]

    for name in (first, second):
        with pytest.raises(Conflict), tenant_scope(organization):
            model_version_delete(organization=organization, actor=SYSTEM_ACTOR, name=name)
    client_api.delete(f"/v1/deployments/{made}")
    with tenant_scope(organization):
        model_version_delete(organization=organization, actor=SYSTEM_ACTOR, name=first)


def test_deployments_are_listed_among_the_models(
    client_api: APIClient, organization: OrganizationRef, first: str
) -> None:
    create(client_api, model=first)

    with tenant_scope(organization):
        listings = list(deployment_listings(organization))

    assert [(each.id, each.kind, each.details["model"]) for each in listings] == [
        ("reviews", "deployment", first)
    ]
    assert "reviews" in {row["id"] for row in client_api.get("/v1/models").json()["data"]}


def test_a_list_costs_the_same_queries_whatever_its_length(
    client_api: APIClient, first: str
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            client_api.get("/v1/deployments")
        return len(seen)

    create(client_api, model=first)
    few = queries()
    for number in range(5):
        create(client_api, model=first, name=f"more-{number}")

    assert queries() == few


def test_history_cannot_be_rewritten(
    client_api: APIClient, organization: OrganizationRef, first: str
) -> None:
    create(client_api, model=first)

    with pytest.raises(Exception, match="permission denied"), tenant_scope(organization):
        DeploymentRevision.objects.update(reason="never happened")
