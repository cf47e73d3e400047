"""The claim: who is next, under which fence, and that nobody else may write."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest
from django.db import connection

from anneal.kernel import clock
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from mlworker.jobs.claiming import job_claim
from mlworker.jobs.contracts import Claim, Fault
from mlworker.jobs.errors import LeaseLost
from mlworker.jobs.limits import LEASE_SECONDS
from mlworker.jobs.models import FineTuningJob
from mlworker.jobs.rows import DatabaseClock
from mlworker.jobs.states import EventKind, JobState, Phase
from mlworker.jobs.working import (
    News,
    lease_renew,
    news_write,
    work_failed,
    work_give_back,
)
from tests.unit.conftest import DatabaseClone
from tests.unit.factories import make_organization
from tests.unit.jobs.factories import (
    age_job,
    claimed,
    event_codes,
    expire_lease,
    queue_positions,
    queued_row,
    row_of,
)
from tests.unit.kernel.committed import committed_organizations

WORKERS = 8


@pytest.mark.django_db
def test_nothing_waiting_gives_no_claim() -> None:
    assert job_claim(worker="w") is None


@pytest.mark.django_db
def test_a_claim_runs_the_job_under_a_lease(organization: OrganizationRef) -> None:
    job = queued_row(organization)
    claim = claimed("w")
    row = row_of(organization, job)
    assert (claim.job_id, claim.organization) == (job, organization)
    assert (row.state, row.worker, row.attempt, row.fence) == ("running", "w", 1, claim.fence)
    assert row.started_at is not None
    with tenant_scope(organization):
        left = FineTuningJob.objects.values_list(DatabaseClock() - "lease_until", flat=True)
        leased = FineTuningJob.objects.filter(
            lease_until__gt=DatabaseClock() + timedelta(seconds=LEASE_SECONDS - 10)
        )
        assert leased.count() == 1
        del left
    assert event_codes(organization, job) == ["job.started"]


@pytest.mark.django_db
def test_leases_live_by_the_database_clock_alone(organization: OrganizationRef) -> None:
    job = queued_row(organization)
    with clock.frozen(clock.now() + timedelta(days=400)):
        claim = claimed()
        lease_renew(claim)
    row = row_of(organization, job)
    assert row.lease_until is not None
    assert row.lease_until < clock.now() + timedelta(minutes=5)


@pytest.mark.django_db
def test_within_an_organization_the_oldest_is_first(organization: OrganizationRef) -> None:
    young, old = queued_row(organization, age=1), queued_row(organization, age=60)
    assert [claimed().job_id, claimed().job_id] == [old, young]


@pytest.mark.django_db
def test_an_organization_with_nothing_running_goes_before_one_that_flooded(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    flood = [queued_row(organization, age=100 - number) for number in range(20)]
    small = queued_row(other_organization)
    assert [claimed().job_id, claimed().job_id, claimed().job_id] == [flood[0], small, flood[1]]


@pytest.mark.django_db
def test_among_equals_the_longest_unserved_is_next(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    first = claimed_and_given_back(organization)
    second = claimed_and_given_back(other_organization)
    age_job(organization, first, claimed_at=60)
    assert claimed().job_id == first
    assert claimed().job_id == second


def claimed_and_given_back(organization: OrganizationRef) -> object:
    job = queued_row(organization, age=5)
    work_give_back(claimed(), drained=True)
    age_job(organization, job, claimed_at=1)
    return job


@pytest.mark.django_db
def test_ten_organizations_share_one_worker_evenly() -> None:
    organizations = [make_organization(f"org{number}") for number in range(10)]
    for _ in range(30):
        queued_row(organizations[0], age=500)
    for organization in organizations[1:]:
        queued_row(organization)
    served = []
    for _ in range(10):
        claim = claimed()
        served.append(claim.organization.id)
        work_failed(claim, Fault("invalid_data", "ends at once"))
    assert len(set(served)) == 10


@pytest.mark.django_db
def test_places_in_the_queue_follow_the_claims(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    mine = [queued_row(organization, age=50 - number) for number in range(3)]
    queued_row(other_organization, age=10)
    with tenant_scope(organization):
        assert queue_positions() == {mine[0]: 1, mine[1]: 3, mine[2]: 4}
    claimed()
    with tenant_scope(organization):
        assert queue_positions() == {mine[1]: 2, mine[2]: 3}


@pytest.mark.django_db
def test_an_old_fence_writes_nothing(organization: OrganizationRef) -> None:
    job = queued_row(organization)
    first = claimed("first")
    expire_lease(organization, job)
    work_give_back(first, drained=True)
    second = claimed("second")
    news = News(phase=Phase.TRAINING)
    news.add(EventKind.LOG, "from the dead")
    for write in (
        lambda: lease_renew(first),
        lambda: news_write(first, news),
        lambda: work_give_back(first, drained=False),
        lambda: work_failed(first, Fault("crashed", "x")),
    ):
        with pytest.raises(LeaseLost):
            write()
    row = row_of(organization, job)
    assert (row.state, row.phase, row.fence) == ("running", "starting", second.fence)
    assert "from the dead" not in str(event_codes(organization, job))


@pytest.mark.django_db
def test_fences_only_grow(organization: OrganizationRef) -> None:
    queued_row(organization)
    fences = []
    for _ in range(3):
        claim = claimed()
        fences.append(claim.fence)
        work_give_back(claim, drained=True)
    assert fences == sorted(set(fences))


@pytest.fixture
def committed(
    database_clone: DatabaseClone, django_db_setup: None, django_db_blocker: pytest.FixtureRequest
) -> Iterator[list[OrganizationRef]]:
    """Two organizations that every connection sees; their jobs are removed at the end."""
    with (
        django_db_blocker.unblock(),
        committed_organizations(database_clone, 2) as organizations,
    ):
        try:
            yield organizations
        finally:
            connection.close()
            with psycopg.connect(database_clone.app_url) as link:
                link.execute("SET ROLE anneal_system")
                ids = [organization.id for organization in organizations]
                for table in ("jobs_jobevent", "jobs_finetuningjob"):
                    link.execute(f"DELETE FROM {table} WHERE organization_id = ANY(%s)", [ids])


def in_threads(count: int) -> list[Claim | None]:
    """Claim from so many connections at the same moment."""
    ready = threading.Barrier(count)

    def one(number: int) -> Claim | None:
        try:
            connection.ensure_connection()
            ready.wait(20)
            return job_claim(worker=f"w{number}")
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_one_job_and_many_workers_make_one_claim(committed: list[OrganizationRef]) -> None:
    queued_row(committed[0])
    claims = [claim for claim in in_threads(WORKERS) if claim is not None]
    assert len(claims) == 1


def test_workers_that_ask_at_once_serve_both_organizations_in_turn(
    committed: list[OrganizationRef],
) -> None:
    for _ in range(6):
        queued_row(committed[0], age=60)
    for _ in range(2):
        queued_row(committed[1])
    claims = [claim for claim in in_threads(4) if claim is not None]
    assert len({claim.job_id for claim in claims}) == 4
    served = [claim.organization.id for claim in claims]
    assert served.count(committed[1].id) == 2


def test_a_job_held_by_another_transaction_is_passed_over(
    committed: list[OrganizationRef], database_clone: DatabaseClone
) -> None:
    held, free = queued_row(committed[0], age=60), queued_row(committed[0])
    with psycopg.connect(database_clone.app_url) as link:
        link.execute("SET ROLE anneal_system")
        link.execute("SELECT 1 FROM jobs_finetuningjob WHERE id = %s FOR UPDATE", [held])
        assert claimed().job_id == free
    assert row_of(committed[0], held).state == JobState.QUEUED
