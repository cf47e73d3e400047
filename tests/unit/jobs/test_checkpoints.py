"""Checkpoints of jobs that have ended are stored, and counted, until somebody deletes them."""

import threading
from uuid import UUID

import pytest
from rest_framework.test import APIClient

from anneal.kernel import clock
from anneal.kernel.ids import parse_id, public_id
from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import SYSTEM_ACTOR, KeyScope, Role
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from anneal.kernel.storage import object_exists
from mlworker.jobs.continuing import parent_find
from mlworker.jobs.contracts import CHECKPOINT_PREFIX
from mlworker.jobs.models import FineTuningJob, StoredFiles
from mlworker.jobs.reaping import storage_sweep
from mlworker.jobs.services import fine_tuning_checkpoint_delete
from mlworker.jobs.states import JobState, Phase, StoredKind, StoredState
from tenants.datasets.selectors import dataset_version_resolve
from tests.unit.batches.test_at_once import committed
from tests.unit.billing.threads import at_once
from tests.unit.factories import error_of, make_client
from tests.unit.jobs.factories import (
    claimed,
    create,
    job_path,
    make_dataset,
    make_job,
    queued_row,
    save_checkpoint,
)

__all__ = ["committed"]  # a fixture of batches' tests


@pytest.fixture
def path(organization: OrganizationRef) -> str:
    """The address of a running job's checkpoint."""
    job = make_job(organization, tier="lora")
    return _address(job.id, save_checkpoint(claimed(), step=5, tokens=50))


def _address(job_id: UUID, stored_id: UUID) -> str:
    return job_path(job_id, f"/checkpoints/{public_id(CHECKPOINT_PREFIX, stored_id)}")


def _cancel(client: APIClient, path: str) -> None:
    assert client.post(f"{path.partition('/checkpoints')[0]}/cancel").status_code == 200


@pytest.mark.django_db
def test_a_checkpoint_of_a_cancelled_job_is_listed_with_its_size_and_deleted(
    client_api: APIClient, organization: OrganizationRef, path: str
) -> None:
    _cancel(client_api, path)
    (kept,) = client_api.get(path.rpartition("/")[0]).json()["data"]
    with tenant_scope(organization):
        key = StoredFiles.objects.get().key
    assert (kept["bytes"], object_exists(key)) == (len(b"bytes"), True)

    assert client_api.delete(path).json() == {
        "id": kept["id"],
        "object": "fine_tuning.job.checkpoint",
        "deleted": True,
    }

    assert client_api.get(path.rpartition("/")[0]).json()["data"] == []
    assert client_api.delete(path).status_code == 404
    storage_sweep()
    assert not object_exists(key)
    with tenant_scope(organization):
        assert AuditEvent.objects.filter(action="fine_tuning_checkpoint.delete").count() == 1


@pytest.mark.django_db
def test_an_unfinished_job_needs_its_checkpoint(client_api: APIClient, path: str) -> None:
    response = client_api.delete(path)
    assert (response.status_code, error_of(response)["code"]) == (409, "checkpoint_in_use")


@pytest.mark.django_db
def test_a_checkpoint_that_an_unfinished_job_begins_with_stays(
    client_api: APIClient, organization: OrganizationRef, path: str
) -> None:
    _cancel(client_api, path)
    checkpoint = path.rpartition("/")[2]
    dataset = make_dataset(organization)
    job = create(client_api, training_file=dataset, continue_from=checkpoint).json()
    assert error_of(client_api.delete(path))["code"] == "checkpoint_in_use"
    client_api.post(f"/v1/fine_tuning/jobs/{job['id']}/cancel")
    assert client_api.delete(path).status_code == 200


@pytest.mark.django_db
def test_deleting_needs_the_right_to_train(organization: OrganizationRef, path: str) -> None:
    assert make_client(organization, Role.VIEWER, KeyScope.ADMIN).delete(path).status_code == 403


@pytest.mark.django_db
def test_a_checkpoint_is_not_found_under_another_job(
    client_api: APIClient, organization: OrganizationRef, path: str
) -> None:
    other = queued_row(organization)
    stored_id = parse_id(CHECKPOINT_PREFIX, path.rpartition("/")[2])
    assert client_api.delete(_address(other, stored_id)).status_code == 404


def _ended_job(organization: OrganizationRef) -> StoredFiles:
    """A cancelled job's checkpoint."""
    dataset = make_dataset(organization)
    job_id = queued_row(organization)
    with tenant_scope(organization):
        version = dataset_version_resolve(organization=organization, reference=dataset)
        FineTuningJob.objects.filter(id=job_id).update(
            state=JobState.CANCELLED,
            phase=Phase.DONE,
            finished_at=clock.now(),
            task=version.task,
            dataset_version_id=version.id,
        )
        row = StoredFiles(
            organization_id=organization.id,
            job_id=job_id,
            kind=StoredKind.CHECKPOINT,
            state=StoredState.READY,
            fence=1,
            key="none",
        )
        row.save(force_insert=True)
    return row


def test_who_deletes_a_checkpoint_waits_for_who_begins_with_it(committed: OrganizationRef) -> None:
    stored = _ended_job(committed)
    told: list[str] = []

    def delete(_: int) -> str:
        with tenant_scope(committed):
            fine_tuning_checkpoint_delete(
                organization=committed,
                actor=SYSTEM_ACTOR,
                job_id=stored.job_id,
                checkpoint_id=stored.id,
            )
        return "deleted"

    deleting = threading.Thread(target=lambda: told.extend(at_once(1, delete)))
    with tenant_scope(committed):
        parent_find(organization=committed, reference=public_id(CHECKPOINT_PREFIX, stored.id))
        deleting.start()
        deleting.join(1)
        assert told == []
    deleting.join(30)

    assert told == ["deleted"]
    storage_sweep()
