"""Segments of a job whose hold ran out, was released, or whose account is parked."""

from decimal import Decimal

import pytest
from rest_framework.test import APIClient

from anneal.kernel import clock
from anneal.kernel.ids import public_id
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger.models import CaptureRefund, Hold
from billing.ledger.services import (
    account_park,
    balance_grant_set,
    hold_release,
)
from billing.metering.contracts import UsageEventNew
from billing.metering.services import usage_ingest
from mlworker.jobs.contracts import JOB_PREFIX, METER, SOURCE, Fault
from mlworker.jobs.working import (
    work_failed,
    work_give_back,
    work_load,
    work_succeeded,
)
from tests.unit.jobs.charges import assert_books, drifts, expire_hold, segments
from tests.unit.jobs.factories import (
    claimed,
    make_job,
    make_outcome,
    row_of,
    save_checkpoint,
    token_balance,
)

pytestmark = pytest.mark.django_db

DIVERGED = Fault("diverged", "The loss is not a number.")


def test_a_hold_that_runs_out_under_a_training_stops_neither_it_nor_its_end(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization, tier="lora")
    work = work_load(claimed())
    save_checkpoint(work.claim, step=10, tokens=100)
    expire_hold(organization, job)
    save_checkpoint(work.claim, step=20, tokens=200)
    work_succeeded(work, make_outcome(job, organization, 300))

    row = row_of(organization, job.id)
    assert (row.state, row.trained_tokens) == ("succeeded", 300)
    (told,) = row.warnings
    assert (told["code"], told["data"]) == ("tokens_unpaid", {"tokens": 200})
    assert told["message"].startswith("The price was no longer held; 200 trained tokens were")
    assert segments(organization, job) == {"10": 100}
    assert token_balance(organization).consumed == 100
    assert drifts(organization) == ()


def test_the_next_attempt_holds_only_what_the_segments_have_not_charged(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization, tier="lora")
    quoted = job.quoted_tokens or 0
    claim = claimed()
    save_checkpoint(claim, step=10, tokens=100)
    work_give_back(claim, drained=True)
    expire_hold(organization, job)
    work = work_load(claimed())
    assert token_balance(organization).held == quoted - 100
    save_checkpoint(work.claim, step=20, tokens=200)
    work_succeeded(work, make_outcome(job, organization, quoted))

    assert segments(organization, job) == {"10": 100, "20": 100, "": quoted - 200}
    assert_books(client_api, organization, job, trained=quoted)


def test_a_failed_job_gets_back_what_was_charged_to_all_of_its_holds(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization, tier="lora")
    claim = claimed()
    save_checkpoint(claim, step=10, tokens=100)
    work_give_back(claim, drained=True)
    expire_hold(organization, job)
    work = work_load(claimed())
    save_checkpoint(work.claim, step=20, tokens=250)
    work_failed(work.claim, DIVERGED)

    assert_books(client_api, organization, job, trained=0, undone=250)
    with tenant_scope(organization):
        assert sorted(CaptureRefund.objects.values_list("units", flat=True)) == [100, 150]


def test_a_job_that_no_hold_pays_for_any_more_is_refunded_what_one_paid(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization, tier="lora")
    claim = claimed()
    save_checkpoint(claim, step=10, tokens=100)
    work_give_back(claim, drained=True)
    expire_hold(organization, job)
    with tenant_scope(organization):
        balance_grant_set(organization=organization, unit=METER, amount=0)
    work = work_load(claimed())
    assert row_of(organization, job.id).hold_id is None
    save_checkpoint(work.claim, step=20, tokens=200)
    work_failed(work.claim, DIVERGED)

    assert_books(client_api, organization, job, trained=0, undone=100)


def test_a_hold_that_ran_out_when_all_was_charged_is_not_taken_again(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization, tier="lora")
    quoted = job.quoted_tokens or 0
    claim = claimed()
    save_checkpoint(claim, step=30, tokens=quoted)
    work_give_back(claim, drained=True)
    expire_hold(organization, job)
    work = work_load(claimed())
    work_succeeded(work, make_outcome(job, organization, quoted))

    assert row_of(organization, job.id).warnings == []
    assert_books(client_api, organization, job, trained=quoted)


def test_a_parked_accounts_segments_are_charged_to_the_hold_it_has(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization, tier="lora")
    work = work_load(claimed())
    with system_scope("test"):
        account_park(organization=organization, actor=SYSTEM_ACTOR, reason="The books differ.")
    save_checkpoint(work.claim, step=10, tokens=100)
    work_succeeded(work, make_outcome(job, organization, 200))

    assert segments(organization, job) == {"10": 100, "": 100}
    assert_books(client_api, organization, job, trained=200)


def test_a_segments_name_that_is_taken_does_not_stop_the_training(
    organization: OrganizationRef,
) -> None:
    job = make_job(organization, tier="lora")
    work = work_load(claimed())
    with system_scope("test"):
        usage_ingest(
            events=[
                UsageEventNew(
                    organization_id=organization.id,
                    source=SOURCE,
                    event_id=f"{public_id(JOB_PREFIX, job.id)}:10",
                    meter="prediction",
                    units=Decimal(1),
                    occurred_at=clock.now(),
                )
            ]
        )
    save_checkpoint(work.claim, step=10, tokens=100)
    assert token_balance(organization).consumed == 0
    work_succeeded(work, make_outcome(job, organization, 200))

    assert segments(organization, job) == {"": 200}
    assert token_balance(organization).consumed == 200
    assert drifts(organization) == ()


def test_a_released_hold_takes_no_segment(organization: OrganizationRef) -> None:
    job = make_job(organization, tier="lora")
    claim = claimed()
    with tenant_scope(organization):
        hold_release(organization=organization, hold_id=Hold.objects.get().id)
    save_checkpoint(claim, step=10, tokens=100)

    assert row_of(organization, job.id).progress["trained_tokens"] == 100
    assert segments(organization, job) == {}
    assert token_balance(organization).consumed == 0
