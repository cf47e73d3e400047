"""Long files: the same reading in the background, once, whatever dies on the way."""

import io
from datetime import timedelta

import pytest
from django.db import connection

from anneal.kernel.ids import uuid7
from anneal.kernel.models import OutboxMessage
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from tenants.datasets import services, tasks
from tenants.datasets.contracts import (
    ColumnMapping,
    DatasetInfo,
    DatasetVersionInfo,
    FilePurpose,
    VersionStatus,
)
from tenants.datasets.errors import DatasetInvalid, DatasetNotReady, UploadRefused
from tenants.datasets.models import DatasetVersion
from tenants.datasets.selectors import (
    dataset_version_get,
    dataset_version_read,
    dataset_version_resolve,
)
from tenants.datasets.services.versions import build_claim, build_finish, claimed_build
from tests.unit.datasets.helpers import csv_of, good_rows

pytestmark = pytest.mark.django_db

ACTOR = Actor(kind="user", id=uuid7(), label="ann@example.com")
LONG = csv_of(good_rows(60))


@pytest.fixture(autouse=True)
def quick_is_fifty_rows(settings: pytest.FixtureRequest) -> None:
    settings.DATASET_LIMITS = {"quick_rows": 50, "sample_rows": 20}  # type: ignore[attr-defined] # pytest-django's


def made(organization: OrganizationRef, data: bytes = LONG) -> DatasetInfo:
    with tenant_scope(organization):
        return services.dataset_create(
            organization=organization,
            actor=ACTOR,
            name="Long",
            source=io.BytesIO(data),
            filename="long.csv",
        )


def fetched(organization: OrganizationRef, info: DatasetInfo) -> DatasetVersionInfo:
    with tenant_scope(organization):
        return dataset_version_get(organization=organization, version_id=info.latest.id)


def messages() -> list[dict[str, str]]:
    with system_scope("test"):
        rows = OutboxMessage.objects.filter(task="datasets.build").order_by("created_at")
        return [row.payload for row in rows]


def age(seconds: int) -> None:
    with system_scope("test"):
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE datasets_datasetversion SET created_at = created_at - %s,"
                " claimed_until = claimed_until - %s WHERE status = 'processing'",
                [timedelta(seconds=seconds)] * 2,
            )


def test_a_long_file_is_queued_and_then_ready_with_the_same_result(
    organization: OrganizationRef, settings: pytest.FixtureRequest
) -> None:
    info = made(organization)
    assert info.latest.status is VersionStatus.PROCESSING
    assert info.latest.finished_at is None
    with tenant_scope(organization), pytest.raises(DatasetNotReady):
        dataset_version_resolve(organization=organization, reference=info.public_id)

    (payload,) = messages()
    tasks.build(**payload)

    settings.DATASET_LIMITS = {}  # type: ignore[attr-defined] # pytest-django's
    at_once = made(organization).latest
    later = fetched(organization, info)
    assert at_once.status is later.status is VersionStatus.READY
    assert later.content_hash == at_once.content_hash
    assert (later.splits, later.report, later.statistics) == (
        at_once.splits,
        at_once.report,
        at_once.statistics,
    )
    with tenant_scope(organization):
        read = dataset_version_read(organization=organization, version_id=info.latest.id)
    assert read.num_rows == 60


def test_a_long_file_keeps_the_further_columns_that_were_asked_for(
    organization: OrganizationRef,
) -> None:
    rows = "".join(f"text {n},{'xy'[n % 2]},{n % 3},{n}\n" for n in range(60))
    with tenant_scope(organization):
        info = services.dataset_create(
            organization=organization,
            actor=ACTOR,
            name="Long",
            source=io.BytesIO(f"text,label,shop,price\n{rows}".encode()),
            filename="long.csv",
            mapping=ColumnMapping("text", "label", ("shop",)),
        )
    assert info.latest.mapping == ColumnMapping("text", "label", ("shop",))
    (payload,) = messages()
    tasks.build(**payload)
    assert fetched(organization, info).meta_columns == ("shop",)
    with tenant_scope(organization):
        read = dataset_version_read(organization=organization, version_id=info.latest.id, meta=True)
    assert read["meta"].to_pylist()[:2] == ['{"shop":"0"}', '{"shop":"1"}']


def test_a_message_that_comes_twice_builds_once(organization: OrganizationRef) -> None:
    info = made(organization)
    (payload,) = messages()
    tasks.build(**payload)
    first = fetched(organization, info)
    tasks.build(**payload)
    assert fetched(organization, info) == first


