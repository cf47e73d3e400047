"""Reading: datasets and versions by id, and the rows of a version."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Final
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from django.db.models import Exists, OuterRef, Prefetch, QuerySet, Sum

from anneal.kernel.ids import parse_id, public_id
from anneal.kernel.scopes import OrganizationRef, require_scope
from anneal.kernel.storage import object_open
from tenants.datasets.build import META, SCHEMA
from tenants.datasets.contracts import (
    DATASET_PREFIX,
    FILE_PREFIX,
    SEALED,
    VERSION_PREFIX,
    DatasetInfo,
    DatasetNames,
    DatasetVersionInfo,
    FileInfo,
    Split,
    VersionStatus,
)
from tenants.datasets.errors import DatasetInvalid, DatasetNotFound, DatasetNotReady
from tenants.datasets.metadata import meta_json, meta_shown
from tenants.datasets.models import Dataset, DatasetVersion, File, Seal
from tenants.datasets.rows import dataset_info, file_info, version_info
from tenants.datasets.rowshapes import RowShape, shape_of

_BATCH = 5_000


@dataclass(frozen=True, slots=True)
class RowFilter:
    """Which rows to show; None means any. ``after`` is the row id of the last one seen."""

    split: Split | None = None
    label: str | None = None
    search: str | None = None
    after: int | None = None
    without: Split | None = None
    """A part that is not shown."""


def files_of(*, organization: OrganizationRef) -> QuerySet[File]:
    """Return the organization's files that are not deleted."""
    require_scope(organization)
    rows: QuerySet[File] = File.objects.filter(organization_id=organization.id, deleted_at=None)
    return rows


def files_bytes(*, organization: OrganizationRef) -> int:
    """Return how many bytes the organization's files have together, other apps' included."""
    own = files_of(organization=organization).aggregate(total=Sum("bytes"))["total"] or 0
    return own + sum(source(organization) for source in _stored)


StoredSource = Callable[[OrganizationRef], int]
_stored: Final[list[StoredSource]] = []


def register_stored_source(source: StoredSource) -> None:
    """Count what a higher app stores for an organization too. Registering twice counts once."""
    if source not in _stored:
        _stored.append(source)


def file_get(*, organization: OrganizationRef, file_id: UUID) -> FileInfo:
    """Return one file. Raises DatasetNotFound."""
    row = files_of(organization=organization).filter(id=file_id).first()
    if row is None:
        raise DatasetNotFound
    return file_info(row)


def datasets_of(*, organization: OrganizationRef) -> QuerySet[Dataset]:
    """Return the organization's datasets, each with its newest version in ``newest``."""
    require_scope(organization)
    newest = DatasetVersion.objects.order_by("dataset_id", "-number").distinct("dataset_id")
    rows: QuerySet[Dataset] = Dataset.objects.filter(
        organization_id=organization.id, deleted_at=None
    ).prefetch_related(Prefetch("version_rows", queryset=newest, to_attr="newest"))
    return rows


def dataset_from_row(row: Dataset) -> DatasetInfo:
    """Copy a row of ``datasets_of``."""
    newest: Sequence[DatasetVersion] = row.newest  # type: ignore[attr-defined] # by Prefetch
    return dataset_info(row, newest[0])


def dataset_get(*, organization: OrganizationRef, dataset_id: UUID) -> DatasetInfo:
    """Return one dataset. Raises DatasetNotFound."""
    row = datasets_of(organization=organization).filter(id=dataset_id).first()
    if row is None:
        raise DatasetNotFound
    return dataset_from_row(row)


def versions_of(*, organization: OrganizationRef, dataset_id: UUID) -> QuerySet[DatasetVersion]:
    """Return the versions of a dataset that is not deleted."""
    require_scope(organization)
    rows: QuerySet[DatasetVersion] = DatasetVersion.objects.filter(
        organization_id=organization.id, dataset_id=dataset_id, dataset__deleted_at=None
    ).select_related("dataset")
    return rows


