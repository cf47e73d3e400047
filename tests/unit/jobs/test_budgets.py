"""A job and the budgets of those who asked for it, money for its tokens, the note of a fault."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import SYSTEM_ACTOR, Role
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger.models import GrantKind, Hold
from billing.ledger.selectors import balance_get
from billing.ledger.services import (
    account_park,
    balance_grant,
    balance_grant_set,
    hold_release,
    limit_set,
)
from mlworker.jobs.contracts import METER, Fault
from mlworker.jobs.errors import LeaseLost
from mlworker.jobs.models import FineTuningJob
from mlworker.jobs.settling import job_fail
from mlworker.jobs.working import work_load
from tenants.keys.models import ApiKey
from tests.unit.factories import error_of, make_client
from tests.unit.jobs.factories import claimed, make_dataset, make_job, row_of

pytestmark = pytest.mark.django_db


def submit(client: APIClient, dataset: str, path: str = "", **more: str) -> Any:
    body = {"model": "minilm-l6", "training_file": dataset, "tier": "head", **more}
    return client.post(f"/v1/fine_tuning/jobs{path}", body, format="json")


def limit_of(organization: OrganizationRef, scope: str, subject_id: Any) -> None:
    limit_set(
        organization=organization,
        unit=METER,
        window="month",
        amount=1,
        scope=scope,
        subject_id=subject_id,
    )


@pytest.mark.parametrize("scope", ["key", "member"])
def test_a_job_counts_for_its_key_and_for_the_keys_maker(
    organization: OrganizationRef, scope: str
) -> None:
    limited = make_client(organization, Role.DEVELOPER)
    dataset = make_dataset(organization)
    with tenant_scope(organization):
        key = ApiKey.objects.get(organization_id=organization.id)
        limit_of(organization, scope, key.id if scope == "key" else key.created_by_id)

    refused = submit(limited, dataset)

    assert (refused.status_code, error_of(refused)["code"]) == (402, "limit_reached")
    assert error_of(refused)["param"].startswith("bud_")
    free = make_client(organization, Role.DEVELOPER)
    assert submit(free, dataset).status_code in {200, 201, 202}
    with tenant_scope(organization):
        assert FineTuningJob.objects.count() == 1


def test_money_pays_for_the_tokens_that_no_grant_covers(
    organization: OrganizationRef, client_api: APIClient
) -> None:
    dataset = make_dataset(organization)
    with tenant_scope(organization):
        balance_grant_set(organization=organization, unit=METER, amount=0)
    assert submit(client_api, dataset, "/estimate").json()["allowed"] is False
    assert error_of(submit(client_api, dataset))["code"] == "quota_exhausted"

    with tenant_scope(organization):
        balance_grant(
            organization=organization,
            unit="USD",
            amount=5,
            kind=GrantKind.PURCHASED,
            source="paid",
        )

    estimate = submit(client_api, dataset, "/estimate").json()
    assert (estimate["allowed"], estimate["currency"]) == (True, "USD")
    assert submit(client_api, dataset).status_code in {200, 201, 202}
    with tenant_scope(organization):
        hold = Hold.objects.get()
        assert hold.rated == hold.amount == estimate["trained_tokens"]
        assert balance_get(organization=organization, unit="USD").held > 0


def test_a_job_that_fails_gives_its_hold_back_with_a_note(organization: OrganizationRef) -> None:
    job = make_job(organization)
    with tenant_scope(organization):
        row = FineTuningJob.objects.get(id=job.id)
        row.state = "running"
        job_fail(row, Fault("worker_lost", "Three workers stopped answering."))

    with tenant_scope(organization):
        hold = Hold.objects.get()
        assert (hold.state, hold.note) == (
            "released",
            "worker_lost: Three workers stopped answering.",
        )
        assert AuditEvent.objects.get(action="hold.release").actor_kind == SYSTEM_ACTOR.kind
        assert balance_get(organization=organization, unit=METER).held == 0


def test_a_parked_account_pauses_and_does_not_fail_a_job_whose_hold_ran_out(
    organization: OrganizationRef,
) -> None:
    job = make_job(organization)
    with tenant_scope(organization):
        hold_release(organization=organization, hold_id=Hold.objects.get().id)
    with system_scope("test"):
        account_park(organization=organization, actor=SYSTEM_ACTOR, reason="The books differ.")

    with pytest.raises(LeaseLost):
        work_load(claimed())

    row = row_of(organization, job.id)
    assert (row.state, row.error) == ("paused", None)
    assert "ask the operator. When that is done, resume the job." in row.warnings[0]["message"]


@pytest.mark.parametrize("more", [{}, {"max_charge": "0.01"}])
def test_an_estimate_of_a_parked_account_says_that_it_is_parked(
    organization: OrganizationRef, client_api: APIClient, more: dict[str, str]
) -> None:
    dataset = make_dataset(organization)
    with system_scope("test"):
        account_park(organization=organization, actor=SYSTEM_ACTOR, reason="The books differ.")

    estimate = submit(client_api, dataset, "/estimate", **more)

    assert estimate.status_code == 200
    told = estimate.json()
    # The trial's tokens cover it, so there would be nothing to pay.
    assert (told["allowed"], told["reason"], told["price"]) == (False, "account_parked", "0")
