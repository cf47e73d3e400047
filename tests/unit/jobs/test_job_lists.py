"""Jobs, events and checkpoints as the API shows them, and at what cost."""

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from anneal.kernel.principal import Role
from anneal.kernel.scopes import OrganizationRef
from mlworker.jobs.states import EventKind
from mlworker.jobs.working import News, news_write
from tests.unit.factories import make_client
from tests.unit.jobs.factories import (
    claimed,
    create,
    job_path,
    make_dataset,
    make_job,
    queued_row,
)

pytestmark = pytest.mark.django_db

OPENAI_FIELDS = {
    "id",
    "object",
    "created_at",
    "finished_at",
    "estimated_finish",
    "model",
    "fine_tuned_model",
    "organization_id",
    "status",
    "hyperparameters",
    "method",
    "seed",
    "training_file",
    "validation_file",
    "result_files",
    "trained_tokens",
    "error",
    "integrations",
    "metadata",
}
LIST_QUERIES = 10
"""Authentication, the scope's own statements, the queue's places and one for the rows."""


def test_a_job_has_every_field_of_openais(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    body = client_api.get(job_path(make_job(organization).id)).json()
    assert body.keys() >= OPENAI_FIELDS
    assert body["object"] == "fine_tuning.job"
    assert body["queue_position"] == 1
    assert body["progress"]["step"] == 0


def test_progress_is_shown_while_it_runs(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization)
    progress = {"step": 5, "total": 20, "epoch": 0.5, "rows_per_second": 80.0, "eta_seconds": 30.0}
    news_write(claimed(), News(progress=progress))
    body = client_api.get(job_path(job.id)).json()
    assert progress.items() <= body["progress"].items()
    assert body["estimated_finish"] > body["started_at"]
    assert body["queue_position"] is None


@pytest.mark.parametrize("rows", [1, 12])
def test_listing_costs_the_same_whatever_the_length(
    client_api: APIClient,
    organization: OrganizationRef,
    django_assert_max_num_queries: DjangoAssertNumQueries,
    rows: int,
) -> None:
    for _ in range(rows):
        queued_row(organization)
    with django_assert_max_num_queries(LIST_QUERIES):
        body = client_api.get("/v1/fine_tuning/jobs?limit=100").json()
    assert len(body["data"]) == rows


def test_jobs_come_in_pages_newest_first(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    for _ in range(3):
        queued_row(organization)
    first = client_api.get("/v1/fine_tuning/jobs?limit=2").json()
    assert first["has_more"] is True
    rest = client_api.get(f"/v1/fine_tuning/jobs?limit=2&after={first['last_id']}").json()
    assert rest["has_more"] is False
    ids = [job["id"] for job in first["data"] + rest["data"]]
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 3


def test_jobs_are_found_by_metadata(organization: OrganizationRef) -> None:
    dataset = make_dataset(organization)
    client = make_client(organization)
    wanted = create(client, training_file=dataset, tier="head", metadata={"team": "a"}).json()["id"]
    create(client, training_file=dataset, tier="head", metadata={"team": "b"})
    found = client.get("/v1/fine_tuning/jobs", {"metadata[team]": "a"}).json()["data"]
    assert [job["id"] for job in found] == [wanted]


def test_another_organizations_jobs_are_not_listed(
    client_api: APIClient, other_organization: OrganizationRef
) -> None:
    queued_row(other_organization)
    assert client_api.get("/v1/fine_tuning/jobs").json()["data"] == []


def test_events_page_in_the_order_of_their_numbers(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization)
    news = News()
    for number in range(30):
        news.add(EventKind.LOG, f"line {number}")
    news_write(claimed(), news)
    path = job_path(job.id, "/events")
    first = client_api.get(f"{path}?limit=20").json()
    rest = client_api.get(f"{path}?limit=20&after={first['last_id']}").json()
    messages = [event["message"] for event in first["data"] + rest["data"]]
    assert messages[:30] == [f"line {number}" for number in range(29, -1, -1)]
    assert messages[30] == "Fine-tuning job started."
    assert (first["has_more"], rest["has_more"]) == (True, False)


def test_a_metric_is_openais_metrics_event(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    job = make_job(organization)
    news = News()
    news.add(EventKind.METRIC, "Step 1/2: training loss=0.5000", data={"train_loss": 0.5})
    news_write(claimed(), news)
    event = client_api.get(job_path(job.id, "/events?limit=1")).json()["data"][0]
    assert (event["object"], event["type"]) == ("fine_tuning.job.event", "metrics")
    assert event["data"] == {"train_loss": 0.5}


def test_events_of_another_job_are_no_page_mark(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    one, two = make_job(organization), make_job(organization)
    mark = client_api.get(job_path(one.id, "/events")).json()["last_id"]
    assert client_api.get(job_path(two.id, f"/events?after={mark}")).status_code == 404


@pytest.mark.parametrize("limit", ["0", "101", "x", "-1", "1" * 40])
def test_a_bad_limit_is_refused(
    client_api: APIClient, organization: OrganizationRef, limit: str
) -> None:
    job = make_job(organization)
    assert client_api.get(job_path(job.id, f"/events?limit={limit}")).status_code == 400
    assert client_api.get(f"/v1/fine_tuning/jobs?limit={limit}").status_code == 400


def test_a_viewer_reads_but_cannot_write(organization: OrganizationRef) -> None:
    job = make_job(organization)
    viewer = make_client(organization, Role.VIEWER)
    for tail in ("", "/events", "/checkpoints"):
        assert viewer.get(job_path(job.id, tail)).status_code == 200
