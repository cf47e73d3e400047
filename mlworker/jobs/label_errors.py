"""Reading the out-of-fold predictions of a job: rows whose label is likely wrong."""

import csv
import io
import json
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from anneal.kernel.scopes import OrganizationRef, require_scope
from anneal.kernel.spreadsheets import cell_of
from anneal.kernel.storage import object_open
from mlworker.engine.study.files import label_errors_read
from mlworker.jobs.contracts import JobInfo
from mlworker.jobs.errors import CrossValidationMissing, LabelErrorsMissing
from mlworker.jobs.models import StoredFiles
from mlworker.jobs.states import StoredKind, StoredState
from tenants.datasets.selectors import dataset_texts

_COLUMNS: Final = ("row", "label", "suggested", "quality", "label_score", "score", "fold", "text")


@dataclass(frozen=True, slots=True)
class LabelError:
    """A training row, its label, and the one it more likely has."""

    row: int
    fold: int
    label: str
    suggested: str
    quality: float
    label_score: float
    score: float
    text: str | None
    """None once the dataset has been deleted."""


@dataclass(frozen=True, slots=True)
class LabelErrorPage:
    """One page of them, the likeliest first."""

    rows: tuple[LabelError, ...]
    total: int
    more: bool
    dataset_deleted: bool


def label_errors_page(
    *, organization: OrganizationRef, job: JobInfo, skip: int, limit: int | None
) -> LabelErrorPage:
    """Return some of a job's likely label errors. CrossValidationMissing, LabelErrorsMissing."""
    require_scope(organization)
    try:
        with object_open(_stored(job.id).key) as source:
            table = label_errors_read(source)
    except FileNotFoundError as error:
        raise CrossValidationMissing from error
    if table is None:
        raise LabelErrorsMissing
    labels: list[str] = json.loads(table.schema.metadata[b"labels"])
    count = table.num_rows - skip if limit is None else limit
    lines: list[dict[str, Any]] = table.slice(skip, max(count, 0)).to_pylist()
    texts = None
    if job.dataset_version_id is not None:
        texts = dataset_texts(
            organization=organization,
            version_id=job.dataset_version_id,
            row_ids=[line["row_id"] for line in lines],
        )
    rows = tuple(
        LabelError(
            row=line["row_id"],
            fold=line["fold"],
            label=labels[line["label"]],
            suggested=labels[line["suggested"]],
            quality=line["quality"],
            label_score=line["label_score"],
            score=line["score"],
            text=None if texts is None else texts.get(line["row_id"]),
        )
        for line in lines
    )
    more = skip + len(rows) < table.num_rows
    return LabelErrorPage(rows, table.num_rows, more, dataset_deleted=texts is None)


def label_errors_csv(page: LabelErrorPage) -> str:
    """Return rows as a table for a spreadsheet."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(_COLUMNS)
    for row in page.rows:
        writer.writerow([_cell(getattr(row, name)) for name in _COLUMNS])
    return stream.getvalue()


def out_of_fold_bytes(*, organization: OrganizationRef, job: JobInfo) -> bytes:
    """Return a job's out-of-fold predictions as Parquet. CrossValidationMissing."""
    require_scope(organization)
    try:
        with object_open(_stored(job.id).key) as source:
            return source.read()
    except FileNotFoundError as error:
        raise CrossValidationMissing from error


def _stored(job_id: UUID) -> StoredFiles:
    row: StoredFiles | None = (
        StoredFiles.objects.filter(job_id=job_id, kind=StoredKind.FOLDS, state=StoredState.READY)
        .order_by("-id")
        .first()
    )
    if row is None:
        raise CrossValidationMissing
    return row


def _cell(value: object) -> object:
    if isinstance(value, float):
        return round(value, 4)
    return cell_of(value)
