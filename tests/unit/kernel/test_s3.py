"""Object storage over S3: the same functions and an upload, against a server on this machine."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID, uuid4

import boto3
import pytest
from botocore.config import Config
from django.core.files.uploadedfile import SimpleUploadedFile
from moto.server import ThreadedMotoServer
from pytest_django import Settings
from rest_framework.test import APIClient

from anneal.kernel.errors import StorageUnavailable
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from anneal.kernel.storage import (
    object_delete,
    object_exists,
    object_open,
    object_put,
    tenant_key,
)
from anneal.settings.storage import storage_settings
from tenants.datasets.selectors import dataset_version_read, dataset_version_resolve
from tests.unit.factories import error_of

ACME = OrganizationRef(id=UUID(int=7), slug="acme")
LOGIN = {"aws_access_key_id": "key", "aws_secret_access_key": "s/e+c"}
ROWS = "".join(f"a {'good' if n % 2 else 'bad'} film {n},{n % 2}\n" for n in range(40))


@dataclass
class Bucket:
    """A bucket of the server, and the URL that an operator would write."""

    server: ThreadedMotoServer
    endpoint: str
    name: str

    @property
    def url(self) -> str:
        return (
            f"s3://key:s%2Fe%2Bc@{self.name}/house?endpoint_url={self.endpoint}"
            "&region_name=us-east-1&addressing_style=path"
        )

    def stored(self) -> list[str]:
        listed = self.client().list_objects_v2(Bucket=self.name)
        return [found["Key"] for found in listed.get("Contents", [])]

    def client(self):  # type: ignore[no-untyped-def] # boto3 ships no types
        config = Config(s3={"addressing_style": "path"})
        return boto3.client(
            "s3", endpoint_url=self.endpoint, region_name="us-east-1", config=config, **LOGIN
        )


@pytest.fixture
def bucket(settings: Settings) -> Iterator[Bucket]:
    """An empty bucket behind the installation's storage."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    # What the server keeps outlives it within the process, so each test has a bucket of its own.
    made = Bucket(server, f"http://{host}:{port}", f"anneal-{uuid4().hex}")
    try:
        made.client().create_bucket(Bucket=made.name)
        settings.STORAGES = {**settings.STORAGES, "default": storage_settings(made.url)}
        yield made
    finally:
        server.stop()


def test_objects_are_kept_replaced_and_removed(bucket: Bucket) -> None:
    key = tenant_key(ACME, "tests", "a.bin")

    stored = object_put(key, io.BytesIO(b"one"))
    object_put(key, b"three")

    assert (stored.size, stored.sha256[:8]) == (3, "7692c3ad")
    assert bucket.stored() == [f"house/{key}"]
    assert object_exists(key)
    with object_open(key) as file:
        assert (file.read(2), file.seek(0), file.read()) == (b"th", 0, b"three")
    object_delete(key)
    object_delete(key)
    assert not object_exists(key)
    with pytest.raises(FileNotFoundError):
        object_open(key)


def test_a_dataset_is_uploaded_read_downloaded_and_deleted(
    bucket: Bucket, client_api: APIClient, organization: OrganizationRef
) -> None:
    content = f"text,label\n{ROWS}".encode()
    upload = {"file": SimpleUploadedFile("films.csv", content), "name": "films"}

    made = client_api.post("/v1/datasets", upload, format="multipart").json()

    assert (made["status"], made["rows"]) == ("ready", 40)
    rows = client_api.get(f"/v1/datasets/{made['id']}/rows?limit=100&search=good").json()["data"]
    assert [row["id"] for row in rows[:2]] == [3, 5]
    file = made["latest_version"]["file"]
    assert b"".join(client_api.get(f"/v1/files/{file}/content")) == content
    with tenant_scope(organization):
        version = dataset_version_resolve(organization=organization, reference=made["id"])
        table = dataset_version_read(organization=organization, version_id=version.id)
    assert table.num_rows == 40
    remapped = client_api.post(
        f"/v1/datasets/{made['id']}/versions",
        {"column_mapping": {"text": "text", "label": "label"}},
        format="json",
    )
    assert remapped.status_code == 201
    assert len(bucket.stored()) == 3
    assert all(f"/{organization.id}/" in key for key in bucket.stored())


def test_a_storage_that_is_away_is_a_503_and_leaves_nothing(
    bucket: Bucket, client_api: APIClient
) -> None:
    bucket.server.stop()
    upload = {"file": SimpleUploadedFile("films.csv", f"text,label\n{ROWS}".encode())}

    answer = client_api.post("/v1/datasets", upload, format="multipart")

    assert (answer.status_code, error_of(answer)["code"]) == (503, "storage_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert client_api.get("/v1/datasets").json()["data"] == []
    for call in (object_exists, object_open, object_delete):
        with pytest.raises(StorageUnavailable):
            call("organizations/x")
