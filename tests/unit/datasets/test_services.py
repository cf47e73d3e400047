"""The services: what they store, audit, publish and refuse; two organizations throughout."""

import io
from collections import Counter
from collections.abc import Iterator
from uuid import UUID

import pytest
from django.db import InternalError, connection, transaction
from django.db.utils import ProgrammingError

from anneal.kernel.errors import Conflict, InvalidRequest, NotFound
from anneal.kernel.events import DatasetDeleting, subscribe
from anneal.kernel.ids import uuid7
from anneal.kernel.models import AuditEvent
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, ScopeError, tenant_scope
from anneal.kernel.storage import object_exists
from tenants.datasets import services
from tenants.datasets.contracts import (
    ColumnMapping,
    DatasetInfo,
    FileInfo,
    FilePurpose,
    Origin,
    Split,
    VersionStatus,
)
from tenants.datasets.errors import (
    DatasetInvalid,
    DatasetNotFound,
    SourceFileDeleted,
    TaskUnsupported,
    UploadRefused,
)
from tenants.datasets.models import Dataset, DatasetVersion, File
from tenants.datasets.selectors import (
    dataset_get,
    dataset_version_get,
    dataset_version_read,
    dataset_version_resolve,
    file_get,
)
from tests.unit.datasets.helpers import csv_of, good_rows

pytestmark = pytest.mark.django_db

ACTOR = Actor(kind="user", id=uuid7(), label="ann@example.com")
GOOD = csv_of(good_rows(40))


def made_dataset(organization: OrganizationRef, data: bytes = GOOD) -> DatasetInfo:
    with tenant_scope(organization):
        return services.dataset_create(
            organization=organization,
            actor=ACTOR,
            name="Reviews",
            source=io.BytesIO(data),
            filename="reviews.csv",
        )


def made_file(organization: OrganizationRef, data: bytes = GOOD) -> FileInfo:
    with tenant_scope(organization):
        return services.file_create(
            organization=organization,
            actor=ACTOR,
            source=io.BytesIO(data),
            filename="reviews.csv",
            purpose=FilePurpose.FINE_TUNE,
        )


def audited(organization: OrganizationRef) -> list[tuple[str, str]]:
    with tenant_scope(organization):
        rows = AuditEvent.objects.filter(actor_label=ACTOR.label).order_by("id")
        return [(row.action, row.target) for row in rows]


def counts(organization: OrganizationRef) -> tuple[int, int, int]:
    with tenant_scope(organization):
        return File.objects.count(), Dataset.objects.count(), DatasetVersion.objects.count()


