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
from anneal.kernel.storage import object_exists, object_put
from mlworker.jobs.continuing import parent_find
from mlworker.jobs.contracts import CHECKPOINT_PREFIX
from mlworker.jobs.errors import LeaseLost
from mlworker.jobs.keeping import last_checkpoint_ready
from mlworker.jobs.models import FineTuningJob, StoredFiles
from mlworker.jobs.reaping import jobs_reap, storage_sweep
from mlworker.jobs.services import fine_tuning_checkpoint_delete
from mlworker.jobs.states import JobState, Phase, StoredKind, StoredState
from mlworker.jobs.working import stored_begin
from tenants.datasets.selectors import dataset_version_resolve
from tests.unit.batches.test_at_once import committed
from tests.unit.billing.threads import at_once
from tests.unit.factories import error_of, make_client
from tests.unit.jobs.factories import (
    claimed,
    create,
    expire_lease,
    job_path,
    make_dataset,
    make_job,
    queued_row,
    save_checkpoint,
    token_balance,
)

__all__ = ["committed"]  # a fixture of batches' tests


@pytest.fixture
def path(organization: OrganizationRef) -> str:
    """The address of a running job's checkpoint."""
    job = make_job(organization, tier="lora")
    return _address(job.id, save_checkpoint(claimed(), step=5, tokens=50))


def _address(job_id: UUID, stored_id: UUID) -> str:
    return job_path(job_id, f"/checkpoints/{public_id(CHECKPOINT_PREFIX, stored_id)}")


@pytest.mark.django_db
def test_the_worker_of_a_cancelled_job_keeps_where_it_was_and_charges_nothing_more(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization, tier="lora")
    claim = claimed()
    save_checkpoint(claim, step=5, tokens=50)
    _cancel(client_api, job_path(job.id))
    before = (token_balance(organization), client_api.get(job_path(job.id)).json())

    with pytest.raises(LeaseLost):
        stored_begin(claim, StoredKind.CHECKPOINT, step=9)
    stored_id, key = stored_begin(claim, StoredKind.CHECKPOINT, step=9, state=JobState.CANCELLED)
    last_checkpoint_ready(
        claim,
        stored_id,
        object_put(key, b"bytes"),
        manifest_sha256="m",
        metrics={"step": 9, "trained_tokens": 90},
    )

    listed = client_api.get(job_path(job.id, "/checkpoints")).json()["data"]
    assert [each["step_number"] for each in listed] == [9, 5]
    assert before == (token_balance(organization), client_api.get(job_path(job.id)).json())


@pytest.mark.django_db
@pytest.mark.parametrize("state", [JobState.RUNNING, JobState.FAILED, JobState.SUCCEEDED])
def test_no_other_job_gets_a_last_checkpoint(
    state: JobState, organization: OrganizationRef
) -> None:
    make_job(organization, tier="lora")
    claim = claimed()
    with tenant_scope(organization):
        ended = None if state == JobState.RUNNING else clock.now()
        FineTuningJob.objects.filter(id=claim.job_id).update(state=state, finished_at=ended)
    with pytest.raises(LeaseLost):
        stored_begin(claim, StoredKind.CHECKPOINT, state=JobState.CANCELLED)


@pytest.mark.django_db
def test_a_worker_that_lost_a_job_before_its_cancel_keeps_nothing_of_it(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization, tier="lora")
    first = claimed()
    expire_lease(organization, job.id)
    jobs_reap()
    claimed()
    _cancel(client_api, job_path(job.id))
    with pytest.raises(LeaseLost):
        stored_begin(first, StoredKind.CHECKPOINT, state=JobState.CANCELLED)


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
