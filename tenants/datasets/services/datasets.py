"""Datasets: made of an upload, of a stored file or of the built-in sample; extended; deleted."""

import io
from typing import BinaryIO, Final
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.errors import InvalidRequest
from anneal.kernel.events import DatasetDeleting, publish
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from tenants.datasets.build import Built, upload_task
from tenants.datasets.contracts import (
    AUTO_TASK,
    DATASET_PREFIX,
    FILE_PREFIX,
    ColumnMapping,
    DatasetInfo,
    DatasetVersionInfo,
    FileInfo,
    FilePurpose,
    Origin,
    VersionStatus,
)
from tenants.datasets.errors import DatasetInvalid, DatasetNotFound, TaskUnsupported
from tenants.datasets.limits import configured
from tenants.datasets.models import Dataset, DatasetVersion, File
from tenants.datasets.rows import dataset_info, version_info
from tenants.datasets.rowshapes import SHAPES
from tenants.datasets.samples import SAMPLE_FILENAME, SAMPLE_NAME, sample_file
from tenants.datasets.sealing import sealed_dataset_check, sealed_file_check
from tenants.datasets.selectors import version_require_ready
from tenants.datasets.services.files import file_check, file_create
from tenants.datasets.services.versions import (
    source_build,
    stored_build,
    stored_task,
    version_insert,
)

MAX_NAME: Final = 120


def dataset_create(
    *,
    organization: OrganizationRef,
    actor: Actor,
    name: str,
    source: BinaryIO,
    filename: str,
    task: str = AUTO_TASK,
    mapping: ColumnMapping | None = None,
    origin: Origin = Origin.UPLOAD,
) -> DatasetInfo:
    """Store an upload as the first version of a new dataset; ``auto`` tells its task from it.

    A file that cannot be read raises UploadRefused and leaves nothing; rows that cannot be trained
    on make a version with status ``failed`` and the reasons in its report.
    """
    require_scope(organization)
    _check_name(name)
    task_check(task)
    file_check(source, filename)
    if task == AUTO_TASK:
        task = upload_task(source, filename=filename, mapping=mapping, limits=configured())
    file, built = _upload(organization, actor, source, filename, mapping, task)
    dataset = _dataset_insert(organization, actor, name, task, origin)
    version = version_insert(
        organization=organization, dataset=dataset, file_id=file.id, mapping=mapping, built=built
    )
    return dataset_info(dataset, version)


def dataset_create_sample(*, organization: OrganizationRef, actor: Actor) -> DatasetInfo:
    """Make the small review set a new user can train on at once."""
    return dataset_create(
        organization=organization,
        actor=actor,
        name=SAMPLE_NAME,
        source=io.BytesIO(sample_file()),
        filename=SAMPLE_FILENAME,
        origin=Origin.SAMPLE,
    )


def dataset_version_add(
    *,
    organization: OrganizationRef,
    actor: Actor,
    dataset_id: UUID,
    source: BinaryIO,
    filename: str,
    mapping: ColumnMapping | None = None,
) -> DatasetVersionInfo:
    """Store an upload as the next version of a dataset."""
    require_scope(organization)
    dataset = _dataset(organization, dataset_id)
    file, built = _upload(organization, actor, source, filename, mapping, dataset.task)
    version = version_insert(
        organization=organization, dataset=dataset, file_id=file.id, mapping=mapping, built=built
    )
    return _added(organization, actor, dataset, version)


def dataset_remap(
    *, organization: OrganizationRef, actor: Actor, dataset_id: UUID, mapping: ColumnMapping
) -> DatasetVersionInfo:
    """Read the newest version's file again with another mapping, as a new version.

    Raises RowsSealed, since the new version's rows would be open.
    """
    require_scope(organization)
    dataset = _dataset(organization, dataset_id)
    newest = (
        DatasetVersion.objects.filter(dataset_id=dataset.id).select_related("file").latest("number")
    )
    sealed_file_check(organization=organization, file_id=newest.file_id)
    built = stored_build(newest.file, mapping, task=dataset.task, quick=True)
    version = version_insert(
        organization=organization,
        dataset=dataset,
        file_id=newest.file_id,
        mapping=mapping,
        built=built,
    )
    return _added(organization, actor, dataset, version)


