"""What passes by itself ends no job: a storage that is away, a suspension, a reader that dies."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from anneal.kernel.errors import StorageUnavailable
from anneal.kernel.ids import parse_id
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from anneal.kernel.storage import object_open, object_put
from mlworker.jobs.contracts import JOB_PREFIX
from mlworker.jobs.errors import STALLED_LIMIT
from mlworker.jobs.supervisor.persistence import persist
from mlworker.jobs.validation import job_validate
from tenants.accounts.services import organization_restore, organization_suspend
from tenants.datasets.models import File
from tenants.datasets.samples import sample_csv
from tests.unit.jobs.factories import claimed, create, expire_lease, row_of, token_balance

pytestmark = pytest.mark.django_db


@pytest.fixture
def job_id(client_api: APIClient) -> UUID:
    """A job whose file waits to be read."""
    body = {"file": SimpleUploadedFile("reviews.csv", sample_csv()), "purpose": "fine-tune"}
    file = client_api.post("/v1/files", body, format="multipart").json()["id"]
    return parse_id(JOB_PREFIX, create(client_api, training_file=file, tier="head").json()["id"])


@contextmanager
def unreadable(key: str) -> Iterator[None]:
    """A folder in the place of an object: the storage answers with a fault of its own."""
    path = Path(default_storage.path(key))
    aside = path.with_suffix(".aside")
    path.rename(aside)
    path.mkdir()
    try:
        yield
    finally:
        path.rmdir()
        aside.rename(path)


def _told(organization: OrganizationRef, job_id: UUID) -> tuple[str, str]:
    row = row_of(organization, job_id)
    return row.state, row.phase


def test_a_file_is_read_when_the_storage_is_back(
    organization: OrganizationRef, job_id: UUID
) -> None:
    with tenant_scope(organization):
        key = File.objects.get().storage_key
    with unreadable(key):
        job_validate(organization=organization, job_id=job_id)
        assert _told(organization, job_id) == ("validating_files", "waiting_for_data")
    job_validate(organization=organization, job_id=job_id)
    assert row_of(organization, job_id).state == "queued"


def test_a_suspended_organizations_file_is_read_when_it_is_restored(
    organization: OrganizationRef, job_id: UUID
) -> None:
    with system_scope("test"):
        organization_suspend(organization=organization, actor=SYSTEM_ACTOR, reason="unpaid")
    job_validate(organization=organization, job_id=job_id)
    assert _told(organization, job_id) == ("validating_files", "waiting_for_data")
    with system_scope("test"):
        organization_restore(organization=organization, actor=SYSTEM_ACTOR)
    job_validate(organization=organization, job_id=job_id)
    row = row_of(organization, job_id)
    assert row.state == "paused"
    assert token_balance(organization).held == row.quoted_tokens


def _die_reading(
    organization: OrganizationRef, job_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read as a worker that dies of it, and let its lease run out."""

    def die(**_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as broken, pytest.raises(MemoryError):
        broken.setattr("mlworker.jobs.validation.source_read", die)
        job_validate(organization=organization, job_id=job_id)
    expire_lease(organization, job_id)


def test_a_file_that_kills_its_readers_ends_the_job(
    organization: OrganizationRef, job_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(STALLED_LIMIT):
        _die_reading(organization, job_id, monkeypatch)
        assert row_of(organization, job_id).state == "validating_files"
    job_validate(organization=organization, job_id=job_id)
    row = row_of(organization, job_id)
    assert (row.state, row.error["code"]) == ("failed", "worker_lost")


def test_readers_that_died_count_no_more_once_the_job_is_queued(
    organization: OrganizationRef, job_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(STALLED_LIMIT - 1):
        _die_reading(organization, job_id, monkeypatch)
    job_validate(organization=organization, job_id=job_id)
    row = row_of(organization, job_id)
    assert (row.state, row.stalled_attempts) == ("queued", 0)
    assert claimed().job_id == job_id


def test_what_is_stored_waits_for_the_storage() -> None:
    key = f"tests/{uuid4().hex}.bin"
    path = Path(default_storage.path(key))
    path.mkdir(parents=True)
    with pytest.raises(StorageUnavailable):
        object_put(key, b"bytes")
    threading.Timer(0.5, path.rmdir).start()
    persist(lambda: object_put(key, b"bytes"))
    with object_open(key) as stored:
        assert stored.read() == b"bytes"
