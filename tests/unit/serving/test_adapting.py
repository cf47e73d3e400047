"""Output and rules of a deployment over the API: set whole, checked against the model, audited."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import Role
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from mlworker.serving.selectors import model_resolve
from tests.unit.factories import error_of, make_client
from tests.unit.registry.factories import make_model_version
from tests.unit.serving.factories import act, create

pytestmark = pytest.mark.django_db

RULE = {"name": "money", "pattern": "refund*", "label": "billing"}
IRONY = {**RULE, "name": "irony", "when": "after", "if_label": "positive"}


@pytest.fixture
def deployment(client_api: APIClient, organization: OrganizationRef) -> str:
    model = make_model_version(organization, suffix="first").name
    return str(create(client_api, model=model).json()["id"])


def put(client: APIClient, deployment: str, what: str, body: Any) -> Any:
    return client.put(f"/v1/deployments/{deployment}/{what}", body, format="json")


def seen(client: APIClient, deployment: str) -> Any:
    return client.get(f"/v1/deployments/{deployment}").json()


def of_task(client: APIClient, organization: OrganizationRef, task: str, *labels: str) -> str:
    model = make_model_version(organization, suffix="other", task=task, labels=labels).name
    return str(create(client, model=model, name="other").json()["id"])


def test_an_output_is_set_whole_and_reaches_the_gateway(
    client_api: APIClient, organization: OrganizationRef, deployment: str
) -> None:
    full = {
        "labels": {"positive": "good"},
        "threshold": 0.7,
        "abstain_label": "other",
        "top_k": 2,
        "fields": {"label": "topic"},
    }
    empty = {"labels": {}, "threshold": None, "abstain_label": None, "top_k": None, "fields": {}}
    assert seen(client_api, deployment)["output"] == empty

    assert put(client_api, deployment, "output", full).json() == full
    assert seen(client_api, deployment)["output"] == full
    with tenant_scope(organization):
        target = model_resolve(organization=organization, name="reviews")
    assert (target.output.threshold, target.output.fields) == (0.7, {"label": "topic"})
    assert put(client_api, deployment, "output", {"top_k": 1}).json() == {**empty, "top_k": 1}
    assert put(client_api, deployment, "output", {}).json() == empty


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"labels": {"none": "x"}}, "labels"),
        ({"labels": {"positive": "negative"}}, "labels"),
        ({"labels": {"positive": "x", "negative": "x"}}, "labels"),
        ({"fields": {"value": "x"}}, "fields"),
        ({"fields": {"id": "x"}}, "fields"),
        ({"fields": {"label": "score"}}, "fields"),
        ({"fields": {"label": "id"}}, "fields"),
        ({"fields": {"label": "x", "score": "x"}}, "fields"),
    ],
)
def test_an_output_that_does_not_fit_the_model_says_why(
    client_api: APIClient, deployment: str, body: Any, param: str
) -> None:
    refused = put(client_api, deployment, "output", body)

    assert refused.status_code == 400
    assert (error_of(refused)["code"], error_of(refused)["param"]) == ("output_unfit", param)
    assert seen(client_api, deployment)["output"]["labels"] == {}


@pytest.mark.parametrize(
    "body",
    [
        {"threshold": 2},
        {"threshold": "nan"},
        {"top_k": 0},
        {"labels": ["x"]},
        {"labels": {"positive": "x" * 201}},
        {"fields": {"label": "no space"}},
        {"fields": {"label": ""}},
        {"labels": {str(number): "x" for number in range(1_001)}},
    ],
)
def test_a_malformed_output_is_refused(client_api: APIClient, deployment: str, body: Any) -> None:
    assert put(client_api, deployment, "output", body).status_code == 400


def test_two_labels_may_swap_their_names(client_api: APIClient, deployment: str) -> None:
    body = {"labels": {"positive": "negative", "negative": "positive"}}

    assert put(client_api, deployment, "output", body).status_code == 200


def test_options_of_another_task_are_refused(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    numbers = of_task(client_api, organization, "regression", "value")

    for body in ({"threshold": 0.5}, {"top_k": 1}, {"abstain_label": "x"}, {"labels": {"a": "b"}}):
        assert error_of(put(client_api, numbers, "output", body))["code"] == "output_unfit"
    assert put(client_api, numbers, "output", {"fields": {"value": "stars"}}).status_code == 200
    refused = put(client_api, numbers, "rules", {"rules": [RULE]})
    assert error_of(refused)["code"] == "rules_unfit"


def test_rules_are_set_whole_in_order(client_api: APIClient, deployment: str) -> None:
    made = put(client_api, deployment, "rules", {"rules": [RULE, IRONY]}).json()

    assert made["rules"] == [{**RULE, "when": "before", "if_label": None}, IRONY]
    assert seen(client_api, deployment)["rules"] == made["rules"]
    assert put(client_api, deployment, "rules", {"rules": []}).json() == {"rules": []}


@pytest.mark.parametrize(
    ("rules", "param"),
    [
        ([{**RULE, "pattern": "***"}], "rules[0].pattern"),
        ([RULE, RULE], "rules[1].name"),
        ([{**RULE, "if_label": "positive"}], "rules[0].if_label"),
        ([RULE, {**IRONY, "if_label": "Positive"}], "rules[1].if_label"),
    ],
)
def test_rules_that_cannot_be_applied_say_which(
    client_api: APIClient, deployment: str, rules: Any, param: str
) -> None:
    refused = put(client_api, deployment, "rules", {"rules": rules})

    assert (error_of(refused)["code"], error_of(refused)["param"]) == ("rules_unfit", param)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"rules": [{**RULE, "when": "never"}]},
        {"rules": [{**RULE, "pattern": "x" * 201}]},
        {"rules": [{**RULE, "name": ""}]},
        {"rules": [{**RULE, "name": str(number)} for number in range(101)]},
    ],
)
def test_malformed_rules_are_refused(client_api: APIClient, deployment: str, body: Any) -> None:
    assert put(client_api, deployment, "rules", body).status_code == 400


def test_a_rule_may_ask_for_a_label_of_the_canary(
    client_api: APIClient, organization: OrganizationRef, deployment: str
) -> None:
    later = make_model_version(organization, suffix="later", labels=("positive", "mixed")).name
    mixed = {"rules": [{**IRONY, "if_label": "mixed"}]}
    assert put(client_api, deployment, "rules", mixed).status_code == 400

    canary = {"model": later, "percent": 5}
    assert act(client_api, deployment, "promote", canary=canary, force=True).status_code == 200

    assert put(client_api, deployment, "rules", mixed).status_code == 200


def test_a_rule_follows_the_label_it_asks_for_when_that_is_renamed(
    client_api: APIClient, organization: OrganizationRef, deployment: str
) -> None:
    unsure = {**IRONY, "name": "unsure", "if_label": "other"}
    swapped = {"positive": "negative", "negative": "positive"}

    def asked() -> list[str]:
        return [rule["if_label"] for rule in seen(client_api, deployment)["rules"]]

    put(client_api, deployment, "output", {"abstain_label": "other"})
    made = put(client_api, deployment, "rules", {"rules": [RULE, IRONY, unsure]})
    assert made.status_code == 200
    for labels, abstain, expected in (
        ({"positive": "good"}, "none of these", [None, "good", "none of these"]),
        (swapped, "other", [None, "negative", "other"]),
        ({}, "other", [None, "positive", "other"]),
    ):
        body = {"labels": labels, "abstain_label": abstain}
        assert put(client_api, deployment, "output", body).status_code == 200
        assert asked() == expected
    refused = put(client_api, deployment, "output", {})
    assert (error_of(refused)["code"], error_of(refused)["param"]) == (
        "output_unfit",
        "abstain_label",
    )
    assert "'unsure'" in error_of(refused)["message"]
    assert asked() == [None, "positive", "other"]
    with tenant_scope(organization):
        told = AuditEvent.objects.filter(target=deployment, action="deployment.output")
        followed = [row.detail.get("rules") for row in told.order_by("id")]
    assert followed == [None, ["irony", "unsure"], ["irony", "unsure"], ["irony"]]


def test_who_changed_which_rules_and_names_is_audited(
    client_api: APIClient, organization: OrganizationRef, deployment: str
) -> None:
    later = {**RULE, "label": "money"}
    put(client_api, deployment, "rules", {"rules": [RULE]})
    put(client_api, deployment, "rules", {"rules": [later]})
    put(client_api, deployment, "output", {"top_k": 1})

    with tenant_scope(organization):
        rows = AuditEvent.objects.filter(target=deployment).order_by("id")
        told = [(row.action, row.detail) for row in rows][1:]
    (first, added), (_, changed), (output, shaped) = told
    assert (first, output) == ("deployment.rules", "deployment.output")
    assert [rule["label"] for rule in added["added"]] == ["billing"]
    assert [rule["label"] for rule in changed["removed"]] == ["billing"]
    assert [rule["label"] for rule in changed["added"]] == ["money"]
    assert (shaped["before"], shaped["after"]) == ({}, {"top_k": 1})


def test_a_viewer_sees_and_changes_nothing(
    client_api: APIClient, organization: OrganizationRef, deployment: str
) -> None:
    viewer = make_client(organization, Role.VIEWER)

    assert seen(viewer, deployment)["rules"] == []
    assert put(viewer, deployment, "rules", {"rules": []}).status_code == 403
    assert put(viewer, deployment, "output", {}).status_code == 403
