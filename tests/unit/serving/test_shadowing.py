"""Shadows over the API: begun, ended, promoted, and what the gateways counted of them."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from anneal.kernel.errors import Conflict
from anneal.kernel.ids import parse_id
from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import SYSTEM_ACTOR, Role
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from mlworker.registry.services import model_version_delete
from mlworker.serving.contracts import DEPLOYMENT_PREFIX
from mlworker.serving.models import DeploymentTally, Side
from mlworker.serving.selectors import model_resolve
from mlworker.serving.tallying import Tally, TallyKey, quantile, tallies_add
from tests.unit.factories import error_of, make_client
from tests.unit.registry.factories import make_model_version
from tests.unit.serving.factories import act

pytestmark = pytest.mark.django_db


def shadow(client: APIClient, deployment: str, model: str, percent: Any = 50) -> Any:
    body = {"model": model, "percent": percent}
    return client.put(f"/v1/deployments/{deployment}/shadow", body, format="json")


def end(client: APIClient, deployment: str) -> Any:
    return client.delete(f"/v1/deployments/{deployment}/shadow")


def key(deployment: str, since: int, side: Side, model: str = "m") -> TallyKey:
    return TallyKey(parse_id(DEPLOYMENT_PREFIX, deployment), since, side, model)


def counted(**figures: Any) -> Tally:
    made = Tally()
    for milliseconds in figures.pop("milliseconds", ()):
        made.answered(1, milliseconds)
    for change in figures.pop("changes", ()):
        made.changed(*change)
    for name, value in figures.items():
        setattr(made, name, value)
    return made


def test_a_shadow_begins_and_ends_as_history(
    client_api: APIClient, organization: OrganizationRef, deployment: str, second: str
) -> None:
    begun = shadow(client_api, deployment, second).json()
    with tenant_scope(organization):
        target = model_resolve(organization=organization, name="reviews")
    ended = end(client_api, deployment).json()

    assert (begun["shadow"], begun["revision"]) == ({"model": second, "percent": 50}, 2)
    assert target.shadow is not None
    assert (target.shadow.name, target.shadow_percent, target.compared_since) == (second, 50, 2)
    assert (ended["shadow"], ended["revision"]) == (None, 3)
    assert end(client_api, deployment).json()["revision"] == 3
    seen = client_api.get(f"/v1/deployments/{deployment}").json()
    assert [(entry["action"], entry["shadow"]) for entry in seen["revisions"][:2]] == [
        ("shadow", None),
        ("shadow", {"model": second, "percent": 50}),
    ]
    assert seen["compared_since"] == 3
    with tenant_scope(organization):
        audited = AuditEvent.objects.filter(target=deployment, action="deployment.shadow")
        details = [row.detail["shadow_model"] for row in audited.order_by("id")]
    assert details == [second, ""]


def test_a_pause_does_not_begin_the_comparison_anew(
    client_api: APIClient, deployment: str, second: str
) -> None:
    shadow(client_api, deployment, second)
    act(client_api, deployment, "pause")
    act(client_api, deployment, "resume")

    assert client_api.get(f"/v1/deployments/{deployment}").json()["compared_since"] == 2


def test_what_cannot_be_a_shadow_says_why(
    client_api: APIClient,
    organization: OrganizationRef,
    other_organization: OrganizationRef,
    deployment: str,
    first: str,
    second: str,
) -> None:
    number = make_model_version(organization, suffix="n", task="regression", labels=("value",))
    foreign = make_model_version(other_organization).name

    assert error_of(shadow(client_api, deployment, first))["code"] == "shadow_unfit"
    assert "regression" in error_of(shadow(client_api, deployment, number.name))["message"]
    for name in (foreign, "ft:none"):
        refused = shadow(client_api, deployment, name)
        assert (refused.status_code, error_of(refused)["code"]) == (404, "model_not_found")
    for percent in (0, 101, "x", None):
        assert shadow(client_api, deployment, second, percent).status_code == 400
    viewer = make_client(organization, Role.VIEWER)
    assert shadow(viewer, deployment, second).status_code == 403
    assert end(viewer, deployment).status_code == 403


def test_a_promoted_shadow_is_none_any_more_and_a_roll_back_brings_it_back(
    client_api: APIClient, deployment: str, first: str, second: str
) -> None:
    shadow(client_api, deployment, second)

    won = act(client_api, deployment, "promote", model=second).json()
    back = act(client_api, deployment, "rollback").json()

    assert (won["model"], won["shadow"]) == (second, None)
    assert (back["model"], back["shadow"]) == (first, {"model": second, "percent": 50})


def test_a_shadow_of_another_task_than_what_is_promoted_ends(
    client_api: APIClient, organization: OrganizationRef, deployment: str, second: str
) -> None:
    number = make_model_version(organization, suffix="n", task="regression", labels=("value",))
    shadow(client_api, deployment, second)

    won = act(client_api, deployment, "promote", model=number.name, force=True).json()

    assert (won["model"], won["shadow"]) == (number.name, None)


def test_a_shadow_cannot_be_deleted_and_a_deleted_one_is_not_brought_back(
    client_api: APIClient, organization: OrganizationRef, deployment: str, first: str, second: str
) -> None:
    def delete(name: str) -> None:
        with tenant_scope(organization):
            model_version_delete(organization=organization, actor=SYSTEM_ACTOR, name=name)

    third = make_model_version(organization, suffix="third").name
    act(client_api, deployment, "promote", canary={"model": third, "percent": 5})
    shadow(client_api, deployment, second)
    with pytest.raises(Conflict):
        delete(second)
    act(client_api, deployment, "promote", model=third)
    end(client_api, deployment)
    act(client_api, deployment, "promote", model=first)
    delete(second)
    delete(third)

    back = act(client_api, deployment, "rollback", revision=3).json()

    assert (back["model"], back["canary"], back["shadow"]) == (first, None, None)


def test_what_gateways_count_adds_up(
    client_api: APIClient,
    other_client_api: APIClient,
    organization: OrganizationRef,
    deployment: str,
    first: str,
    second: str,
) -> None:
    shadow(client_api, deployment, second)
    with tenant_scope(organization):
        for _ in range(2):
            tallies_add(
                organization=organization,
                tallies={
                    key(deployment, 2, Side.MAIN, first): counted(milliseconds=[10, 10], failed=1),
                    key(deployment, 2, Side.SHADOW, second): counted(
                        milliseconds=[5, 40],
                        skipped=1,
                        compared=4,
                        judged=4,
                        agreed=3,
                        difference=-0.4,
                        difference_absolute=0.8,
                        changes=[("positive", "negative")],
                    ),
                },
            )

    [found] = client_api.get(f"/v1/deployments/{deployment}").json()["comparisons"]

    assert (found["since_revision"], found["canary"]) == (2, None)
    assert (found["main"]["calls"], found["main"]["failed"]) == (4, 2)
    assert found["main"]["error_rate"] == pytest.approx(1 / 3, abs=1e-6)
    beside = found["shadow"]
    assert (beside["model"], beside["compared"], beside["skipped"]) == (second, 8, 2)
    assert (beside["agreement"], beside["score_difference"]) == (0.75, -0.1)
    assert beside["score_difference_absolute"] == 0.2
    assert beside["inference_ms"] == 22.5
    assert beside["inference_ms_p50"] == pytest.approx(5, rel=0.2)
    assert beside["inference_ms_p95"] == pytest.approx(40, rel=0.2)
    assert beside["changes"] == [{"before": "positive", "after": "negative", "items": 2}]
    assert other_client_api.get(f"/v1/deployments/{deployment}").status_code == 404
    with tenant_scope(organization):
        assert DeploymentTally.objects.count() == 2


def test_another_organization_cannot_count_for_a_deployment(
    deployment: str, other_organization: OrganizationRef
) -> None:
    with pytest.raises(Exception, match="tenant_fk"), tenant_scope(other_organization):
        tallies_add(
            organization=other_organization,
            tallies={key(deployment, 1, Side.MAIN): counted(calls=1)},
        )


def test_numbers_have_no_agreement_and_no_calls_no_figures(
    client_api: APIClient, organization: OrganizationRef, deployment: str
) -> None:
    with tenant_scope(organization):
        tallies_add(
            organization=organization,
            tallies={key(deployment, 1, Side.SHADOW): counted(compared=3, difference=0.3)},
        )

    [found] = client_api.get(f"/v1/deployments/{deployment}").json()["comparisons"]

    beside = found["shadow"]
    assert (beside["agreement"], beside["score_difference"]) == (None, 0.1)
    assert (beside["inference_ms"], beside["error_rate"], beside["inference_ms_p95"]) == (
        None,
        None,
        None,
    )


def test_changes_of_many_kinds_are_bounded() -> None:
    many = Tally()
    for number in range(200):
        many.changed("a", str(number))
    more = Tally()
    for number in range(200, 400):
        more.changed("a", str(number))
    more.changed("a", "0")
    many.add(more)

    assert len(many.changes) == 50
    assert many.changes["a", "0"] == 1


def test_a_quantile_is_within_a_fifth_of_what_was_measured() -> None:
    tally = Tally()
    for milliseconds in range(1, 1001):
        tally.answered(1, float(milliseconds))

    assert quantile(tally.latency, 0.5) == pytest.approx(500, rel=0.2)
    assert quantile(tally.latency, 0.95) == pytest.approx(950, rel=0.2)
    tally.answered(1, 0.0)
    tally.answered(1, 1e12)


def test_a_deployment_costs_three_queries_whatever_its_history(
    client_api: APIClient, organization: OrganizationRef, deployment: str, second: str
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            client_api.get(f"/v1/deployments/{deployment}")
        return sum("serving_" in each["sql"] for each in seen.captured_queries)

    few = queries()
    for number in range(8):
        shadow(client_api, deployment, second, number + 1)
        with tenant_scope(organization):
            tallies_add(
                organization=organization,
                tallies={key(deployment, number + 2, side): counted(calls=1) for side in Side},
            )

    assert (few, queries()) == (3, 3)
    shown = client_api.get(f"/v1/deployments/{deployment}").json()["comparisons"]
    assert [each["since_revision"] for each in shown] == [9, 8, 7, 6, 5]
