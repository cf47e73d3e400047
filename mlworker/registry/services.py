"""Changing the registry."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from anneal.kernel.audit import audit_record
from anneal.kernel.events import publish
from anneal.kernel.ids import public_id, uuid7
from anneal.kernel.outbox import outbox_add
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from mlworker.registry.cards import model_card
from mlworker.registry.contracts import (
    ExportState,
    Lineage,
    ModelVersionDeleting,
    ModelVersionInfo,
    NewModelVersion,
)
from mlworker.registry.errors import ExportRunning, ModelInUse
from mlworker.registry.models import ModelVersion
from mlworker.registry.naming import model_version_name
from mlworker.registry.selectors import VERSION_PREFIX, version_info, version_row


def model_version_register(
    *, organization: OrganizationRef, version: NewModelVersion, lineage: Lineage
) -> ModelVersionInfo:
    """Write the version a job leaves. Called once per job; the database refuses a second."""
    require_scope(organization)
    version_id = uuid7()
    name = model_version_name(
        base=version.base,
        organization=organization,
        suffix=version.suffix,
        version_id=version_id,
    )
    card = model_card(name=name, version=version, lineage=lineage)
    row = ModelVersion(
        id=version_id,
        organization_id=organization.id,
        name=name,
        lineage=asdict(lineage),
        card=card,
        **_columns(version),
    )
    row.save(force_insert=True)
    return version_info(row)


def _columns(version: NewModelVersion) -> dict[str, Any]:
    values = asdict(version)
    evaluation = values.pop("evaluation")
    return {**values, **evaluation, "labels": list(version.labels)}


def model_version_delete(*, organization: OrganizationRef, actor: Actor, name: str) -> UUID:
    """Delete an own version and, after the commit, its stored files.

    Subscribers of ModelVersionDeleting that still serve it refuse with Conflict; ModelInUse names
    the stage that stands for it or the version that was trained on from it.
    """
    require_scope(organization)
    row = version_row(name, lock=True)
    publish(ModelVersionDeleting(organization=organization, version_id=row.id, name=row.name))
    _require_unused(row)
    exports = row.exports.select_for_update()
    if any(export.state == ExportState.RUNNING for export in exports):
        raise ExportRunning("An export of this model is being made: delete it when that has ended.")
    keys = [row.artifact_key, row.report_key, row.predictions_key, *(e.key for e in exports)]
    row.exports.all().delete()
    for key in filter(None, keys):
        outbox_add(task="registry.artifact_delete", queue="default", payload={"key": key})
    version_id = row.id
    row.delete()
    audit_record(
        actor=actor,
        action="model_version.delete",
        target=public_id(VERSION_PREFIX, version_id),
        detail={"name": name},
    )
    return version_id


def _require_unused(row: ModelVersion) -> None:
    stages = sorted(stage.name for stage in row.stages.all())
    if stages:
        raise ModelInUse(
            f"The stage '{stages[0]}' stands for this model: move or remove the stage first."
        )
    child = ModelVersion.objects.filter(parent_id=row.id).values_list("name", flat=True).first()
    if child is not None:
        raise ModelInUse(f"'{child}' was trained on from this model: delete that one first.")
