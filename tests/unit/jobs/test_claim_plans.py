"""Plans in the queue: how many jobs run at once, and a priority that keeps nobody out."""

from typing import Any

import pytest

from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.plans.services import subscription_change
from mlworker.jobs.claiming import job_claim
from mlworker.jobs.contracts import Fault
from mlworker.jobs.working import work_failed, work_give_back
from tests.unit.jobs.factories import age_job, claimed, queue_positions, queued_row

pytestmark = pytest.mark.django_db


def put_on(organization: OrganizationRef, plan: str) -> None:
    with tenant_scope(organization):
        subscription_change(organization=organization, actor=SYSTEM_ACTOR, plan=plan, assigned=True)


def served(organization: OrganizationRef, seconds_ago: float) -> None:
    """Let the organization's last claim be so long ago."""
    job = queued_row(organization)
    claim = claimed()
    assert claim.job_id == job
    work_failed(claim, Fault("invalid_data", "ends at once"))
    age_job(organization, job, claimed_at=seconds_ago)


def test_a_plan_runs_as_many_jobs_at_once_as_it_allows(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    put_on(organization, "starter")  # two at once
    for _ in range(3):
        queued_row(organization, age=100)
    first, _ = claimed(), claimed()

    assert job_claim(worker="w") is None
    queued_row(other_organization)
    assert claimed().organization == other_organization
    assert job_claim(worker="w") is None

    work_give_back(first, drained=True)
    assert claimed().organization == organization


def test_without_a_plan_the_installations_limit_rules(
    organization: OrganizationRef, settings: Any
) -> None:
    for _ in range(3):
        queued_row(organization)
    settings.ANNEAL_DEFAULT_LIMITS = {"concurrency": 1}
    claimed()
    assert job_claim(worker="w") is None
    settings.ANNEAL_DEFAULT_LIMITS = {}
    claimed()
    assert job_claim(worker="w") is not None


def test_a_better_plan_has_a_head_start_and_no_more(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    """`free` has priority 80, `pro` 20: sixty points are six minutes."""
    put_on(organization, "free")
    put_on(other_organization, "pro")
    served(organization, 400)
    served(other_organization, 60)
    mine, theirs = queued_row(organization), queued_row(other_organization)
    with tenant_scope(organization):
        assert queue_positions()[mine] == 2
    with tenant_scope(other_organization):
        assert queue_positions()[theirs] == 1
    claim = claimed()
    assert claim.job_id == theirs
    work_give_back(claim, drained=True)

    age_job(other_organization, theirs, claimed_at=30)

    with tenant_scope(organization):
        assert queue_positions()[mine] == 1
    assert claimed().job_id == mine


def test_newcomers_wait_for_a_better_plan_for_minutes_at_most(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    put_on(organization, "free")
    put_on(other_organization, "pro")
    old = queued_row(organization, age=350)
    young = queued_row(other_organization)

    claim = claimed()
    assert claim.job_id == young
    work_failed(claim, Fault("invalid_data", "ends at once"))
    again = queued_row(other_organization)
    # Whoever was never served goes before whoever was, on whichever plan.
    assert [claimed().job_id, claimed().job_id] == [old, again]


def test_a_priority_never_beats_who_has_fewer_jobs_running(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    put_on(organization, "free")
    put_on(other_organization, "pro")
    for _ in range(4):
        queued_row(other_organization, age=900)
    queued_row(organization)

    assert [claimed().organization for _ in range(3)] == [
        other_organization,
        organization,
        other_organization,
    ]
