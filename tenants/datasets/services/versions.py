"""Versions: built at once from a short file, in the background from a long one, by one path.

A background build holds no transaction while it reads: claim, build, finish. A claim lasts
CLAIM_SECONDS by the database's clock; a build whose worker died is rung again by the sweep, and
given up after MAX_ATTEMPTS.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any, BinaryIO, Final, cast
from uuid import UUID

from django.db import connection

from anneal.kernel import clock
from anneal.kernel.events import publish
from anneal.kernel.outbox import outbox_add
from anneal.kernel.scopes import OrganizationRef, require_scope
from anneal.kernel.storage import object_open, object_put, tenant_key
from tenants.datasets.build import Built, refusal_report, upload_task, version_build
from tenants.datasets.contracts import (
    ColumnMapping,
    DatasetVersionFinished,
    ReportLine,
    ValidationReport,
    VersionStatus,
)
from tenants.datasets.errors import SourceFileDeleted, UploadRefused
from tenants.datasets.limits import configured
from tenants.datasets.models import Dataset, DatasetVersion, File
from tenants.datasets.rows import mapping_of
from tenants.datasets.splits import SEED

BUILD_TASK: Final = "datasets.build"
CLAIM_SECONDS: Final = 600
MAX_ATTEMPTS: Final = 3
_BLOCK: Final = 1024 * 1024


def source_build(
    source: BinaryIO,
    *,
    size: int,
    filename: str,
    mapping: ColumnMapping | None,
    task: str,
    quick: bool,
) -> Built | None:
    """Build from an upload; None when ``quick`` is asked and the file is for the background.

    Even then its beginning is read, so that most bad files are refused at once.
    """
    limits = configured()
    source.seek(0)
    if quick and size > limits.quick_bytes:
        limits = replace(limits, quick_rows=0)
    return version_build(
        source,
        filename=filename,
        mapping=mapping,
        seed=SEED,
        limits=limits,
        task=task,
        quick=quick,
    )


def stored_build(
    file: File, mapping: ColumnMapping | None, *, task: str, quick: bool
) -> Built | None:
    """Build from a stored file, as ``source_build`` does. Raises SourceFileDeleted."""
    with _local(file) as local:
        return source_build(
            local,
            size=file.bytes,
            filename=file.filename,
            mapping=mapping,
            task=task,
            quick=quick,
        )


def stored_task(file: File) -> str:
    """Return the task that a stored file's labels tell. Raises SourceFileDeleted, UploadRefused."""
    with _local(file) as local:
        return upload_task(local, filename=file.filename, mapping=None, limits=configured())


@contextmanager
def _local(file: File) -> Iterator[BinaryIO]:
    """A stored file's copy on this machine's disk: the readers seek, and S3 is far."""
    if file.deleted_at is not None:
        raise SourceFileDeleted
    try:
        stored = object_open(file.storage_key)
    except FileNotFoundError as fault:
        raise SourceFileDeleted from fault
    with stored, tempfile.TemporaryFile() as local:
        shutil.copyfileobj(stored, local, _BLOCK)
        yield cast("BinaryIO", local)


def version_insert(
    *,
    organization: OrganizationRef,
    dataset: Dataset,
    file_id: UUID,
    mapping: ColumnMapping | None,
    built: Built | None,
) -> DatasetVersion:
    """Add the next version: finished when it was built already, else queued to be."""
    require_scope(organization)
    locked = Dataset.objects.select_for_update().get(id=dataset.id)
    locked.versions += 1
    locked.save(update_fields=["versions"])
    dataset.versions = locked.versions
    row = DatasetVersion(
        organization_id=organization.id,
        dataset_id=dataset.id,
        file_id=file_id,
        number=locked.versions,
        status=VersionStatus.PROCESSING,
        mapping=asdict(mapping) if mapping else None,
        validation_report=ValidationReport().as_dict(),
        seed=SEED,
    )
    if built is None:
        row.save(force_insert=True)
        build_ring(organization_id=organization.id, version_id=row.id)
        return row
    _take(row, built, parquet_put(organization, row.id, built))
    row.save(force_insert=True)
    _publish(row)
    return row


