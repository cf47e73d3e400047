"""Faults, stalled attempts, checkpoints and the reaper: what becomes of job and money."""

from datetime import timedelta

import pytest
from django.db.models import F
from rest_framework.test import APIClient

from anneal.kernel.ids import parse_id
from anneal.kernel.models import OutboxMessage
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from anneal.kernel.storage import object_exists, object_put
from billing.ledger.models import Balance
from billing.ledger.selectors import account_get
from mlworker.jobs.contracts import CHECKPOINT_PREFIX, METER, Fault
from mlworker.jobs.errors import STALLED_LIMIT
from mlworker.jobs.models import FineTuningJob, StoredFiles
from mlworker.jobs.reaping import jobs_reap, storage_sweep
from mlworker.jobs.states import StoredKind, StoredState
from mlworker.jobs.working import (
    News,
    checkpoint_ready,
    news_write,
    stored_begin,
    work_failed,
    work_give_back,
)
from tests.unit.jobs.factories import (
    add_checkpoint,
    age_job,
    claimed,
    event_codes,
    expire_lease,
    job_path,
    make_job,
    queued_row,
    row_of,
    save_checkpoint,
    token_balance,
)

pytestmark = pytest.mark.django_db

CRASH = Fault("crashed", "The trainer was ended by SIGSEGV.", "SIGSEGV")


def test_steps_that_a_crash_undid_are_not_charged(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization)
    claim = claimed()
    save_checkpoint(claim, step=2, tokens=200)
    news_write(claim, News(progress={"step": 9, "total": 10, "trained_tokens": 900}))
    work_failed(claim, CRASH)
    assert client_api.get(job_path(job.id)).json()["progress"]["step"] == 2
    answer = client_api.post(job_path(job.id, "/cancel")).json()
    assert answer["trained_tokens"] == 200
    assert token_balance(organization).consumed == 200


def test_a_pause_survives_its_workers_death(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization)
    claimed()
    client_api.post(job_path(job.id, "/pause"))
    expire_lease(organization, job.id)
    jobs_reap()
    assert row_of(organization, job.id).state == "paused"


def test_three_stalled_attempts_end_the_job_unpaid(organization: OrganizationRef) -> None:
    job = make_job(organization)
    for _ in range(3):
        work_failed(claimed(), CRASH)
    row = row_of(organization, job.id)
    assert (row.state, row.attempt, row.stalled_attempts) == ("failed", 3, 3)
    assert row.error == {"code": "crashed", "message": CRASH.message, "param": "SIGSEGV"}
    balance = token_balance(organization)
    assert (balance.held, balance.consumed) == (0, 0)


def test_a_new_checkpoint_in_an_attempt_keeps_it_from_counting(
    organization: OrganizationRef,
) -> None:
    job = make_job(organization)
    for attempt in range(6):
        claim = claimed()
        add_checkpoint(claim, step=attempt)
        work_failed(claim, CRASH)
    row = row_of(organization, job.id)
    assert (row.state, row.attempt, row.stalled_attempts) == ("queued", 6, 0)


def test_an_old_checkpoint_does_not_count_as_progress(organization: OrganizationRef) -> None:
    job = make_job(organization)
    claim = claimed()
    add_checkpoint(claim)
    work_failed(claim, CRASH)
    work_failed(claimed(), CRASH)
    assert row_of(organization, job.id).stalled_attempts == 1


def test_a_drain_is_no_fault(organization: OrganizationRef) -> None:
    job = make_job(organization)
    work_failed(claimed(), CRASH)
    work_failed(claimed(), CRASH)
    work_give_back(claimed(), drained=True)
    row = row_of(organization, job.id)
    assert (row.state, row.stalled_attempts) == ("queued", 0)


@pytest.mark.parametrize("code", ["diverged", "invalid_data", "invalid_config"])
def test_what_would_repeat_ends_at_once(organization: OrganizationRef, code: str) -> None:
    job = make_job(organization)
    work_failed(claimed(), Fault(code, "No use."))
    assert row_of(organization, job.id).state == "failed"
    assert token_balance(organization).held == 0


def test_the_reaper_takes_back_only_what_is_expired(organization: OrganizationRef) -> None:
    dead, alive = queued_row(organization, age=9), queued_row(organization)
    claimed(), claimed()
    expire_lease(organization, dead)
    assert jobs_reap() == 1
    assert row_of(organization, dead).state == "queued"
    assert row_of(organization, alive).state == "running"
    assert event_codes(organization, dead)[-2:] == ["job.interrupted", "job.queued"]


