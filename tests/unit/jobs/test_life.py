"""Cancel, pause, resume and success: what becomes of job and money."""

import pytest
from rest_framework.test import APIClient

from anneal.kernel.events import DatasetDeleting, OrganizationSuspended, publish
from anneal.kernel.models import OutboxMessage
from anneal.kernel.principal import KeyScope, Role
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger.services import hold_release
from mlworker.jobs.contracts import Fault
from mlworker.jobs.errors import DatasetInUse, LeaseLost
from mlworker.jobs.states import Control
from mlworker.jobs.working import (
    News,
    news_write,
    work_failed,
    work_give_back,
    work_load,
    work_succeeded,
)
from mlworker.registry.selectors import model_version_resolve
from tests.unit.factories import error_of, make_client
from tests.unit.jobs.factories import (
    claimed,
    event_codes,
    job_path,
    make_job,
    make_outcome,
    queued_row,
    row_of,
    token_balance,
)

pytestmark = pytest.mark.django_db

CRASH = Fault("crashed", "The trainer was ended by SIGSEGV.", "SIGSEGV")


def _rings() -> int:
    with system_scope("test"):
        return OutboxMessage.objects.filter(task="jobs.ring").count()


def test_cancelling_a_queued_job_gives_all_back(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization)
    answer = client_api.post(job_path(job.id, "/cancel")).json()
    assert (answer["status"], answer["trained_tokens"]) == ("cancelled", 0)
    assert answer["is_terminal"] is True
    balance = token_balance(organization)
    assert (balance.held, balance.consumed) == (0, 0)


def test_cancelling_a_running_job_charges_the_steps_done_and_stops_its_worker(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization)
    claim = claimed()
    news_write(claim, News(progress={"step": 3, "total": 10, "trained_tokens": 300}))
    answer = client_api.post(job_path(job.id, "/cancel")).json()
    assert (answer["status"], answer["trained_tokens"]) == ("cancelled", 300)
    assert token_balance(organization).consumed == 300
    assert token_balance(organization).held == 0
    with pytest.raises(LeaseLost):
        news_write(claim, News())


def test_a_job_whose_hold_ran_out_ends_well_and_unpaid(organization: OrganizationRef) -> None:
    job = make_job(organization)
    work = work_load(claimed())
    hold_id = row_of(organization, job.id).hold_id
    assert hold_id is not None
    with tenant_scope(organization):
        hold_release(organization=organization, hold_id=hold_id)
    work_succeeded(work, make_outcome(job, organization, 500))
    row = row_of(organization, job.id)
    assert (row.state, len(row.warnings)) == ("succeeded", 1)
    assert token_balance(organization).consumed == 0


def test_a_hold_that_ran_out_in_a_pause_is_taken_again(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization)
    client_api.post(job_path(job.id, "/pause"))
    before = row_of(organization, job.id).hold_id
    assert before is not None
    with tenant_scope(organization):
        hold_release(organization=organization, hold_id=before)
    client_api.post(job_path(job.id, "/resume"))
    assert row_of(organization, job.id).hold_id != before
    assert token_balance(organization).held == job.quoted_tokens


def test_cancelling_twice_is_one_cancel(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization)
    client_api.post(job_path(job.id, "/cancel"))
    assert client_api.post(job_path(job.id, "/cancel")).status_code == 200
    assert event_codes(organization, job.id).count("job.cancelled") == 1


@pytest.mark.parametrize("call", ["/cancel", "/pause", "/resume"])
def test_a_job_that_has_ended_refuses(
    client_api: APIClient, organization: OrganizationRef, call: str
) -> None:
    job = make_job(organization)
    work_failed(claimed(), Fault("diverged", "The loss is not a number."))
    response = client_api.post(job_path(job.id, call))
    assert response.status_code == 409
    assert error_of(response)["code"] == "fine_tuning_job_state"


