"""Reading exports."""

from anneal.kernel.ids import parse_id
from anneal.kernel.scopes import OrganizationRef, require_scope
from mlworker.registry.contracts import ExportFormat, ExportState
from mlworker.registry.errors import ExportNotFound
from mlworker.registry.exports.contracts import EXPORT_PREFIX, ExportInfo
from mlworker.registry.models import ModelExport, ModelVersion


def exports_of(*, organization: OrganizationRef, version: ModelVersion) -> list[ExportInfo]:
    """Return a version's exports, newest first: one of each form at most."""
    require_scope(organization)
    rows = ModelExport.objects.filter(version_id=version.id).order_by("-id")
    return [export_info(row, version.name) for row in rows]


def export_get(
    *, organization: OrganizationRef, version: ModelVersion, export_id: str
) -> ExportInfo:
    """Return one export of a version; ExportNotFound."""
    require_scope(organization)
    return export_info(export_row(version, export_id), version.name)


def export_row(version: ModelVersion, export_id: str, *, lock: bool = False) -> ModelExport:
    """Return the row of an export in the open scope. Inside this app only."""
    rows = ModelExport.objects.filter(version_id=version.id)
    if lock:
        rows = rows.select_for_update()
    row: ModelExport | None = rows.filter(id=parse_id(EXPORT_PREFIX, export_id)).first()
    if row is None:
        raise ExportNotFound
    return row


def export_info(row: ModelExport, model: str) -> ExportInfo:
    """Return a row as callers see it."""
    return ExportInfo(
        id=row.id,
        model=model,
        format=ExportFormat(row.format),
        state=ExportState(row.state),
        progress=row.progress,
        phase=row.phase,
        size=row.size,
        sha256=row.sha256,
        key=row.key,
        quality=row.manifest.get("quality"),
        error=row.error,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )
