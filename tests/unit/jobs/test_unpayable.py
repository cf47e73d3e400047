"""A job whose hold ran out, and which may not take another: it waits and does not train unpaid."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from rest_framework.test import APIClient

from anneal.kernel.errors import DomainError, OrganizationSuspended
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger.errors import AccountParked, LimitReached
from billing.ledger.services import account_park, account_unpark, limit_set
from mlworker.jobs.charging import job_holds, tokens_captured
from mlworker.jobs.contracts import METER, Claim
from mlworker.jobs.errors import LeaseLost, MaxChargeExceeded
from mlworker.jobs.models import FineTuningJob, JobEvent
from mlworker.jobs.services import fine_tuning_job_cancel, fine_tuning_job_resume
from mlworker.jobs.supervisor.run import claim_run
from mlworker.jobs.working import work_give_back, work_load, work_succeeded
from tenants.accounts.services import organization_restore, organization_suspend
from tests.unit.jobs.charges import assert_books, expire_hold, segments
from tests.unit.jobs.factories import (
    claimed,
    event_codes,
    make_job,
    make_outcome,
    pay_in_money,
    row_of,
    save_checkpoint,
    token_balance,
)

pytestmark = pytest.mark.django_db

Act = Callable[[OrganizationRef], None]


def _limit(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        limit_set(organization=organization, unit=METER, window="month", amount=150)


def _unlimit(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        limit_set(organization=organization, unit=METER, window="month", amount=10**9)


def _price(organization: OrganizationRef) -> None:
    pay_in_money(organization)
    with tenant_scope(organization):
        FineTuningJob.objects.update(max_charge=Decimal(0))


def _unprice(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        FineTuningJob.objects.update(max_charge=None)


def _park(organization: OrganizationRef) -> None:
    with system_scope("test"):
        account_park(organization=organization, actor=SYSTEM_ACTOR, reason="The books differ.")


def _unpark(organization: OrganizationRef) -> None:
    with system_scope("test"):
        account_unpark(organization=organization, actor=SYSTEM_ACTOR, reason="mended")


def _suspend(organization: OrganizationRef) -> None:
    with system_scope("test"):
        organization_suspend(organization=organization, actor=SYSTEM_ACTOR, reason="unpaid")


def _reinstate(organization: OrganizationRef) -> None:
    with system_scope("test"):
        organization_restore(organization=organization, actor=SYSTEM_ACTOR)


RULES = [
    pytest.param(_limit, _unlimit, LimitReached, "Raise it under Billing", id="limit"),
    pytest.param(_price, _unprice, MaxChargeExceeded, "a higher max_charge", id="max_charge"),
    pytest.param(_park, _unpark, AccountParked, "ask the operator", id="parked"),
    pytest.param(_suspend, _reinstate, OrganizationSuspended, "Ask the operator", id="suspended"),
]


def _again(organization: OrganizationRef) -> Claim:
    """A job's second attempt, 100 tokens charged in the first, its hold run out since."""
    job = make_job(organization, tier="lora")
    first = claimed()
    save_checkpoint(first, step=10, tokens=100)
    work_give_back(first, drained=True)
    expire_hold(organization, job)
    return claimed()


@pytest.mark.parametrize(("forbid", "allow", "error", "remedy"), RULES)
def test_what_forbids_a_new_hold_pauses_the_job_until_it_is_lifted(
    organization: OrganizationRef,
    forbid: Act,
    allow: Act,
    error: type[DomainError],
    remedy: str,
) -> None:
    claim = _again(organization)
    forbid(organization)

    claim_run(claim)

    row = row_of(organization, claim.job_id)
    assert (row.state, row.error, row.progress["step"]) == ("paused", None, 10)
    (warning,) = row.warnings
    assert remedy in warning["message"]
    assert warning["data"] == {"reason": error.code}
    with tenant_scope(organization):
        told = JobEvent.objects.filter(job_id=claim.job_id).latest("seq")
    assert (told.code, told.level, told.message) == ("job.paused", "warn", warning["message"])
    assert told.data == {"code": error.code}
    with pytest.raises(LeaseLost):
        work_load(claim)
    with pytest.raises(error), tenant_scope(organization):
        fine_tuning_job_resume(organization=organization, actor=SYSTEM_ACTOR, job_id=row.id)
    assert row_of(organization, row.id).state == "paused"

    allow(organization)
    with tenant_scope(organization):
        fine_tuning_job_resume(organization=organization, actor=SYSTEM_ACTOR, job_id=row.id)
        row = FineTuningJob.objects.get(id=row.id)
        held = [hold.amount for hold in job_holds(row)]
    assert (row.state, held) == ("queued", [row.quoted_tokens, (row.quoted_tokens or 0) - 100])


def test_a_hold_remembered_and_still_the_last_counts_once(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    claim = _again(organization)
    _limit(organization)
    claim_run(claim)

    with tenant_scope(organization):
        row = FineTuningJob.objects.get(id=claim.job_id)
        assert row.earlier_holds == [str(row.hold_id)]
        holds = job_holds(row)
        assert (len(holds), tokens_captured(holds)) == (1, 100)
        fine_tuning_job_cancel(organization=organization, actor=SYSTEM_ACTOR, job_id=row.id)
    row = row_of(organization, claim.job_id)
    assert (row.state, row.trained_tokens) == ("cancelled", 100)
    assert token_balance(organization).consumed == 100


def test_after_the_pause_the_rest_is_charged_once(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    claim = _again(organization)
    _limit(organization)
    claim_run(claim)
    _unlimit(organization)
    with tenant_scope(organization):
        fine_tuning_job_resume(organization=organization, actor=SYSTEM_ACTOR, job_id=claim.job_id)
    work = work_load(claimed())
    with tenant_scope(organization):
        job = FineTuningJob.objects.get(id=claim.job_id)
    quoted = job.quoted_tokens or 0
    save_checkpoint(work.claim, step=20, tokens=200)
    work_succeeded(work, make_outcome(job, organization, quoted))

    assert segments(organization, job) == {"10": 100, "20": 100, "": quoted - 200}
    assert_books(client_api, organization, job, trained=quoted)
    assert "job.interrupted" not in event_codes(organization, claim.job_id)