def build_ring(*, organization_id: UUID, version_id: UUID) -> None:
    """Queue a background build. Rung twice, the second finds the claim taken and does nothing."""
    outbox_add(
        task=BUILD_TASK,
        queue="default",
        payload={"organization_id": str(organization_id), "version_id": str(version_id)},
    )


def build_claim(*, organization: OrganizationRef, version_id: UUID) -> DatasetVersion | None:
    """Take a waiting version, or None when it is finished, taken or gone."""
    require_scope(organization)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE datasets_datasetversion SET attempts = attempts + 1,"
            " claimed_until = clock_timestamp() + %s * interval '1 second'"
            " WHERE id = %s AND organization_id = %s AND status = 'processing'"
            " AND (claimed_until IS NULL OR claimed_until < clock_timestamp())",
            [CLAIM_SECONDS, version_id, organization.id],
        )
        if cursor.rowcount == 0:
            return None
    rows = DatasetVersion.objects.select_related("file", "dataset")
    row: DatasetVersion = rows.get(id=version_id)
    return row


def claimed_build(row: DatasetVersion) -> Built | UploadRefused:
    """Read a claimed version's file. Needs no scope and opens none: it may take a minute."""
    try:
        built = stored_build(row.file, mapping_of(row), task=row.dataset.task, quick=False)
        return cast("Built", built)
    except UploadRefused as refusal:
        return refusal
    except SourceFileDeleted as gone:
        return UploadRefused(gone.text)


def build_finish(
    *,
    organization: OrganizationRef,
    version_id: UUID,
    attempt: int,
    built: Built | UploadRefused,
    storage_key: str,
) -> bool:
    """Write what a build found, unless a later attempt has taken over; say whether it counted."""
    require_scope(organization)
    row = (
        DatasetVersion.objects.select_for_update()
        .filter(id=version_id, status=VersionStatus.PROCESSING, attempts=attempt)
        .first()
    )
    if row is None:
        return False
    if isinstance(built, UploadRefused):
        _fail(row, refusal_report(built))
    else:
        _take(row, built, storage_key)
    row.save()
    _publish(row)
    return True


def build_give_up(row: DatasetVersion) -> None:
    """Fail a version whose build died again and again. The caller has the row locked."""
    line = ReportLine(
        "processing_failed",
        "The file could not be processed; our side failed, not the file: send it again.",
    )
    _fail(row, ValidationReport(errors=(line,)))
    row.save()
    _publish(row)


def parquet_put(organization: OrganizationRef, version_id: UUID, built: Built) -> str:
    """Store the rows of a version; '' when there is nothing to store."""
    if built.parquet is None:
        return ""
    key = tenant_key(organization, "datasets", f"{version_id}.parquet")
    return object_put(key, built.parquet).key


def _take(row: DatasetVersion, built: Built, storage_key: str) -> None:
    report: dict[str, Any] = built.report.as_dict()
    row.status = VersionStatus.FAILED if built.report.errors else VersionStatus.READY
    row.format, row.columns = built.format, list(built.columns)
    row.mapping = asdict(built.mapping)
    row.rows, row.labels = built.report.rows, report["labels"]
    row.splits, row.statistics = dict(built.splits), dict(built.statistics)
    row.content_hash, row.storage_key = built.content_hash, storage_key
    row.validation_report = report
    row.finished_at = clock.now()


def _fail(row: DatasetVersion, report: ValidationReport) -> None:
    row.status, row.validation_report = VersionStatus.FAILED, report.as_dict()
    row.finished_at = clock.now()


def _publish(row: DatasetVersion) -> None:
    publish(
        DatasetVersionFinished(
            # A slug names models; nothing here does.
            organization=OrganizationRef(id=row.organization_id, slug=""),
            dataset_id=row.dataset_id,
            version_id=row.id,
            ready=row.status == VersionStatus.READY,
        )
    )
