"""Jobs for tests: submitted through the service, or put in place in a state a test begins with."""

import io
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import F
from rest_framework.test import APIClient

from anneal.kernel import clock
from anneal.kernel.ids import public_id, uuid7
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from anneal.kernel.storage import object_put
from billing.ledger import functions
from billing.ledger.contracts import BalanceInfo
from billing.ledger.models import Grant
from billing.ledger.selectors import balance_get
from billing.ledger.services import balance_grant
from mlworker.jobs.claiming import job_claim
from mlworker.jobs.contracts import JOB_PREFIX, METER, Claim, JobInfo, JobRequest
from mlworker.jobs.forecasts import queue_places
from mlworker.jobs.models import FineTuningJob, JobEvent, StoredFiles
from mlworker.jobs.rows import DatabaseClock
from mlworker.jobs.services import fine_tuning_job_submit
from mlworker.jobs.states import JobState, Phase, StoredKind, StoredState
from mlworker.jobs.working import Outcome, checkpoint_ready, stored_begin
from tenants.datasets.services import dataset_create, dataset_create_sample
from tests.unit.registry.factories import LINEAGE


def make_dataset(organization: OrganizationRef) -> str:
    """Make the sample dataset; its public id."""
    with tenant_scope(organization):
        return dataset_create_sample(organization=organization, actor=SYSTEM_ACTOR).public_id


def make_other_dataset(organization: OrganizationRef) -> str:
    """Make a dataset of other rows with the sample's labels; its public id."""
    lines = "".join(f"other text {n},{('positive', 'negative')[n % 2]}\n" for n in range(60))
    return make_dataset_of(organization, lines)


def make_dataset_of(organization: OrganizationRef, lines: str, task: str = "auto") -> str:
    """Make a dataset of lines ``text,label``; its public id."""
    with tenant_scope(organization):
        return dataset_create(
            organization=organization,
            actor=SYSTEM_ACTOR,
            name="lines",
            source=io.BytesIO(f"text,label\n{lines}".encode()),
            filename="lines.csv",
            task=task,
        ).public_id


def make_job(organization: OrganizationRef, **fields: Any) -> JobInfo:
    """Submit a job on the sample dataset."""
    dataset = make_dataset(organization)
    body = {"model": "minilm-l6", "training_file": dataset, "tier": "head", "seed": 7, **fields}
    with tenant_scope(organization):
        return fine_tuning_job_submit(
            organization=organization, actor=SYSTEM_ACTOR, request=JobRequest(**body)
        )


def queued_row(organization: OrganizationRef, *, age: float = 0.0) -> UUID:
    """Put a bare queued job in place, ``age`` seconds old: no data, no hold."""
    row = FineTuningJob(
        id=uuid7(),
        organization_id=organization.id,
        organization_slug=organization.slug,
        state=JobState.QUEUED,
        phase=Phase.WAITING_FOR_WORKER,
        created_by="test",
        base="minilm-l6",
        tier="head",
        seed=1,
        training_file="ds_test",
        queued_at=clock.now() - timedelta(seconds=age),
    )
    with tenant_scope(organization):
        row.save(force_insert=True)
    return row.id


def queue_positions() -> dict[UUID, int]:
    """Return the places of the scope's queued jobs."""
    return {job_id: found.place for job_id, found in queue_places().items()}


def claimed(worker: str = "test-worker") -> Claim:
    """Claim the next job, which must be there."""
    claim = job_claim(worker=worker)
    assert claim is not None
    return claim


def row_of(organization: OrganizationRef, job_id: UUID) -> FineTuningJob:
    """Return a job's row as it is now."""
    with tenant_scope(organization):
        return FineTuningJob.objects.get(id=job_id)


def expire_lease(organization: OrganizationRef, job_id: UUID) -> None:
    """Make a job's lease end a minute ago."""
    with tenant_scope(organization):
        FineTuningJob.objects.filter(id=job_id).update(
            lease_until=DatabaseClock() - timedelta(minutes=1)
        )


def add_checkpoint(claim: Claim, *, step: int = 10) -> UUID:
    """Put a verified checkpoint of a claim in place."""
    with tenant_scope(claim.organization):
        row = StoredFiles(
            id=uuid7(),
            job_id=claim.job_id,
            kind=StoredKind.CHECKPOINT,
            state=StoredState.READY,
            fence=claim.fence,
            step=step,
            key=f"organizations/{claim.organization.id}/jobs/x/{step}.tar",
        )
        row.save(force_insert=True)
        return row.id


def save_checkpoint(claim: Claim, *, step: int, tokens: int, **figures: Any) -> UUID:
    """Save a checkpoint as a supervisor does, ``tokens`` trained in all; its row's id."""
    stored_id, key = stored_begin(claim, StoredKind.CHECKPOINT, step=step, epoch=step / 10)
    metrics = {"step": step, "trained_tokens": tokens, **figures}
    checkpoint_ready(
        claim, stored_id, object_put(key, b"bytes"), manifest_sha256="m", metrics=metrics
    )
    return stored_id


def make_outcome(job: JobInfo, organization: OrganizationRef, tokens: int) -> Outcome:
    """Return what a training of so many tokens hands over."""
    return Outcome(
        stored_id=uuid7(),
        stored=object_put(f"organizations/{organization.id}/jobs/{job.id}/model.tar", b"w"),
        labels=("negative", "positive"),
        max_length=128,
        metrics={"test": {"accuracy": 0.9}},
        lineage=LINEAGE,
        trained_tokens=tokens,
        seconds=2.0,
        early_stopped=False,
        progress={"step": 10, "total": 10},
    )


def age_job(organization: OrganizationRef, job_id: UUID, **ages: float) -> None:
    """Move timestamps of a job into the past by so many seconds."""
    changes = {name: F(name) - timedelta(seconds=seconds) for name, seconds in ages.items()}
    with tenant_scope(organization):
        FineTuningJob.objects.filter(id=job_id).update(**changes)


def event_codes(organization: OrganizationRef, job_id: UUID) -> list[str]:
    """Return the codes of a job's events in their order."""
    with tenant_scope(organization):
        rows = JobEvent.objects.filter(job_id=job_id).order_by("seq")
        return list(rows.values_list("code", flat=True))


def pay_in_money(organization: OrganizationRef, currency: str = "USD") -> None:
    """No tokens left, and more money than any job costs."""
    with tenant_scope(organization):
        for grant in Grant.objects.filter(unit=METER):
            functions.grant_void(organization_id=organization.id, grant_id=grant.id)
        balance_grant(
            organization=organization, unit=currency, amount=10**9, kind="purchased", source="paid"
        )


def token_balance(organization: OrganizationRef) -> BalanceInfo:
    """Return the balance of trained tokens."""
    with tenant_scope(organization):
        return balance_get(organization=organization, unit=METER)


def job_path(job_id: UUID, tail: str = "") -> str:
    """Return a job's address."""
    return f"/v1/fine_tuning/jobs/{public_id(JOB_PREFIX, job_id)}{tail}"


def create(client: APIClient, **body: Any) -> Any:
    """POST a job."""
    return client.post("/v1/fine_tuning/jobs", {"model": "minilm-l6", **body}, format="json")