def dataset_names(*, organization: OrganizationRef, dataset_id: UUID) -> DatasetNames:
    """Return all that others may call the rows of a dataset."""
    rows = versions_of(organization=organization, dataset_id=dataset_id)
    found = list(rows.values_list("id", "file_id"))
    return DatasetNames(
        versions=frozenset(version for version, _ in found),
        references=frozenset(
            {
                public_id(DATASET_PREFIX, dataset_id),
                *(public_id(VERSION_PREFIX, version) for version, _ in found),
                *(public_id(FILE_PREFIX, file) for _, file in found),
            }
        ),
    )


def dataset_version_get(*, organization: OrganizationRef, version_id: UUID) -> DatasetVersionInfo:
    """Return a version by its id, for lineage: also of a deleted dataset."""
    require_scope(organization)
    row = (
        DatasetVersion.objects.filter(organization_id=organization.id, id=version_id)
        .select_related("dataset")
        .first()
    )
    if row is None:
        raise DatasetNotFound
    return version_info(row, task=row.dataset.task)


def dataset_version_resolve(*, organization: OrganizationRef, reference: str) -> DatasetVersionInfo:
    """Return the ready version that ``dsv_...`` names, or the newest ready one of ``ds_...``.

    Raises DatasetNotFound (also for deleted datasets), DatasetNotReady while it is being read, and
    DatasetInvalid with the report's first error when it failed.
    """
    require_scope(organization)
    rows = DatasetVersion.objects.filter(
        organization_id=organization.id, dataset__deleted_at=None
    ).select_related("dataset")
    if reference.startswith(DATASET_PREFIX):
        rows = rows.filter(dataset_id=parse_id(DATASET_PREFIX, reference)).order_by("-number")
        row = rows.filter(status=VersionStatus.READY).first() or rows.first()
    else:
        row = rows.filter(id=parse_id(VERSION_PREFIX, reference)).first()
    if row is None:
        raise DatasetNotFound
    info = version_info(row, task=row.dataset.task)
    version_require_ready(info)
    return info


def version_require_ready(info: DatasetVersionInfo) -> None:
    """Raise DatasetNotReady or DatasetInvalid unless the version can be read."""
    if info.status is VersionStatus.PROCESSING:
        raise DatasetNotReady(retry_after=2)
    if info.status is VersionStatus.FAILED:
        errors = info.report.get("errors") or [{"message": "The dataset could not be read."}]
        raise DatasetInvalid(errors[0]["message"])


def seal_unbroken(*, organization: OrganizationRef, version_id: UUID) -> bool:
    """Say whether a version's test rows are closed to readers."""
    require_scope(organization)
    return Seal.objects.filter(
        organization_id=organization.id, version_id=version_id, broken_at__isnull=True
    ).exists()


def dataset_version_read(
    *,
    organization: OrganizationRef,
    version_id: UUID,
    split: Split | None = None,
    meta: bool = False,
) -> pa.Table:
    """Return rows of one part or all: row_id (int64, ascending), text, label, split.

    With ``meta`` also the further columns, a JSON object a row, where the version has any.
    """
    info = dataset_version_get(organization=organization, version_id=version_id)
    version_require_ready(info)
    with object_open(info.storage_key) as stored:
        chosen = [("split", "=", split.value)] if split else None
        columns = [*SCHEMA.names, META.name] if meta and info.meta_columns else SCHEMA.names
        return pq.read_table(stored, columns=columns, filters=chosen)