def test_a_dataset_is_stored_with_an_immutable_first_version(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    info = made_dataset(organization)
    with tenant_scope(organization):
        version = dataset_version_resolve(organization=organization, reference=info.public_id)
        rows = dataset_version_read(organization=organization, version_id=version.id)
        test = dataset_version_read(
            organization=organization, version_id=version.id, split=Split.TEST
        )
    assert version.status is VersionStatus.READY
    assert version.labels == ("bad", "good")
    assert version.splits == {"train": 32, "validation": 4, "test": 4}
    assert version.mapping == ColumnMapping("text", "label", ())
    assert rows.column_names == ["row_id", "text", "label", "split"]
    assert rows.num_rows == version.rows == 40
    assert test.num_rows == 4
    assert counts(other_organization) == (0, 0, 0)


def test_the_database_refuses_to_change_a_finished_version(organization: OrganizationRef) -> None:
    info = made_dataset(organization)
    with tenant_scope(organization):
        with pytest.raises((InternalError, ProgrammingError), match="cannot change"):
            with transaction.atomic():
                DatasetVersion.objects.filter(id=info.latest.id).update(rows=1)


def test_two_uploads_of_one_file_have_one_content_hash(organization: OrganizationRef) -> None:
    first, second = made_dataset(organization), made_dataset(organization)
    assert first.id != second.id
    assert first.latest.content_hash == second.latest.content_hash
    assert first.latest.splits == second.latest.splits


def test_a_refused_file_leaves_nothing_behind(organization: OrganizationRef) -> None:
    with pytest.raises(UploadRefused):
        made_dataset(organization, b"text,label\na,b,c\n")
    assert counts(organization) == (0, 0, 0)
    assert audited(organization) == []


def test_rows_that_cannot_be_trained_on_are_kept_as_a_failed_version(
    organization: OrganizationRef,
) -> None:
    info = made_dataset(organization, csv_of([(f"text {n}", "same") for n in range(20)]))
    assert info.latest.status is VersionStatus.FAILED
    assert info.latest.storage_key == ""
    with tenant_scope(organization):
        with pytest.raises(DatasetInvalid, match="second class"):
            dataset_version_resolve(organization=organization, reference=info.public_id)


def test_a_failed_newest_version_leaves_the_ready_one_in_use(organization: OrganizationRef) -> None:
    info = made_dataset(organization)
    with tenant_scope(organization):
        added = services.dataset_version_add(
            organization=organization,
            actor=ACTOR,
            dataset_id=info.id,
            source=io.BytesIO(csv_of(good_rows(3))),
            filename="b.csv",
        )
        used = dataset_version_resolve(organization=organization, reference=info.public_id)
        shown = dataset_get(organization=organization, dataset_id=info.id)
    assert (added.number, added.status) == (2, VersionStatus.FAILED)
    assert used.number == 1
    assert (shown.latest.number, shown.versions) == (2, 2)


def test_remapping_reads_the_stored_file_again(organization: OrganizationRef) -> None:
    rows = "".join(f"{n} first,{n} second,{'xy'[n % 2]}\n" for n in range(40))
    info = made_dataset(organization, f"text,other,label\n{rows}".encode())
    with tenant_scope(organization):
        added = services.dataset_remap(
            organization=organization,
            actor=ACTOR,
            dataset_id=info.id,
            mapping=ColumnMapping("OTHER", "label"),
        )
        read = dataset_version_read(organization=organization, version_id=added.id)
    assert added.mapping == ColumnMapping("other", "label", ("text",))
    assert added.file_id == info.latest.file_id
    assert read["text"][0].as_py() == "0 second"


def test_a_deleted_file_cannot_be_remapped_but_its_version_stays(
    organization: OrganizationRef,
    django_capture_on_commit_callbacks: Iterator[None],
) -> None:
    info = made_dataset(organization)
    assert info.latest.file_id is not None
    with django_capture_on_commit_callbacks(execute=True), tenant_scope(organization):  # type: ignore[operator] # a fixture's callable
        file = file_get(organization=organization, file_id=info.latest.file_id)
        services.file_delete(organization=organization, actor=ACTOR, file_id=file.id)
        assert object_exists(file.storage_key)
    assert not object_exists(file.storage_key)
    with tenant_scope(organization):
        with pytest.raises(SourceFileDeleted):
            services.dataset_remap(
                organization=organization,
                actor=ACTOR,
                dataset_id=info.id,
                mapping=ColumnMapping("label", "text"),
            )
        with pytest.raises(NotFound):
            file_get(organization=organization, file_id=file.id)
        read = dataset_version_read(organization=organization, version_id=info.latest.id)
    assert read.num_rows == 40


def test_a_file_stands_for_one_version_however_often_it_is_named(
    organization: OrganizationRef,
) -> None:
    file = made_file(organization)
    versions = []
    for _ in range(2):
        with tenant_scope(organization):
            versions.append(
                services.dataset_from_file(organization=organization, actor=ACTOR, file_id=file.id)
            )
    assert versions[0].status is VersionStatus.READY
    assert versions[0].id == versions[1].id
    assert counts(organization) == (1, 1, 1)


@pytest.mark.parametrize(
    ("data", "error"),
    [(csv_of(good_rows(3)), DatasetInvalid), (b"text,label\na,b,c\n", UploadRefused)],
)
def test_a_bad_file_makes_no_dataset(
    organization: OrganizationRef, data: bytes, error: type[InvalidRequest]
) -> None:
    file = made_file(organization, data)
    with pytest.raises(error):
        with tenant_scope(organization):
            services.dataset_from_file(organization=organization, actor=ACTOR, file_id=file.id)
    assert counts(organization) == (1, 0, 0)


def test_deleting_takes_a_dataset_out_of_use_and_keeps_its_rows_for_lineage(
    organization: OrganizationRef,
) -> None:
    info = made_dataset(organization)
    with tenant_scope(organization):
        services.dataset_delete(organization=organization, actor=ACTOR, dataset_id=info.id)
    with tenant_scope(organization):
        with pytest.raises(DatasetNotFound):
            dataset_get(organization=organization, dataset_id=info.id)
        for reference in (info.public_id, info.latest.public_id):
            with pytest.raises(DatasetNotFound):
                dataset_version_resolve(organization=organization, reference=reference)
        kept = dataset_version_get(organization=organization, version_id=info.latest.id)
        assert dataset_version_read(organization=organization, version_id=kept.id).num_rows == 40


def test_a_subscriber_can_refuse_the_deletion(organization: OrganizationRef) -> None:
    info = made_dataset(organization)
    refused: list[UUID] = [info.id]

    def refuse(event: DatasetDeleting) -> None:
        if event.dataset_id in refused:
            raise Conflict("A job is running on it.")

    subscribe(DatasetDeleting, refuse)
    with pytest.raises(Conflict):
        with tenant_scope(organization):
            services.dataset_delete(organization=organization, actor=ACTOR, dataset_id=info.id)
    with tenant_scope(organization):
        assert dataset_get(organization=organization, dataset_id=info.id).id == info.id


def test_every_change_writes_its_audit_row(organization: OrganizationRef) -> None:
    info = made_dataset(organization)
    with tenant_scope(organization):
        mapping = ColumnMapping("text", "label")
        remapped = services.dataset_remap(
            organization=organization, actor=ACTOR, dataset_id=info.id, mapping=mapping
        )
        added = services.dataset_version_add(
            organization=organization,
            actor=ACTOR,
            dataset_id=info.id,
            source=io.BytesIO(GOOD),
            filename="b.csv",
        )
        sample = services.dataset_create_sample(organization=organization, actor=ACTOR)
        services.dataset_delete(organization=organization, actor=ACTOR, dataset_id=sample.id)
    file = made_file(organization)
    with tenant_scope(organization):
        implied = services.dataset_from_file(
            organization=organization, actor=ACTOR, file_id=file.id
        )
        owner = dataset_get(organization=organization, dataset_id=implied.dataset_id)
        services.file_delete(organization=organization, actor=ACTOR, file_id=file.id)
    rows = audited(organization)
    assert Counter(action for action, _ in rows) == {
        "file.create": 4,
        "file.delete": 1,
        "dataset.create": 3,
        "dataset.delete": 1,
        "dataset_version.create": 2,
    }
    assert {row for row in rows if not row[0].startswith("file.create")} == {
        ("dataset.create", info.public_id),
        ("dataset_version.create", remapped.public_id),
        ("dataset_version.create", added.public_id),
        ("dataset.create", sample.public_id),
        ("dataset.delete", sample.public_id),
        ("dataset.create", owner.public_id),
        ("file.delete", file.public_id),
    }
    assert owner.origin is Origin.FILE


def test_no_service_touches_another_organizations_objects(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    info, file = made_dataset(organization), made_file(organization)
    stranger = {"organization": other_organization, "actor": ACTOR}
    with tenant_scope(other_organization):
        with pytest.raises(NotFound):
            services.dataset_delete(**stranger, dataset_id=info.id)
        with pytest.raises(NotFound):
            services.dataset_remap(
                **stranger, dataset_id=info.id, mapping=ColumnMapping("text", "label")
            )
        with pytest.raises(NotFound):
            services.dataset_version_add(
                **stranger, dataset_id=info.id, source=io.BytesIO(GOOD), filename="a.csv"
            )
        with pytest.raises(NotFound):
            services.dataset_from_file(**stranger, file_id=file.id)
        with pytest.raises(NotFound):
            services.file_delete(**stranger, file_id=file.id)
        with pytest.raises(NotFound):
            dataset_version_read(organization=other_organization, version_id=info.latest.id)
        with pytest.raises(NotFound):
            dataset_version_resolve(
                organization=other_organization, reference=info.latest.public_id
            )


def test_services_insist_on_the_right_scope(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    with tenant_scope(other_organization), pytest.raises(ScopeError):
        services.dataset_create_sample(organization=organization, actor=ACTOR)
    with pytest.raises(ScopeError):
        services.dataset_create_sample(organization=organization, actor=ACTOR)


@pytest.mark.parametrize("name", ["", " \t", "n" * 121, "a\0b"])
def test_a_dataset_needs_a_name(organization: OrganizationRef, name: str) -> None:
    with tenant_scope(organization), pytest.raises(InvalidRequest, match="name"):
        services.dataset_create(
            organization=organization,
            actor=ACTOR,
            name=name,
            source=io.BytesIO(GOOD),
            filename="a.csv",
        )


def test_an_unknown_task_is_refused_by_name(organization: OrganizationRef) -> None:
    with tenant_scope(organization), pytest.raises(TaskUnsupported, match="text_classification"):
        services.dataset_create(
            organization=organization,
            actor=ACTOR,
            name="a",
            source=io.BytesIO(GOOD),
            filename="a.csv",
            task="weather",
        )


def test_a_version_cannot_point_at_another_organizations_file(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    info, theirs = made_dataset(organization), made_file(other_organization)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with tenant_scope(organization):
        with pytest.raises(Exception, match="tenant_fk"), transaction.atomic():
            DatasetVersion(
                dataset_id=info.id,
                file_id=theirs.id,
                number=9,
                status=VersionStatus.PROCESSING,
                seed=1,
            ).save(force_insert=True)
