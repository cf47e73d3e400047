"""Attempts at an export are fences: who has lost one writes nothing, and leaves nothing behind."""

from pathlib import Path
from uuid import UUID

import pytest
from django.core.files.storage import default_storage
from django.db.models import F
from django.db.models.functions import Now
from rest_framework.test import APIClient

from anneal.kernel.ids import parse_id
from anneal.kernel.models import OutboxMessage
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from mlworker.registry.exports.contracts import EXPORT_PREFIX, MAX_ATTEMPTS
from mlworker.registry.exports.reaping import exports_reap
from mlworker.registry.exports.working import (
    AWAY,
    Claim,
    ClaimLost,
    _claim,
    _file_key,
    _progress,
    export_make,
)
from mlworker.registry.models import ModelExport, ModelVersion
from tests.unit.registry.factories import make_model_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def address(client_api: APIClient, organization: OrganizationRef) -> str:
    return f"/v1/models/{make_model_version(organization).name}/exports"


def _ask(client: APIClient, address: str) -> UUID:
    answer = client.post(address, {"format": "huggingface"}, format="json")
    assert answer.status_code == 202, answer.content
    return parse_id(EXPORT_PREFIX, answer.json()["id"])


def _lost(organization: OrganizationRef, export_id: UUID) -> Claim:
    """Claim it for a worker that is then silent for longer than its lease."""
    claim = _claim(organization, export_id)
    assert claim is not None
    with tenant_scope(organization):
        ModelExport.objects.filter(id=export_id).update(lease_until=Now())
    return claim


def _given_up(organization: OrganizationRef, export_id: UUID) -> list[Claim]:
    claims = [_lost(organization, export_id) for _ in range(MAX_ATTEMPTS)]
    assert export_make(organization=organization, export_id=export_id) is False
    return claims


def test_a_worker_that_sleeps_through_its_exports_end_writes_nothing_to_the_next(
    client_api: APIClient, organization: OrganizationRef, address: str
) -> None:
    export_id = _ask(client_api, address)
    sleepers = _given_up(organization, export_id)
    assert _ask(client_api, address) == export_id

    claims = [_lost(organization, export_id) for _ in range(MAX_ATTEMPTS)]

    for sleeper in sleepers:
        with pytest.raises(ClaimLost):
            _progress(sleeper, 0.5, "packing")
    keys = {_file_key(organization, export_id, each.attempt) for each in (*sleepers, *claims)}
    assert len(keys) == 2 * MAX_ATTEMPTS


def test_each_asking_has_all_its_attempts(
    client_api: APIClient, organization: OrganizationRef, address: str
) -> None:
    export_id = _ask(client_api, address)
    export_make(organization=organization, export_id=export_id)  # its bytes are no model
    assert client_api.get(address).json()["data"][0]["status"] == "failed"
    assert _ask(client_api, address) == export_id
    assert len(_given_up(organization, export_id)) == MAX_ATTEMPTS


def test_a_storage_that_is_away_is_asked_again_later(
    client_api: APIClient, organization: OrganizationRef, address: str
) -> None:
    export_id = _ask(client_api, address)
    with tenant_scope(organization):
        path = Path(default_storage.path(ModelVersion.objects.get().artifact_key))
    path.unlink()
    path.mkdir()  # what is asked for is no file
    assert export_make(organization=organization, export_id=export_id)

    (told,) = client_api.get(address).json()["data"]
    assert (told["status"], told["error"]["code"]) == ("running", "storage_unavailable")
    assert exports_reap() == 0
    with tenant_scope(organization):
        ModelExport.objects.update(lease_until=F("lease_until") - AWAY)
    assert exports_reap() == 1


def test_what_a_dead_worker_stored_is_deleted(
    client_api: APIClient, organization: OrganizationRef, address: str
) -> None:
    export_id = _ask(client_api, address)
    dead = _given_up(organization, export_id)
    with system_scope("test"):
        messages = OutboxMessage.objects.filter(task="registry.artifact_delete")
        keys = {message.payload["key"] for message in messages}
    assert keys == {_file_key(organization, export_id, each.attempt) for each in dead}