def dataset_rows(
    *, organization: OrganizationRef, version: DatasetVersionInfo, where: RowFilter, limit: int
) -> tuple[list[dict[str, object]], bool]:
    """Return up to ``limit`` rows in the file's order, and whether there are more."""
    require_scope(organization)
    version_require_ready(version)
    found: list[dict[str, object]] = []
    shape, columns = shape_of(version.task), version.meta_columns
    with object_open(version.storage_key) as stored:
        for batch in _batches(stored, where.after):
            matching = _matching(batch, where, shape)
            rows = matching.slice(0, limit + 1 - len(found)).to_pylist()
            found += [
                {
                    "id": row.pop("row_id"),
                    "object": "dataset.row",
                    "meta": meta_shown(row.pop("meta", None), columns),
                    **row,
                    "target": shape.target(row["label"]),
                }
                for row in rows
            ]
            if len(found) > limit:
                break
    return found[:limit], len(found) > limit


def dataset_texts(
    *, organization: OrganizationRef, version_id: UUID, row_ids: Collection[int]
) -> dict[int, str] | None:
    """Return the texts of rows by their ids, without sealed ones; None once the dataset has been
    deleted."""
    found: dict[int, str] | None = _column_of(organization, version_id, row_ids, "text")
    return found


def dataset_meta(
    *, organization: OrganizationRef, version_id: UUID, row_ids: Collection[int]
) -> dict[int, dict[str, Any]] | None:
    """Return the further columns of rows by their ids, missing values left out; None once the
    dataset has been deleted. For versions that have further columns."""
    found = _column_of(organization, version_id, row_ids, META.name)
    return None if found is None else {row: meta_json(text) for row, text in found.items()}


def _column_of(
    organization: OrganizationRef, version_id: UUID, row_ids: Collection[int], column: str
) -> dict[int, Any] | None:
    require_scope(organization)
    seals = Seal.objects.filter(version_id=OuterRef("id"), broken_at__isnull=True)
    row = (
        DatasetVersion.objects.filter(
            organization_id=organization.id, id=version_id, dataset__deleted_at=None
        )
        .annotate(sealed=Exists(seals))
        .first()
    )
    if row is None:
        return None
    wanted: list[tuple[str, str, Any]] = [("row_id", "in", sorted(row_ids))]
    if row.sealed:
        wanted.append(("split", "!=", SEALED.value))
    try:
        with object_open(row.storage_key) as stored:
            table = pq.read_table(stored, columns=["row_id", column], filters=wanted)
    except FileNotFoundError:
        return None
    return dict(zip(table["row_id"].to_pylist(), table[column].to_pylist(), strict=True))


def _batches(stored: BinaryIO, after: int | None) -> Iterator[pa.RecordBatch]:
    """Walk a Parquet file from the row group where ``after`` lies."""
    parquet = pq.ParquetFile(stored)
    groups = [
        index
        for index in range(parquet.num_row_groups)
        if after is None or parquet.metadata.row_group(index).column(0).statistics.max > after
    ]
    yield from parquet.iter_batches(batch_size=_BATCH, row_groups=groups)


def _matching(batch: pa.RecordBatch, where: RowFilter, shape: RowShape) -> pa.RecordBatch:
    if where.after is not None:
        batch = batch.filter(pc.greater(batch["row_id"], where.after))
    if where.split is not None:
        batch = batch.filter(pc.equal(batch["split"], where.split.value))
    if where.without is not None:
        batch = batch.filter(pc.not_equal(batch["split"], where.without.value))
    if where.label is not None:
        part = shape.contains(where.label)
        batch = batch.filter(
            pc.equal(batch["label"], where.label)
            if part is None
            else pc.match_substring(batch["label"], part)
        )
    if where.search:
        batch = batch.filter(pc.match_substring(batch["text"], where.search, ignore_case=True))
    return batch


def versions_by_hash(*, content_hash: str, seed: int | None) -> list[tuple[UUID, UUID]]:
    """Return (version, organization) of every ready version with these very rows, newest first.

    Under the system's door: who reads the rows opens their organization's. Without a seed any
    split will do.
    """
    rows = DatasetVersion.objects.filter(content_hash=content_hash, status=VersionStatus.READY)
    if seed is not None:
        rows = rows.filter(seed=seed)
    return list(rows.order_by("-id").values_list("id", "organization_id"))
