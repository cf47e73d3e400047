"""Asking for exports and giving them up."""

from django.db.models.functions import Now

from anneal.kernel.audit import audit_record
from anneal.kernel.events import FileArriving, publish
from anneal.kernel.ids import public_id
from anneal.kernel.outbox import outbox_add
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from mlworker.catalog.selectors import base_models
from mlworker.registry.contracts import ExportFormat, ExportState
from mlworker.registry.errors import ExportImpossible, ExportRunning
from mlworker.registry.exports.contracts import EXPORT_PREFIX, MAX_ATTEMPTS, ExportInfo
from mlworker.registry.exports.forms import BERT, form_refusal
from mlworker.registry.exports.selectors import export_info, export_row
from mlworker.registry.models import ModelExport, ModelVersion
from mlworker.registry.selectors import version_row


def export_create(
    *, organization: OrganizationRef, actor: Actor, version: ModelVersion, form: ExportFormat
) -> tuple[ExportInfo, bool]:
    """Ask for a version in a form; return the export and whether it is new.

    What is there or on its way is returned as it is; what failed is tried again. ExportImpossible
    for a form the version has not.
    """
    require_scope(organization)
    # Locked, so that it is not deleted between being read and being written down.
    version = version_row(version.name, lock=True)
    layout, size = _base_of(version)
    refusal = form_refusal(version, form, layout)
    if refusal is not None:
        raise ExportImpossible(refusal, param="format")
    fields = {
        "state": ExportState.QUEUED,
        "organization_slug": organization.slug,
        "created_by": actor.label,
    }
    # The unique key decides between two who ask at once; the loser finds the winner's row.
    ModelExport.objects.bulk_create(
        [ModelExport(organization_id=organization.id, version=version, format=form, **fields)],
        ignore_conflicts=True,
    )
    row = ModelExport.objects.select_for_update().get(version_id=version.id, format=form)
    fresh = row.rung_at is None or row.state == ExportState.FAILED
    if fresh:
        expected = _bytes_expected(version, form, size)
        publish(FileArriving(organization=organization, bytes=expected))
        row.state, row.error, row.progress, row.phase = ExportState.QUEUED, None, 0.0, ""
        row.attempt += -row.attempt % MAX_ATTEMPTS
        row.finished_at = None
        row.save()
        export_ring(row)
        audit_record(
            actor=actor,
            action="model_export.create",
            target=public_id(EXPORT_PREFIX, row.id),
            detail={"model": version.name, "format": str(form)},
        )
    return export_info(row, version.name), fresh


def export_delete(
    *, organization: OrganizationRef, actor: Actor, version: ModelVersion, export_id: str
) -> None:
    """Give up an export and, after the commit, its file. ExportRunning while one is being made."""
    require_scope(organization)
    row = export_row(version, export_id, lock=True)
    if row.state == ExportState.RUNNING:
        raise ExportRunning
    if row.key:
        outbox_add(task="registry.artifact_delete", queue="default", payload={"key": row.key})
    identity = row.id
    row.delete()
    audit_record(
        actor=actor,
        action="model_export.delete",
        target=public_id(EXPORT_PREFIX, identity),
        detail={"model": version.name, "format": row.format},
    )


def export_ring(row: ModelExport) -> None:
    """Ask a worker for the export of a locked row, in the open transaction."""
    ModelExport.objects.filter(id=row.id).update(rung_at=Now())
    outbox_add(
        task="registry.export",
        queue="default",
        payload={
            "export_id": str(row.id),
            "organization_id": str(row.organization_id),
            "slug": row.organization_slug,
        },
    )


def _base_of(version: ModelVersion) -> tuple[str, int]:
    """Return layout and size of the base; of one that is gone nothing, and the worker says so."""
    for card in base_models():
        if card.id == version.base:
            return card.architecture, card.size_bytes
    return BERT, 0


def _bytes_expected(version: ModelVersion, form: ExportFormat, base: int) -> int:
    """Return about how large the file will be: all forms but the adapter hold the base too."""
    if form is ExportFormat.ADAPTER:
        return version.artifact_bytes
    return max(version.artifact_bytes, base) // (4 if form is ExportFormat.ONNX_INT8 else 1)
