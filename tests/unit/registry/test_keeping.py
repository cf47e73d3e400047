"""A version is not deleted while something that needs it is being written down."""

import threading
from collections.abc import Callable
from uuid import UUID

import pytest

from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from mlworker.jobs.continuing import parent_find
from mlworker.registry.services import model_version_delete
from mlworker.serving.models import Deployment
from mlworker.serving.services import deployment_create, deployment_delete
from tests.unit.batches.factories import waits_for_a_lock
from tests.unit.batches.test_at_once import committed
from tests.unit.billing.threads import at_once
from tests.unit.conftest import DatabaseClone
from tests.unit.registry.factories import make_model_version

__all__ = ["committed"]  # a fixture of batches' tests

Need = Callable[[OrganizationRef, str], object]


def deploy(organization: OrganizationRef, model: str) -> object:
    return deployment_create(
        organization=organization, actor=SYSTEM_ACTOR, name="kept", model=model
    )


def begin(organization: OrganizationRef, model: str) -> object:
    return parent_find(organization=organization, reference=model)


@pytest.mark.parametrize(("need", "end"), [(deploy, "conflict"), (begin, "deleted")])
def test_who_deletes_waits_for_who_needs(
    committed: OrganizationRef, database_clone: DatabaseClone, need: Need, end: str
) -> None:
    name = make_model_version(committed).name
    told: list[str] = []

    def delete(_: int) -> str:
        with tenant_scope(committed):
            model_version_delete(organization=committed, actor=SYSTEM_ACTOR, name=name)
        return "deleted"

    deleting = threading.Thread(target=lambda: told.extend(at_once(1, delete)))
    with tenant_scope(committed):
        need(committed, name)
        deleting.start()
        assert waits_for_a_lock(deleting, database_clone)
    deleting.join(30)

    assert told == [end]
    with tenant_scope(committed):
        kept: list[UUID] = list(Deployment.objects.values_list("id", flat=True))
        for each in kept:
            deployment_delete(organization=committed, actor=SYSTEM_ACTOR, deployment_id=each)
