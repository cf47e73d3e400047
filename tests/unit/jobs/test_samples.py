"""Best and worst rows of the last evaluations, over the API."""

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from anneal.kernel.ids import parse_id
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from mlworker.jobs.contracts import Claim, Fault, JobInfo
from mlworker.jobs.states import EventKind
from mlworker.jobs.working import News, news_write, work_failed
from tenants.datasets.contracts import DATASET_PREFIX
from tenants.datasets.services import dataset_delete
from tests.unit.factories import error_of, make_client
from tests.unit.jobs.factories import (
    claimed,
    create,
    job_path,
    make_dataset,
    make_job,
    make_other_dataset,
)

pytestmark = pytest.mark.django_db


def _evaluated(claim: Claim, step: int, **sample: Any) -> None:
    """Write what a supervisor writes after an evaluation, and after a step without one."""
    news = News()
    rows = {"worst": [{"row": "5", "loss": 2.5, **sample}], "best": [{"row": "7", "loss": 0.1}]}
    data = {"step": step, "epoch": 0.5, "samples": rows}
    news.add(EventKind.METRIC, "Evaluated.", code="metric", data=data)
    news.add(EventKind.METRIC, "A step.", code="metric", data={"step": step + 1, "epoch": 0.6})
    news_write(claim, news)


@pytest.fixture
def job(organization: OrganizationRef) -> JobInfo:
    return make_job(organization, tier="lora")


def test_the_newest_evaluation_comes_with_its_texts(job: JobInfo, client_api: APIClient) -> None:
    claim = claimed()
    _evaluated(claim, 6)
    _evaluated(claim, 12, label="positive", predicted="negative")
    path = job_path(job.id, "/samples")
    (newest,) = client_api.get(path).json()["data"]
    (worst,), (best,) = newest["worst"], newest["best"]
    assert (newest["step"], newest["epoch"], newest["part"]) == (12, 0.5, None)
    assert (worst["row"], worst["loss"]) == (5, 2.5)
    assert (worst["label"], worst["predicted"]) == ("positive", "negative")
    assert (best["label"], best["predicted"]) == (None, None)
    assert worst["text"]
    assert worst["text"] != best["text"]
    steps = [each["step"] for each in client_api.get(path, {"limit": 5}).json()["data"]]
    assert steps == [12, 6]


def test_a_job_that_has_evaluated_nothing_has_none(job: JobInfo, client_api: APIClient) -> None:
    assert client_api.get(job_path(job.id, "/samples")).json() == {"object": "list", "data": []}


def test_a_second_files_rows_are_read_from_it(
    client_api: APIClient, organization: OrganizationRef
) -> None:
    mine, other = make_dataset(organization), make_other_dataset(organization)
    made = create(client_api, training_file=mine, validation_file=other, tier="lora").json()
    claim = claimed()
    _evaluated(claim, 6)
    work_failed(claim, Fault("diverged", "ends"))
    with tenant_scope(organization):
        dataset_id = parse_id(DATASET_PREFIX, other)
        dataset_delete(organization=organization, actor=SYSTEM_ACTOR, dataset_id=dataset_id)
    path = f"/v1/fine_tuning/jobs/{made['id']}/samples"
    (found,) = client_api.get(path).json()["data"]
    assert (found["worst"][0]["row"], found["worst"][0]["text"]) == (5, None)


@pytest.mark.parametrize("limit", [0, 21, "many"])
def test_a_wrong_limit_is_refused(limit: object, job: JobInfo, client_api: APIClient) -> None:
    answer = client_api.get(job_path(job.id, "/samples"), {"limit": limit})
    assert (answer.status_code, error_of(answer)["param"]) == (400, "limit")


def test_nobody_else_reads_them(job: JobInfo, other_organization: OrganizationRef) -> None:
    answer = make_client(other_organization).get(job_path(job.id, "/samples"))
    assert answer.status_code == 404


def test_more_evaluations_take_no_more_queries(
    job: JobInfo, client_api: APIClient, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    path = job_path(job.id, "/samples")
    claim = claimed()
    _evaluated(claim, 6)
    client_api.get(path)
    with django_assert_num_queries(9):
        client_api.get(path)
    for step in (12, 18, 24):
        _evaluated(claim, step)
    with django_assert_num_queries(9):
        assert len(client_api.get(path, {"limit": 20}).json()["data"]) == 4
