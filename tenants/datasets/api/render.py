"""From contracts to JSON."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from anneal.kernel.ids import public_id
from tenants.datasets.contracts import (
    DATASET_PREFIX,
    FILE_PREFIX,
    DatasetInfo,
    DatasetVersionInfo,
    FileInfo,
    Preview,
)

MAX_PREVIEW_COLUMNS = 50


def file_json(info: FileInfo) -> dict[str, Any]:
    """Render a file in OpenAI's shape."""
    return {
        "id": info.public_id,
        "object": "file",
        "bytes": info.bytes,
        "created_at": _seconds(info.created_at),
        "expires_at": None,
        "filename": info.filename,
        "purpose": info.purpose.value,
        "status": "processed",
        "status_details": None,
        "sha256": info.sha256,
    }


def version_json(info: DatasetVersionInfo) -> dict[str, Any]:
    """Render a version."""
    return {
        "id": info.public_id,
        "object": "dataset.version",
        "dataset": public_id(DATASET_PREFIX, info.dataset_id),
        "file": public_id(FILE_PREFIX, info.file_id) if info.file_id else None,
        "number": info.number,
        "status": info.status.value,
        "format": info.format,
        "columns": list(info.columns),
        "column_mapping": asdict(info.mapping) if info.mapping else None,
        "rows": info.rows,
        "labels": dict(info.label_counts),
        "splits": dict(info.splits) or None,
        "seed": info.seed,
        "content_hash": info.content_hash,
        "validation_report": dict(info.report),
        "created_at": _seconds(info.created_at),
        "finished_at": _seconds(info.finished_at) if info.finished_at else None,
    }


def dataset_json(info: DatasetInfo) -> dict[str, Any]:
    """Render a dataset with its newest version."""
    latest = version_json(info.latest)
    return {
        "id": info.public_id,
        "object": "dataset",
        "name": info.name,
        "task": info.task,
        "origin": info.origin.value,
        "created_at": _seconds(info.created_at),
        "versions": info.versions,
        **{name: latest[name] for name in ("status", "rows", "labels", "validation_report")},
        "latest_version": latest,
    }


def preview_json(preview: Preview) -> dict[str, Any]:
    """Render a preview; of a very wide file the first columns' cells."""
    shown = preview.columns[:MAX_PREVIEW_COLUMNS]
    return {
        "object": "dataset.preview",
        "format": preview.format,
        "task": preview.task,
        "columns": list(preview.columns),
        "column_mapping": asdict(preview.mapping) if preview.mapping else None,
        "rows": [{name: row[name] for name in shown} for row in preview.rows],
        "complete": preview.complete,
        "validation_report": preview.report.as_dict(),
    }


def stats_json(info: DatasetVersionInfo) -> dict[str, Any]:
    """Render a ready version's counts."""
    return {
        "object": "dataset.stats",
        "version": info.public_id,
        "rows": info.rows,
        "splits": dict(info.splits),
        **info.statistics,
        **{name: info.report[name] for name in ("duplicates", "conflicts", "empty", "too_long")},
    }


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
