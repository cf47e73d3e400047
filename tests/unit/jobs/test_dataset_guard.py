"""A dataset that an unfinished job learns from, or is judged by, cannot be deleted."""

from uuid import UUID

import pytest

from anneal.kernel.ids import parse_id, public_id
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from mlworker.jobs.contracts import Fault
from mlworker.jobs.errors import DatasetInUse
from mlworker.jobs.models import FineTuningJob
from mlworker.jobs.rows import DatabaseClock
from mlworker.jobs.states import TERMINAL, JobState
from mlworker.jobs.working import work_failed
from tenants.datasets.contracts import DATASET_PREFIX, FILE_PREFIX, VERSION_PREFIX
from tenants.datasets.models import DatasetVersion
from tenants.datasets.services import dataset_delete
from tests.unit.jobs.factories import (
    claimed,
    make_dataset,
    make_job,
    make_other_dataset,
    queued_row,
)

pytestmark = pytest.mark.django_db

PARTS = ("training_file", "validation_file")


def _delete(organization: OrganizationRef, dataset: str) -> None:
    with tenant_scope(organization):
        dataset_delete(
            organization=organization,
            actor=SYSTEM_ACTOR,
            dataset_id=parse_id(DATASET_PREFIX, dataset),
        )


def _row_change(organization: OrganizationRef, job_id: UUID, **fields: object) -> None:
    with tenant_scope(organization):
        FineTuningJob.objects.filter(id=job_id).update(**fields)


def _names(organization: OrganizationRef, dataset: str) -> dict[str, str]:
    """How a job may name the rows of a dataset."""
    with tenant_scope(organization):
        version = DatasetVersion.objects.get(dataset_id=parse_id(DATASET_PREFIX, dataset))
    return {
        "dataset": dataset,
        "version": public_id(VERSION_PREFIX, version.id),
        "file": public_id(FILE_PREFIX, version.file_id),
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"state": JobState.QUEUED},
        {"state": JobState.PAUSED},
        {"state": JobState.RUNNING, "lease_until": DatabaseClock()},
    ],
)
def test_data_that_judges_an_unfinished_job_cannot_go(
    organization: OrganizationRef, fields: dict[str, object]
) -> None:
    validation = make_other_dataset(organization)
    job = make_job(organization, validation_file=validation)
    _row_change(organization, job.id, **fields)
    with pytest.raises(DatasetInUse):
        _delete(organization, validation)


@pytest.mark.parametrize("named", ["dataset", "version", "file"])
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("state", [JobState.VALIDATING, JobState.PAUSED])
def test_data_that_a_job_has_not_read_yet_cannot_go(
    organization: OrganizationRef, state: JobState, part: str, named: str
) -> None:
    dataset = make_dataset(organization)
    job_id = queued_row(organization)
    name = _names(organization, dataset)[named]
    _row_change(organization, job_id, state=state, **{part: name})
    with pytest.raises(DatasetInUse):
        _delete(organization, dataset)


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_it_can_go_when_the_job_has_ended(organization: OrganizationRef, state: JobState) -> None:
    validation = make_other_dataset(organization)
    job = make_job(organization, validation_file=validation)
    work_failed(claimed(), Fault("diverged", "ends"))
    _row_change(organization, job.id, state=state)
    _delete(organization, validation)


def test_other_data_can_go(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    used, other = make_other_dataset(organization), make_dataset(organization)
    make_job(organization, validation_file=used)
    make_job(other_organization, validation_file=make_other_dataset(other_organization))
    _delete(organization, other)


def test_a_file_is_read_once(organization: OrganizationRef) -> None:
    # given a job whose file has become another dataset's version
    dataset = make_dataset(organization)
    job = make_job(organization)
    name = _names(organization, dataset)["file"]
    _row_change(organization, job.id, training_file=name)
    # then the dataset that has the same file is not in its way
    _delete(organization, dataset)
