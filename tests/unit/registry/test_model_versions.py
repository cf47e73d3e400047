"""Model versions: registered once, resolved by name, deleted unless somebody still serves them."""

from collections.abc import Iterator

import pytest
from django.db import IntegrityError
from rest_framework.test import APIClient

from anneal.kernel import events
from anneal.kernel.errors import Conflict
from anneal.kernel.ids import uuid7
from anneal.kernel.models import AuditEvent, OutboxMessage
from anneal.kernel.principal import SYSTEM_ACTOR, KeyScope, Role
from anneal.kernel.scopes import OrganizationRef, ScopeError, system_scope, tenant_scope
from mlworker.registry.contracts import ModelVersionDeleting
from mlworker.registry.errors import ModelNotFound
from mlworker.registry.selectors import model_version_resolve
from mlworker.registry.services import model_version_delete, model_version_register
from tests.unit.factories import error_of, make_client
from tests.unit.registry.factories import LINEAGE, make_model_version, new_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def refusal() -> Iterator[None]:
    def refuse(event: ModelVersionDeleting) -> None:
        raise Conflict(f"{event.name} is deployed.")

    events.subscribe(ModelVersionDeleting, refuse)
    yield
    events._handlers[ModelVersionDeleting].remove(refuse)


def test_a_version_is_named_after_base_organization_and_suffix(
    organization: OrganizationRef,
) -> None:
    version = make_model_version(organization, suffix="reviews")
    head, tail = version.name.rsplit(":", 1)
    assert head == f"ft:minilm-l6:{organization.slug}:reviews"
    assert len(tail) == 10


def test_without_suffix_its_place_stays_empty(organization: OrganizationRef) -> None:
    version = make_model_version(organization, suffix="")
    assert f":{organization.slug}::" in version.name


def test_a_job_leaves_one_version_only(organization: OrganizationRef) -> None:
    job = uuid7()
    make_model_version(organization, job_id=job)
    with pytest.raises(IntegrityError):
        make_model_version(organization, job_id=job)


def test_registering_needs_the_organizations_scope(organization: OrganizationRef) -> None:
    with pytest.raises(ScopeError):
        model_version_register(
            organization=organization, version=new_version(organization), lineage=LINEAGE
        )


def test_a_name_resolves_to_what_an_engine_needs(organization: OrganizationRef) -> None:
    version = make_model_version(organization)
    with tenant_scope(organization):
        model = model_version_resolve(organization=organization, name=version.name)
    assert (model.base, model.tier, model.max_length) == ("minilm-l6", "head", 128)
    assert model.labels == ("negative", "positive")
    assert model.artifact_sha256 == version.artifact_sha256
    assert model.organization_id == organization.id


@pytest.mark.parametrize("name", ["", "ft:x", "minilm-l6", "nul\0", "ft:" + "a" * 5_000])
def test_unknown_names_resolve_to_nothing(organization: OrganizationRef, name: str) -> None:
    with tenant_scope(organization), pytest.raises(ModelNotFound):
        model_version_resolve(organization=organization, name=name)


def test_another_organizations_version_resolves_to_nothing(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    version = make_model_version(other_organization)
    with tenant_scope(organization), pytest.raises(ModelNotFound):
        model_version_resolve(organization=organization, name=version.name)


def test_deleting_removes_the_row_and_orders_the_bytes_away(organization: OrganizationRef) -> None:
    version = make_model_version(organization)
    with tenant_scope(organization):
        model_version_delete(organization=organization, actor=SYSTEM_ACTOR, name=version.name)
        with pytest.raises(ModelNotFound):
            model_version_resolve(organization=organization, name=version.name)
        assert AuditEvent.objects.filter(action="model_version.delete").count() == 1
    with system_scope("test"):
        message = OutboxMessage.objects.get(task="registry.artifact_delete")
    assert message.payload == {"key": version.artifact_key}


@pytest.mark.usefixtures("refusal")
def test_a_version_that_is_served_stays(organization: OrganizationRef) -> None:
    version = make_model_version(organization)
    response = make_client(organization).delete(f"/v1/models/{version.name}")
    assert response.status_code == 409
    with tenant_scope(organization):
        assert model_version_resolve(organization=organization, name=version.name)


def test_the_api_deletes_in_openais_shape(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    version = make_model_version(organization)
    response = client_api.delete(f"/v1/models/{version.name}")
    assert response.json() == {"id": version.name, "object": "model", "deleted": True}
    assert client_api.get(f"/v1/models/{version.name}").status_code == 404


def test_a_base_cannot_be_deleted(client_api: APIClient) -> None:
    response = client_api.delete("/v1/models/minilm-l6")
    assert response.status_code == 409
    assert error_of(response)["code"] == "model_not_deletable"


@pytest.mark.parametrize(
    ("role", "scope"), [(Role.VIEWER, KeyScope.TRAIN), (Role.OWNER, KeyScope.PREDICT)]
)
def test_deleting_needs_the_right_to_train(
    organization: OrganizationRef, role: Role, scope: KeyScope
) -> None:
    version = make_model_version(organization)
    response = make_client(organization, role, scope).delete(f"/v1/models/{version.name}")
    assert response.status_code == 403