def test_a_queued_job_pauses_and_resumes(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization)
    assert client_api.post(job_path(job.id, "/pause")).json()["status"] == "paused"
    assert token_balance(organization).held == job.quoted_tokens
    rings = _rings()
    assert client_api.post(job_path(job.id, "/resume")).json()["status"] == "queued"
    assert _rings() == rings + 1


def test_a_running_job_pauses_when_its_worker_has_heard(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization)
    claim = claimed()
    answer = client_api.post(job_path(job.id, "/pause")).json()
    assert (answer["status"], answer["pausing"]) == ("running", True)
    assert news_write(claim, News()) == Control.PAUSE
    work_give_back(claim, drained=False)
    answer = client_api.get(job_path(job.id)).json()
    assert (answer["status"], answer["pausing"]) == ("paused", False)


def test_a_pause_taken_back_in_time_queues_the_job_again(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization)
    claim = claimed()
    client_api.post(job_path(job.id, "/pause"))
    assert client_api.post(job_path(job.id, "/resume")).json()["pausing"] is False
    work_give_back(claim, drained=False)
    assert row_of(organization, job.id).state == "queued"


def test_success_is_one_state_one_model_one_charge(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization, suffix="reviews")
    quoted = job.quoted_tokens or 0
    work = work_load(claimed())
    version = work_succeeded(work, make_outcome(job, organization, quoted - 100))
    answer = client_api.get(job_path(job.id)).json()
    assert (answer["status"], answer["fine_tuned_model"]) == ("succeeded", version.name)
    assert answer["trained_tokens"] == quoted - 100
    balance = token_balance(organization)
    assert (balance.held, balance.consumed) == (0, quoted - 100)
    assert event_codes(organization, job.id)[-3:] == [
        "billing.refund",
        "model.created",
        "job.succeeded",
    ]
    with tenant_scope(organization):
        assert model_version_resolve(organization=organization, name=version.name)


def test_more_than_the_quote_is_never_charged(organization: OrganizationRef) -> None:
    job = make_job(organization)
    work_succeeded(work_load(claimed()), make_outcome(job, organization, 10**9))
    assert token_balance(organization).consumed == job.quoted_tokens


def test_a_success_that_comes_too_late_changes_nothing(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization)
    work = work_load(claimed())
    client_api.post(job_path(job.id, "/cancel"))
    with pytest.raises(LeaseLost):
        work_succeeded(work, make_outcome(job, organization, 5))
    assert row_of(organization, job.id).state == "cancelled"
    assert token_balance(organization).consumed == 0


def test_a_dataset_in_use_cannot_go(organization: OrganizationRef) -> None:
    job = make_job(organization)
    dataset_id = row_of(organization, job.id).dataset_id
    assert dataset_id is not None
    event = DatasetDeleting(organization=organization, dataset_id=dataset_id)
    with tenant_scope(organization), pytest.raises(DatasetInUse):
        publish(event)
    work_failed(claimed(), Fault("diverged", "ends"))
    with tenant_scope(organization):
        publish(event)


def test_a_suspended_organizations_jobs_pause(organization: OrganizationRef) -> None:
    running, waiting = queued_row(organization, age=5), queued_row(organization)
    claim = claimed()
    with tenant_scope(organization):
        publish(OrganizationSuspended(organization=organization))
    assert row_of(organization, waiting).state == "paused"
    assert row_of(organization, running).control == Control.PAUSE
    work_give_back(claim, drained=False)
    assert row_of(organization, running).state == "paused"


@pytest.mark.parametrize("call", ["/cancel", "/pause", "/resume"])
def test_controlling_needs_the_right_to_train(organization: OrganizationRef, call: str) -> None:
    job = make_job(organization)
    client = make_client(organization, Role.VIEWER, KeyScope.ADMIN)
    assert client.post(job_path(job.id, call)).status_code == 403


def test_a_foreign_job_is_not_found_before_any_right_is_asked(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    job = make_job(other_organization)
    client = make_client(organization, Role.VIEWER)
    for call in ("/cancel", "/pause", "/resume"):
        assert client.post(job_path(job.id, call)).status_code == 404
