"""How long: measured speeds before a job, the wait in the queue, and the fair share of a flood."""

import time
from decimal import Decimal
from statistics import median

import pytest

from anneal.kernel import clock
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from mlworker.jobs.claiming import job_claim
from mlworker.jobs.contracts import Fault
from mlworker.jobs.forecasts import queue_places, seconds_expected
from mlworker.jobs.models import FineTuningJob
from mlworker.jobs.working import work_failed, work_load, work_succeeded
from tests.unit.factories import make_client, make_organization
from tests.unit.jobs.factories import (
    claimed,
    job_path,
    make_dataset,
    make_job,
    make_outcome,
    queued_row,
    row_of,
    save_checkpoint,
)

pytestmark = pytest.mark.django_db


def _measured(organization: OrganizationRef, **fields: object) -> None:
    """Leave a finished job that was so fast."""
    job = queued_row(organization)
    work_failed(claimed(), Fault("invalid_data", "ends at once"))
    with tenant_scope(organization):
        FineTuningJob.objects.filter(id=job).update(device="cpu", **fields)


def _expected(organization: OrganizationRef, tokens: int = 10_000) -> tuple[float, float, int, str]:
    with tenant_scope(organization):
        found = seconds_expected(base="minilm-l6", tier="head", tokens=tokens)
    return found.seconds_p50, found.seconds_p90, found.measured_jobs, found.device


def test_before_the_first_job_an_estimate_says_that_nothing_was_measured(
    organization: OrganizationRef,
) -> None:
    usual, late, jobs, device = _expected(organization)
    assert usual < late
    assert (jobs, device) == (0, "")


def test_speeds_of_everybodys_jobs_are_known_without_naming_them(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    for speed in (100.0, 200.0, 300.0):
        _measured(other_organization, tokens_per_second=speed, overhead_seconds=2.0)
    usual, late, jobs, device = _expected(organization)
    assert usual == pytest.approx(2.0 + 10_000 / 200.0)
    assert late == pytest.approx(2.0 + 10_000 / 120.0)
    assert (jobs, device) == (3, "cpu")


def test_speeds_of_another_device_or_tier_are_not_mixed_in(organization: OrganizationRef) -> None:
    _measured(organization, tokens_per_second=9_000.0)
    with tenant_scope(organization):
        FineTuningJob.objects.update(device="an accelerator that was taken out")
    _measured(organization, tokens_per_second=9_000.0)
    with tenant_scope(organization):
        FineTuningJob.objects.filter(device="cpu").update(tier="lora")
    _measured(organization, tokens_per_second=100.0, overhead_seconds=1.0)
    assert _expected(organization) == (101.0, 101.0, 1, "cpu")


def test_a_checkpoint_already_tells_the_speed(organization: OrganizationRef) -> None:
    job = make_job(organization)
    claim = claimed()
    with tenant_scope(organization):
        FineTuningJob.objects.filter(id=job.id).update(progress={"device": "cpu"})
    save_checkpoint(claim, step=5, tokens=500, tokens_per_second=250.0)
    assert _expected(organization)[2:] == (1, "cpu")
    assert row_of(organization, job.id).tokens_per_second == 250.0


def test_an_estimate_tells_what_its_seconds_go_by(organization: OrganizationRef) -> None:
    dataset = make_dataset(organization)
    body = {"model": "minilm-l6", "training_file": dataset, "tier": "head", "seed": 7}
    client = make_client(organization)

    def ask() -> dict[str, object]:
        answer = client.post("/v1/fine_tuning/jobs/estimate", body, format="json")
        found: dict[str, object] = answer.json()
        return found

    before = ask()
    job = make_job(organization)
    claim = claimed()
    work = work_load(claim)
    outcome = make_outcome(job, organization, 400)
    work_succeeded(work, outcome)
    after = ask()
    assert (before["measured_jobs"], before["device"]) == (0, None)
    assert after["measured_jobs"] == 1
    assert Decimal(str(after["price"])) == Decimal(str(before["price"]))
    assert row_of(organization, job.id).tokens_per_second == 200.0


def test_a_queued_job_tells_when_it_will_start_and_end(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    running, first, mine = (queued_row(organization, age=30 - n) for n in range(3))
    theirs = queued_row(other_organization, age=5)
    for owner, job, expected in (
        (organization, running, 100.0),
        (organization, first, 10.0),
        (organization, mine, 20.0),
        (other_organization, theirs, 40.0),
    ):
        with tenant_scope(owner):
            FineTuningJob.objects.filter(id=job).update(expected_seconds=expected)
    assert claimed().job_id == running
    with tenant_scope(organization):
        FineTuningJob.objects.filter(id=running).update(progress={"eta_seconds": 7.5})
        places = {job: (found.place, found.seconds) for job, found in queue_places().items()}
    # Theirs goes first: they have nothing running.
    assert places == {first: (2, 47.5), mine: (3, 57.5)}
    with clock.frozen(clock.now()):
        body = make_client(organization).get(job_path(mine)).json()
        now = clock.now().timestamp()
    assert body["queue_position"] == 3
    assert body["estimated_start"] == int(now + 57.5)
    assert body["estimated_finish"] == int(now + 77.5)


def test_two_workers_halve_the_wait(organization: OrganizationRef) -> None:
    for _ in range(2):
        job = queued_row(organization, age=60)
        assert job_claim(worker=f"worker-{job}") is not None
    with tenant_scope(organization):
        FineTuningJob.objects.update(progress={"eta_seconds": 10.0})
    waiting = queued_row(organization)
    with tenant_scope(organization):
        assert queue_places()[waiting].seconds == pytest.approx(10.0)


def _flood(jobs: int) -> tuple[list[OrganizationRef], float]:
    """Ten organizations, the first with so many jobs; who is served, and how long a claim takes."""
    organizations = [make_organization(f"flood{number}") for number in range(10)]
    first = queued_row(organizations[0], age=900)
    template = row_of(organizations[0], first)
    rows = []
    for _ in range(jobs - 1):
        row = FineTuningJob(
            **{f.attname: getattr(template, f.attname) for f in template._meta.fields}
        )
        row.id = FineTuningJob._meta.get_field("id").get_default()
        rows.append(row)
    with tenant_scope(organizations[0]):
        FineTuningJob.objects.bulk_create(rows, batch_size=1000)
    for organization in organizations[1:]:
        queued_row(organization)
    served, took = [], []
    for _ in range(20):
        began = time.perf_counter()
        claim = claimed()
        took.append(time.perf_counter() - began)
        served.append(claim.organization)
        work_failed(claim, Fault("invalid_data", "ends at once"))
    return served, median(took)


def _assert_fair(jobs: int) -> None:
    served, seconds = _flood(jobs)
    # Everybody's first job is among the first ten; only the flood is left for the other ten.
    assert len({organization.id for organization in served[:10]}) == 10
    assert {organization.slug for organization in served[10:]} == {served[0].slug}
    assert seconds < 1.0


def test_a13_a_flood_delays_nobody_elses_first_job() -> None:
    _assert_fair(500)


@pytest.mark.slow
def test_a13_a_flood_of_five_thousand_delays_nobody_elses_first_job() -> None:
    _assert_fair(5_000)


@pytest.mark.slow
def test_the_places_of_five_thousand_jobs_are_told_within_a_second() -> None:
    served, _ = _flood(5_000)
    with tenant_scope(served[0]):
        began = time.perf_counter()
        places = queue_places()
        took = time.perf_counter() - began
    assert len(places) > 4_900
    assert took < 1.0
