"""What each room tells: by its own services, in their transaction, to those who listen."""

import io
import json
from datetime import timedelta

import pytest
from django.db import connection
from pytest_django import Settings
from rest_framework.test import APIClient

from anneal.kernel.ids import public_id
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.ledger import tasks
from mlworker.jobs.contracts import Fault
from mlworker.jobs.rows import job_locked
from mlworker.jobs.settling import job_cancel, job_fail
from mlworker.jobs.working import work_load, work_succeeded
from tenants.datasets import services
from tenants.datasets import tasks as dataset_tasks
from tenants.datasets.contracts import DatasetInfo
from tenants.webhooks.models import WebhookEvent
from tests.unit.billing.test_ledger_budgets import spend
from tests.unit.datasets.helpers import csv_of, good_rows
from tests.unit.jobs.factories import claimed, make_job, make_outcome, queued_row
from tests.unit.registry.factories import make_model_version
from tests.unit.webhooks.helpers import make_webhook

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def listening(organization: OrganizationRef, other_organization: OrganizationRef) -> None:
    for owner in (organization, other_organization):
        make_webhook(owner, "https://example.com/")


def told(organization: OrganizationRef) -> list[tuple[str, dict]]:
    with tenant_scope(organization):
        bodies = [json.loads(row.body) for row in WebhookEvent.objects.order_by("id")]
    return [(body["type"], body["data"]) for body in bodies]


def test_a_threshold_is_told_once_as_the_page_shows_it(
    client_api: APIClient, organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    spend(organization, 800)

    tasks.notify()
    tasks.notify()

    shown = client_api.get("/v1/billing/notices").json()["data"]
    names = ("id", "budget", "unit", "threshold", "used", "amount")
    wanted = sorted(([one[name] for name in names] for one in shown), key=lambda row: row[3])
    assert [(type_, list(data.values())) for type_, data in told(organization)] == [
        ("usage.threshold_reached", row) for row in wanted
    ]
    assert [row[3] for row in wanted] == [50, 80]
    assert told(other_organization) == []


def test_jobs_tell_how_they_ended(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    done = make_job(organization, tier="lora")
    work_succeeded(work_load(claimed()), make_outcome(done, organization, 10))
    cancelled, failed = queued_row(organization), queued_row(organization)
    with tenant_scope(organization):
        job_cancel(job_locked(cancelled))
    with system_scope("the reaper ends jobs in a system scope"):
        job_fail(job_locked(failed), Fault("crashed", "The trainer died."))

    assert [row for row in told(organization) if row[0].startswith("fine_tuning")] == [
        ("fine_tuning.job.succeeded", {"id": done.public_id}),
        ("fine_tuning.job.cancelled", {"id": public_id("ftjob-", cancelled)}),
        ("fine_tuning.job.failed", {"id": public_id("ftjob-", failed)}),
    ]
    assert told(other_organization) == []


def add_dataset(organization: OrganizationRef, data: bytes) -> DatasetInfo:
    with tenant_scope(organization):
        return services.dataset_create(
            organization=organization,
            actor=SYSTEM_ACTOR,
            name="d",
            source=io.BytesIO(data),
            filename="d.csv",
        )


def test_datasets_tell_that_they_were_read_at_once_later_and_never(
    organization: OrganizationRef, other_organization: OrganizationRef, settings: Settings
) -> None:
    settings.DATASET_LIMITS = {"quick_rows": 50, "sample_rows": 20}
    short = add_dataset(organization, csv_of(good_rows(20)))
    long = add_dataset(organization, csv_of(good_rows(60)))
    assert len(told(organization)) == 1
    ids = {"organization_id": str(organization.id), "version_id": str(long.latest.id)}
    dataset_tasks.build(**ids)
    dataset_tasks.build(**ids)
    broken = add_dataset(organization, csv_of(good_rows(60)) + b"one,two,three\n")
    dataset_tasks.build(**ids | {"version_id": str(broken.latest.id)})
    hopeless = add_dataset(organization, csv_of(good_rows(60)))
    with system_scope("test"), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE datasets_datasetversion SET attempts = 3, created_at = created_at - %s"
            " WHERE id = %s",
            [timedelta(hours=1), hopeless.latest.id],
        )
    dataset_tasks.sweep()

    assert told(organization) == [
        (type_, {"id": info.public_id, "version": info.latest.public_id})
        for type_, info in (
            ("dataset.ready", short),
            ("dataset.ready", long),
            ("dataset.failed", broken),
            ("dataset.failed", hopeless),
        )
    ]
    assert told(other_organization) == []


def test_deployments_tell_where_they_point(
    client_api: APIClient, organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    first = make_model_version(organization, suffix="first").name
    second = make_model_version(organization, suffix="second").name
    body = {"name": "reviews", "model": first}
    deployment = client_api.post("/v1/deployments", body, format="json").json()["id"]
    address = f"/v1/deployments/{deployment}"
    client_api.post(f"{address}/promote", {"model": second}, format="json")
    client_api.post(f"{address}/rollback", {}, format="json")

    assert [row for row in told(organization) if row[0].startswith("deployment")] == [
        (type_, {"id": deployment, "name": "reviews", "model": model, "revision": revision})
        for type_, model, revision in (
            ("deployment.promoted", second, 2),
            ("deployment.rolled_back", first, 3),
        )
    ]
    assert told(other_organization) == []