def test_a_claimed_version_is_not_taken_again_until_the_claim_ends(
    organization: OrganizationRef,
) -> None:
    info = made(organization)
    with tenant_scope(organization):
        assert build_claim(organization=organization, version_id=info.latest.id) is not None
        assert build_claim(organization=organization, version_id=info.latest.id) is None
    age(601)
    with tenant_scope(organization):
        again = build_claim(organization=organization, version_id=info.latest.id)
    assert again is not None
    assert again.attempts == 2


def test_a_build_that_lost_its_claim_writes_nothing(organization: OrganizationRef) -> None:
    info = made(organization)
    with tenant_scope(organization):
        slow = build_claim(organization=organization, version_id=info.latest.id)
    assert slow is not None
    age(601)
    with tenant_scope(organization):
        build_claim(organization=organization, version_id=info.latest.id)
        counted = build_finish(
            organization=organization,
            version_id=slow.id,
            attempt=slow.attempts,
            built=claimed_build(slow),
            storage_key="late",
        )
    assert not counted
    assert fetched(organization, info).status is VersionStatus.PROCESSING


def test_a_fault_deep_in_a_long_file_fails_the_version_with_code_and_row(
    organization: OrganizationRef,
) -> None:
    info = made(organization, LONG + b"one,two,three\n")
    tasks.build(**messages()[0])
    version = fetched(organization, info)
    assert version.status is VersionStatus.FAILED
    assert version.report["errors"][0]["code"] == "csv_row_width"
    assert version.report["errors"][0]["row"] == 62


def test_a_file_deleted_before_it_was_read_fails_the_version(
    organization: OrganizationRef,
) -> None:
    info = made(organization)
    assert info.latest.file_id is not None
    with tenant_scope(organization):
        services.file_delete(organization=organization, actor=ACTOR, file_id=info.latest.file_id)
    tasks.build(**messages()[0])
    version = fetched(organization, info)
    assert version.status is VersionStatus.FAILED
    assert "deleted" in version.report["errors"][0]["message"]


def test_the_sweep_rings_again_for_the_lost_and_gives_up_on_the_hopeless(
    organization: OrganizationRef,
) -> None:
    info = made(organization)
    tasks.sweep()
    assert len(messages()) == 1  # too young to be lost
    for attempt in range(3):
        age(700)
        tasks.sweep()
        assert len(messages()) == 2 + attempt
        with tenant_scope(organization):
            build_claim(organization=organization, version_id=info.latest.id)
    tasks.sweep()
    assert len(messages()) == 4  # the last claim still runs
    age(700)
    tasks.sweep()
    version = fetched(organization, info)
    assert version.status is VersionStatus.FAILED
    assert version.report["errors"][0]["code"] == "processing_failed"


def test_a_job_may_wait_for_a_long_file_or_read_it_in_place(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        files = [
            services.file_create(
                organization=organization,
                actor=ACTOR,
                source=io.BytesIO(LONG),
                filename="long.csv",
                purpose=FilePurpose.FINE_TUNE,
            )
            for _ in range(2)
        ]
        waiting = services.dataset_from_file(
            organization=organization, actor=ACTOR, file_id=files[0].id
        )
        same = services.dataset_from_file(
            organization=organization, actor=ACTOR, file_id=files[0].id
        )
        ready = services.dataset_from_file(
            organization=organization, actor=ACTOR, file_id=files[1].id, in_place=True
        )
    assert waiting.status is VersionStatus.PROCESSING
    assert same.id == waiting.id
    assert ready.status is VersionStatus.READY


def test_a_long_file_that_failed_once_is_not_read_again(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        file = services.file_create(
            organization=organization,
            actor=ACTOR,
            source=io.BytesIO(LONG + b"one,two,three\n"),
            filename="long.csv",
            purpose=FilePurpose.FINE_TUNE,
        )
        services.dataset_from_file(organization=organization, actor=ACTOR, file_id=file.id)
    tasks.build(**messages()[0])
    with tenant_scope(organization):
        with pytest.raises(DatasetInvalid, match="cells"):
            services.dataset_from_file(organization=organization, actor=ACTOR, file_id=file.id)
        assert DatasetVersion.objects.count() == 1


def test_many_bytes_also_go_to_the_background(
    organization: OrganizationRef, settings: pytest.FixtureRequest
) -> None:
    settings.DATASET_LIMITS = {"quick_bytes": 100}  # type: ignore[attr-defined] # pytest-django's
    assert made(organization).latest.status is VersionStatus.PROCESSING
    with pytest.raises(UploadRefused):
        made(organization, b"text,label\na,b,c\n" + LONG)


def test_the_builds_rows_carry_the_organization(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    made(organization)
    with tenant_scope(other_organization):
        assert DatasetVersion.objects.count() == 0
    payload = messages()[0] | {"organization_id": str(other_organization.id)}
    tasks.build(**payload)
    with tenant_scope(organization):
        assert DatasetVersion.objects.get().status == VersionStatus.PROCESSING
