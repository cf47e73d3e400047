"""What other apps see of the registry."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal
from uuid import UUID

from anneal.kernel.events import Event
from anneal.kernel.scopes import OrganizationRef
from mlworker.engine.exporting.contracts import ExportFormat

__all__ = [
    "SHIPPED_KEY",
    "ExportFormat",
    "ExportState",
    "Lineage",
    "ModelKind",
    "ModelListing",
    "ModelVersionDeleting",
    "ModelVersionInfo",
    "NewEvaluation",
    "NewModelVersion",
    "Origin",
    "ServableModel",
]

SHIPPED_KEY: Final = "shipped:"
"""Artifact keys with this prefix name a folder of the package, not an object in storage."""

ModelKind = Literal["deployment", "fine_tuned", "shipped", "base"]


class Origin(StrEnum):
    """How a version came to be."""

    JOB = "job"
    IMPORT = "import"


class ExportState(StrEnum):
    """Where an export is."""

    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ServableModel:
    """All that an engine needs to serve a model."""

    version_id: UUID | None
    """None for a shipped model."""
    name: str
    base: str
    tier: str
    task: str
    labels: tuple[str, ...]
    artifact_key: str
    """Storage key of one tar object, or ``shipped:<name>``."""
    artifact_sha256: str
    """Of the tar; of the manifest for a shipped model."""
    max_length: int
    organization_id: UUID | None
    """Owner; None = everybody's."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a version comes from: enough to make it again."""

    dataset_version: str
    """Public id."""
    dataset_hash: str
    splits: Mapping[str, int]
    """Rows by split; the split itself is part of the immutable dataset version."""
    seed: int
    config: Mapping[str, object]
    """The trainer's resolved configuration."""
    code_version: str
    libraries: Mapping[str, str]
    hardware: str
    seconds: float
    trained_tokens: int
    price: Mapping[str, object] = field(default_factory=dict)
    """Trained and quoted tokens, and the ``amount`` beyond grants with its ``currency``."""
    split_seed: int | None = None
    """What the dataset version drew its splits with."""
    split_hash: str = ""
    """sha256 over the row ids of each split, so that the same split can be known again."""
    validation_version: str = ""
    """Public id of a second version, all of whose rows validated; empty without one."""
    validation_hash: str = ""
    sealed_version: str = ""
    """Public id of the version whose sealed rows tested, for an outcome contract; empty without."""
    sealed_hash: str = ""
    base_sha256: str = ""
    """Of the base's weights."""
    parent: str = ""
    """Name of the version that training went on from."""
    token_limit: int | None = None
    """Trained tokens at which ``max_charge`` ended the training; None when it did not."""
    folds: int = 0
    """Of the cross-validation, whose temperature is in the head where it helps; 0 = none. What a
    search found is in ``config``."""
    imported: Mapping[str, object] = field(default_factory=dict)
    """For an import: names and hashes of the files it was made from."""


@dataclass(frozen=True, slots=True)
class NewEvaluation:
    """Where a version's evaluation report lies; empty for one that has none."""

    report_key: str = ""
    """Storage key of the report, JSON; it belongs to the registry, as the next one does."""
    predictions_key: str = ""
    """Storage key of the answers row by row, Parquet."""
    evaluation_bytes: int = 0
    evaluation_version_id: UUID | None = None
    """The dataset version whose rows were answered."""


@dataclass(frozen=True, slots=True)
class NewModelVersion:
    """What a job hands over when it has succeeded."""

    base: str
    tier: str
    task: str
    labels: tuple[str, ...]
    suffix: str
    job_id: UUID | None
    """None for an import."""
    dataset_version_id: UUID | None
    max_length: int
    metrics: Mapping[str, object]
    artifact_key: str
    """Storage key of one tar object; it belongs to the registry from now on."""
    artifact_sha256: str
    artifact_bytes: int
    evaluation: NewEvaluation = field(default_factory=NewEvaluation)
    parent_id: UUID | None = None
    """The version that training went on from: it cannot be deleted before this one."""
    origin: Origin = Origin.JOB


@dataclass(frozen=True, slots=True)
class ModelVersionInfo:
    """A model version as other apps and the API see it."""

    id: UUID
    name: str
    base: str
    tier: str
    task: str
    labels: tuple[str, ...]
    suffix: str
    job_id: UUID | None
    metrics: Mapping[str, object]
    lineage: Mapping[str, object]
    card: str
    artifact_key: str
    artifact_sha256: str
    artifact_bytes: int
    max_length: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ModelListing:
    """One line of ``GET /v1/models``."""

    id: str
    created: int
    """Unix seconds."""
    owned_by: str
    kind: ModelKind
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelVersionDeleting(Event):
    """A version is about to go; a subscriber that still serves it refuses by raising Conflict."""

    organization: OrganizationRef
    version_id: UUID
    name: str
