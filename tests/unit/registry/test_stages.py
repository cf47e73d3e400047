"""Stages: one version at a time, moved at once, audited; and what keeps a version from going."""

from uuid import UUID

import pytest
from django.db import IntegrityError, transaction
from rest_framework.test import APIClient

from anneal.kernel.ids import uuid7
from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import KeyScope, Role
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from mlworker.registry.contracts import ModelVersionInfo
from mlworker.registry.models import ModelStage, ModelVersion
from tests.unit.factories import error_of, make_client
from tests.unit.registry.factories import make_model_version

pytestmark = pytest.mark.django_db


def _stages(client: APIClient, model: str) -> list[str]:
    stages: list[str] = client.get(f"/v1/models/{model}").json()["stages"]
    return stages


def test_a_stage_moves_from_version_to_version(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    first, second = make_model_version(organization), make_model_version(organization)

    put = client_api.put(f"/v1/models/{first.name}/stages/production").json()
    assert (put["previous"], put["model"], put["suffix"]) == (None, first.name, "reviews")
    assert _stages(client_api, first.name) == ["production"]

    put = client_api.put(f"/v1/models/{second.name}/stages/production").json()
    assert put["previous"] == first.name
    assert (_stages(client_api, first.name), _stages(client_api, second.name)) == (
        [],
        ["production"],
    )
    with tenant_scope(organization):
        assert ModelStage.objects.count() == 1
        told = AuditEvent.objects.filter(action="model_stage.move").latest("id").detail
    assert told == {
        "stage": "production",
        "suffix": "reviews",
        "from": first.name,
        "to": second.name,
    }


def test_each_suffix_has_its_own_stages(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    one = make_model_version(organization, suffix="one")
    two = make_model_version(organization, suffix="two")
    for version in (one, two):
        client_api.put(f"/v1/models/{version.name}/stages/production")

    listed = {m["id"]: m.get("stages") for m in client_api.get("/v1/models").json()["data"]}
    assert (listed[one.name], listed[two.name]) == (["production"], ["production"])


def test_two_organizations_do_not_share_stages(
    client_api: APIClient, organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    mine, theirs = make_model_version(organization), make_model_version(other_organization)
    other = make_client(other_organization)
    other.put(f"/v1/models/{theirs.name}/stages/production")

    assert client_api.put(f"/v1/models/{mine.name}/stages/production").json()["previous"] is None
    assert _stages(other, theirs.name) == ["production"]


def test_a_stage_is_taken_only_from_the_version_that_has_it(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    first, second = make_model_version(organization), make_model_version(organization)
    client_api.put(f"/v1/models/{first.name}/stages/production")

    assert client_api.delete(f"/v1/models/{second.name}/stages/production").status_code == 404
    assert client_api.delete(f"/v1/models/{first.name}/stages/production").json()["deleted"]
    assert _stages(client_api, first.name) == []


@pytest.mark.parametrize("stage", ["Production", "a b", "-x", "x" * 33, "ä"])
def test_odd_stage_names_are_refused(
    client_api: APIClient, organization: OrganizationRef, stage: str
) -> None:
    version = make_model_version(organization)
    response = client_api.put(f"/v1/models/{version.name}/stages/{stage}")
    assert (response.status_code, error_of(response)["param"]) == (400, "stage")


def test_stages_need_the_right_to_deploy(organization: OrganizationRef) -> None:
    version = make_model_version(organization)
    client = make_client(organization, Role.OWNER, KeyScope.TRAIN)
    assert client.put(f"/v1/models/{version.name}/stages/production").status_code == 403


def test_a_version_with_a_stage_stays_and_the_refusal_names_it(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    version = make_model_version(organization)
    client_api.put(f"/v1/models/{version.name}/stages/production")

    response = client_api.delete(f"/v1/models/{version.name}")

    assert (response.status_code, error_of(response)["code"]) == (409, "model_in_use")
    assert "'production'" in error_of(response)["message"]


def test_a_deployed_version_stays_and_the_refusal_names_the_deployment(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    version = make_model_version(organization)
    client_api.post("/v1/deployments", {"name": "live", "model": version.name}, format="json")

    response = client_api.delete(f"/v1/models/{version.name}")

    assert response.status_code == 409
    assert "'live'" in error_of(response)["message"]


def test_a_version_that_another_was_trained_on_from_stays(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    parent = make_model_version(organization)
    child = _child_of(organization, parent.id)

    response = client_api.delete(f"/v1/models/{parent.name}")

    assert (response.status_code, error_of(response)["code"]) == (409, "model_in_use")
    assert child.name in error_of(response)["message"]
    assert client_api.delete(f"/v1/models/{child.name}").status_code == 200
    assert client_api.delete(f"/v1/models/{parent.name}").status_code == 200


def test_another_organizations_version_cannot_be_a_parent(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    theirs = make_model_version(other_organization)
    mine = make_model_version(organization)
    with tenant_scope(organization), pytest.raises(IntegrityError), transaction.atomic():
        ModelVersion.objects.filter(id=mine.id).update(parent_id=theirs.id)


def _child_of(organization: OrganizationRef, parent: UUID) -> ModelVersionInfo:
    child = make_model_version(organization, job_id=uuid7())
    with tenant_scope(organization):
        ModelVersion.objects.filter(id=child.id).update(parent_id=parent)
    return child