def dataset_from_file(
    *, organization: OrganizationRef, actor: Actor, file_id: UUID, in_place: bool = False
) -> DatasetVersionInfo:
    """Return the version that a file stands for, making its dataset the first time.

    A long file gives a version that is still ``processing``, unless ``in_place``, which reads it
    now whatever its length. Raises UploadRefused for a file that cannot be read, DatasetInvalid for
    rows that cannot be trained on, now or in an earlier reading of the same file, and RowsSealed
    for rows of which another version is sealed.
    """
    require_scope(organization)
    # The lock makes two jobs on one new file share one version.
    file = (
        File.objects.select_for_update()
        .filter(organization_id=organization.id, id=file_id, deleted_at=None)
        .first()
    )
    if file is None:
        raise DatasetNotFound(param="training_file")
    known = (
        DatasetVersion.objects.filter(
            file_id=file.id, dataset__origin=Origin.FILE, dataset__deleted_at=None
        )
        .select_related("dataset")
        .order_by("-id")
        .first()
    )
    if known is not None:
        info = version_info(known, task=known.dataset.task)
        if info.status is VersionStatus.FAILED:
            version_require_ready(info)
        return info
    sealed_file_check(organization=organization, file_id=file.id, param="training_file")
    task = stored_task(file)
    built = stored_build(file, None, task=task, quick=not in_place)
    if built is not None and built.report.errors:
        raise DatasetInvalid(built.report.errors[0].message, param="training_file")
    dataset = _dataset_insert(organization, actor, file.filename[:MAX_NAME], task, Origin.FILE)
    version = version_insert(
        organization=organization, dataset=dataset, file_id=file.id, mapping=None, built=built
    )
    return version_info(version, task=dataset.task)


def dataset_delete(*, organization: OrganizationRef, actor: Actor, dataset_id: UUID) -> None:
    """Take a dataset out of use. Versions that jobs used stay readable, for lineage.

    A subscriber of DatasetDeleting may refuse by raising, which undoes the deletion.
    """
    require_scope(organization)
    dataset = _dataset(organization, dataset_id)
    sealed_dataset_check(organization=organization, dataset_id=dataset.id)
    publish(DatasetDeleting(organization=organization, dataset_id=dataset.id))
    dataset.deleted_at = clock.now()
    dataset.save(update_fields=["deleted_at"])
    audit_record(
        actor=actor,
        action="dataset.delete",
        target=public_id(DATASET_PREFIX, dataset.id),
        detail={"name": dataset.name},
        organization=organization,
    )


def _upload(
    organization: OrganizationRef,
    actor: Actor,
    source: BinaryIO,
    filename: str,
    mapping: ColumnMapping | None,
    task: str,
) -> tuple[FileInfo, Built | None]:
    """Read an upload, then store it: one that cannot be read leaves nothing."""
    size = file_check(source, filename)
    built = source_build(
        source, size=size, filename=filename, mapping=mapping, task=task, quick=True
    )
    file = file_create(
        organization=organization,
        actor=actor,
        source=source,
        filename=filename,
        purpose=FilePurpose.FINE_TUNE,
    )
    return file, built


def _dataset(organization: OrganizationRef, dataset_id: UUID) -> Dataset:
    row: Dataset | None = (
        Dataset.objects.select_for_update()
        .filter(organization_id=organization.id, id=dataset_id, deleted_at=None)
        .first()
    )
    if row is None:
        raise DatasetNotFound
    return row


def _dataset_insert(
    organization: OrganizationRef, actor: Actor, name: str, task: str, origin: Origin
) -> Dataset:
    row = Dataset(organization_id=organization.id, name=name, task=task, origin=origin)
    row.save(force_insert=True)
    audit_record(
        actor=actor,
        action="dataset.create",
        target=public_id(DATASET_PREFIX, row.id),
        detail={"name": name, "task": task, "origin": origin.value},
        organization=organization,
    )
    return row


def _added(
    organization: OrganizationRef, actor: Actor, dataset: Dataset, version: DatasetVersion
) -> DatasetVersionInfo:
    info = version_info(version, task=dataset.task)
    audit_record(
        actor=actor,
        action="dataset_version.create",
        target=info.public_id,
        detail={
            "dataset": public_id(DATASET_PREFIX, dataset.id),
            "number": info.number,
            "file": public_id(FILE_PREFIX, version.file_id),
        },
        organization=organization,
    )
    return info


def task_check(task: str) -> None:
    """Refuse a task whose rows this installation cannot read. Raises TaskUnsupported."""
    if task not in (AUTO_TASK, *SHAPES):
        raise TaskUnsupported(f"task is one of: auto, {', '.join(sorted(SHAPES))}.", param="task")


def _check_name(name: str) -> None:
    if not name.strip() or len(name) > MAX_NAME or "\0" in name:
        raise InvalidRequest(f"name has 1 to {MAX_NAME} characters.", param="name")
