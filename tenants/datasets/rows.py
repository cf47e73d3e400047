"""From ORM rows to what crosses the app's border."""

from tenants.datasets.contracts import (
    ColumnMapping,
    DatasetInfo,
    DatasetVersionInfo,
    FileInfo,
    FilePurpose,
    Origin,
    VersionStatus,
)
from tenants.datasets.models import Dataset, DatasetVersion, File


def file_info(row: File) -> FileInfo:
    """Copy a file's row."""
    return FileInfo(
        id=row.id,
        filename=row.filename,
        purpose=FilePurpose(row.purpose),
        bytes=row.bytes,
        sha256=row.sha256,
        storage_key=row.storage_key,
        created_at=row.created_at,
    )


def mapping_of(row: DatasetVersion) -> ColumnMapping | None:
    """Return a version's mapping; None while nothing was asked for and nothing read."""
    if not row.mapping:
        return None
    meta = row.mapping.get("meta")
    if meta is None and row.status != VersionStatus.PROCESSING:
        meta = ()  # read before further columns were kept
    kept = None if meta is None else tuple(meta)
    return ColumnMapping(row.mapping["text"], row.mapping["label"], kept)


def version_info(row: DatasetVersion, *, task: str) -> DatasetVersionInfo:
    """Copy a version's row; ``task`` is its dataset's."""
    return DatasetVersionInfo(
        id=row.id,
        dataset_id=row.dataset_id,
        file_id=row.file_id,
        number=row.number,
        status=VersionStatus(row.status),
        task=task,
        rows=row.rows,
        labels=tuple(sorted(row.labels)),
        label_counts=row.labels,
        splits=row.splits,
        content_hash=row.content_hash,
        storage_key=row.storage_key,
        mapping=mapping_of(row),
        format=row.format,
        columns=tuple(row.columns),
        seed=row.seed,
        report=row.validation_report,
        statistics=row.statistics,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )


def dataset_info(row: Dataset, latest: DatasetVersion) -> DatasetInfo:
    """Copy a dataset's row with its newest version."""
    return DatasetInfo(
        id=row.id,
        name=row.name,
        task=row.task,
        origin=Origin(row.origin),
        created_at=row.created_at,
        versions=row.versions,
        latest=version_info(latest, task=row.task),
    )