def test_a_worker_that_waited_for_a_lock_while_its_lease_ran_out_keeps_the_job(
    organization: OrganizationRef,
) -> None:
    job = make_job(organization)
    claim = claimed()

    expire_lease(organization, job.id)
    stored_id, key = stored_begin(claim, StoredKind.CHECKPOINT, step=9)
    assert jobs_reap() == 0

    expire_lease(organization, job.id)
    metrics = {"step": 9, "trained_tokens": 90}
    checkpoint_ready(claim, stored_id, object_put(key, b"b"), manifest_sha256="m", metrics=metrics)
    assert jobs_reap() == 0

    expire_lease(organization, job.id)
    news_write(claim, News(progress={"step": 9, "total": 10, "trained_tokens": 90}))
    assert jobs_reap() == 0


def test_the_reaper_ends_a_job_that_kills_every_worker(organization: OrganizationRef) -> None:
    job = make_job(organization)
    for _ in range(3):
        claimed()
        expire_lease(organization, job.id)
        jobs_reap()
    row = row_of(organization, job.id)
    assert (row.state, row.error["code"]) == ("failed", "worker_lost")
    assert token_balance(organization).held == 0


def test_an_account_with_wrong_books_keeps_its_own_job_alone_from_ending(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    jobs = {each: make_job(each) for each in (organization, other_organization)}
    for owner, job in jobs.items():
        claimed()
        expire_lease(owner, job.id)
        with tenant_scope(owner):
            FineTuningJob.objects.filter(id=job.id).update(stalled_attempts=STALLED_LIMIT - 1)
    with system_scope("test"):
        sick = Balance.objects.filter(organization_id=organization.id, unit=METER)
        kept = sick.get().held
        sick.update(held=1)

    assert jobs_reap() == 1

    assert row_of(organization, jobs[organization].id).state == "running"
    assert row_of(other_organization, jobs[other_organization].id).state == "failed"
    with tenant_scope(organization):
        assert account_get(organization=organization).parked_at is not None
    with system_scope("test"):
        sick.update(held=kept)
    jobs_reap()
    assert row_of(organization, jobs[organization].id).state == "failed"


def test_the_reaper_asks_again_for_a_lost_validation_but_not_at_once(
    organization: OrganizationRef,
) -> None:
    job = queued_row(organization)
    with tenant_scope(organization):
        FineTuningJob.objects.filter(id=job).update(state="validating_files")
    assert jobs_reap() == 0
    age_job(organization, job, created_at=60)
    assert jobs_reap() == 1
    assert jobs_reap() == 0
    with system_scope("test"):
        assert OutboxMessage.objects.filter(task="jobs.validate").count() == 1


def test_checkpoints_are_listed_once_verified_and_two_are_kept(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization)
    claim = claimed()
    keys = []
    for step in (1, 2, 3):
        stored_id, key = stored_begin(claim, StoredKind.CHECKPOINT, step=step)
        assert len(_checkpoints(client_api, job.id)) == min(step - 1, 2)
        stored = object_put(key, b"bytes")
        checkpoint_ready(claim, stored_id, stored, manifest_sha256="m", metrics={"step": step})
        keys.append(key)
    listed = _checkpoints(client_api, job.id)
    assert [item["step_number"] for item in listed] == [3, 2]
    assert listed[0]["metrics"] == {"step": 3}
    assert parse_id(CHECKPOINT_PREFIX, listed[0]["id"])
    assert storage_sweep() == 1
    assert [object_exists(key) for key in keys] == [False, True, True]


def _checkpoints(client: APIClient, job_id: object) -> list[dict[str, object]]:
    data: list[dict[str, object]] = client.get(job_path(job_id, "/checkpoints")).json()["data"]
    return data


def test_bytes_of_a_dead_worker_are_swept_those_of_a_living_one_are_not(
    organization: OrganizationRef,
) -> None:
    queued_row(organization, age=9), queued_row(organization)
    dead, living = claimed(), claimed()
    doomed = stored_begin(dead, StoredKind.MODEL)[1]
    coming = stored_begin(living, StoredKind.MODEL)[1]
    object_put(doomed, b"half"), object_put(coming, b"half")
    work_give_back(dead, drained=True)
    with tenant_scope(organization):
        assert storage_age(StoredState.WRITING) == 2
    storage_sweep()
    assert (object_exists(doomed), object_exists(coming)) == (False, True)


def storage_age(state: StoredState) -> int:
    """Make every such row an hour old; how many there are."""
    return StoredFiles.objects.filter(state=state).update(
        created_at=F("created_at") - timedelta(hours=1)
    )
