"""What other apps may know about files, datasets and versions. Frozen, without the ORM."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from anneal.kernel.events import Event
from anneal.kernel.ids import public_id
from anneal.kernel.scopes import OrganizationRef

FILE_PREFIX: Final = "file-"
DATASET_PREFIX: Final = "ds_"
VERSION_PREFIX: Final = "dsv_"

AUTO_TASK: Final = "auto"
"""The task is told from the labels."""

Meta = Mapping[str, str | int | float | bool]
"""A row's values of further columns; what is missing is not there."""


class Split(StrEnum):
    """The part of a version a row belongs to, fixed for ever."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


SEALED: Final = Split.TEST
"""The part of a version that a seal closes."""


class VersionStatus(StrEnum):
    """A version is read in the background when its file is long."""

    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"


class FilePurpose(StrEnum):
    """OpenAI's words. The last two are written by the installation, never uploaded."""

    FINE_TUNE = "fine-tune"
    BATCH = "batch"
    BATCH_OUTPUT = "batch_output"
    RESULTS = "fine-tune-results"


class Origin(StrEnum):
    """How a dataset came to be. ``file``: implied by a job that named an uploaded file."""

    UPLOAD = "upload"
    FILE = "file"
    SAMPLE = "sample"


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Which column of the file is the text and which the label, by their names in the file.

    ``meta`` are the further columns that are kept with the row; None asks for all there are.
    """

    text: str
    label: str
    meta: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One finding: how often, and where first. ``row`` counts as a spreadsheet does, header = 1."""

    code: str
    message: str
    count: int = 1
    row: int | None = None
    column: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the API's shape; ``row`` and ``column`` only where they say something."""
        line: dict[str, Any] = {"code": self.code, "message": self.message, "count": self.count}
        if self.row is not None:
            line["row"] = self.row
        if self.column is not None:
            line["column"] = self.column
        return line


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """What was found in a file. ``rows`` and ``labels`` count what is kept."""

    errors: tuple[ReportLine, ...] = ()
    warnings: tuple[ReportLine, ...] = ()
    rows: int = 0
    labels: Mapping[str, int] = field(default_factory=dict)
    duplicates: int = 0
    conflicts: int = 0
    empty: int = 0
    too_long: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the API's ``validation_report``."""
        return {
            "errors": [line.as_dict() for line in self.errors],
            "warnings": [line.as_dict() for line in self.warnings],
            "rows": self.rows,
            "labels": dict(self.labels),
            "duplicates": self.duplicates,
            "conflicts": self.conflicts,
            "empty": self.empty,
            "too_long": self.too_long,
        }


@dataclass(frozen=True, slots=True)
class Preview:
    """A look at a file before anything is stored. ``complete``: the report saw every row."""

    format: str
    task: str
    columns: tuple[str, ...]
    mapping: ColumnMapping | None
    rows: tuple[Mapping[str, str], ...]
    report: ValidationReport
    complete: bool


@dataclass(frozen=True, slots=True)
class FileInfo:
    """An uploaded or produced file, in OpenAI's sense."""

    id: UUID
    filename: str
    purpose: FilePurpose
    bytes: int
    sha256: str
    storage_key: str
    created_at: datetime

    @property
    def public_id(self) -> str:
        """The id callers see."""
        return public_id(FILE_PREFIX, self.id)


@dataclass(frozen=True, slots=True)
class DatasetVersionInfo:
    """An immutable version. Until ``status`` is ready, the facts about rows are empty."""

    id: UUID
    dataset_id: UUID
    file_id: UUID | None
    number: int
    status: VersionStatus
    task: str
    rows: int
    labels: tuple[str, ...]
    label_counts: Mapping[str, int]
    splits: Mapping[str, int]
    content_hash: str
    storage_key: str
    mapping: ColumnMapping | None
    format: str
    columns: tuple[str, ...]
    seed: int
    report: Mapping[str, Any]
    statistics: Mapping[str, Any]
    created_at: datetime
    finished_at: datetime | None

    @property
    def public_id(self) -> str:
        """The id callers see."""
        return public_id(VERSION_PREFIX, self.id)

    @property
    def meta_columns(self) -> tuple[str, ...]:
        """The further columns that its rows keep."""
        return (self.mapping.meta or ()) if self.mapping else ()


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """A dataset with its newest version; it is born with one."""

    id: UUID
    name: str
    task: str
    origin: Origin
    created_at: datetime
    versions: int
    latest: DatasetVersionInfo

    @property
    def public_id(self) -> str:
        """The id callers see."""
        return public_id(DATASET_PREFIX, self.id)


@dataclass(frozen=True, slots=True)
class DatasetNames:
    """All that others may call the rows of a dataset."""

    versions: frozenset[UUID]
    references: frozenset[str]
    """Public ids: its own, its versions' and their files'."""


@dataclass(frozen=True, slots=True)
class DatasetVersionFinished(Event):
    """A version can be trained on, or never will be: ``ready`` says which."""

    organization: OrganizationRef
    dataset_id: UUID
    version_id: UUID
    ready: bool
