"""Reading the registry: one model by name, and the list of all that can be named."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from django.db import connection

from anneal.kernel.ids import public_id
from anneal.kernel.scopes import OrganizationRef, require_scope
from mlworker.catalog.contracts import BaseModelCard, ShippedModelCard
from mlworker.catalog.selectors import (
    base_models,
    base_models_present,
    shipped_model_get,
    shipped_models,
)
from mlworker.engine.contracts import CONTINUED_TIERS
from mlworker.registry.contracts import (
    SHIPPED_KEY,
    ModelListing,
    ModelVersionInfo,
    ServableModel,
)
from mlworker.registry.errors import ModelNotFound
from mlworker.registry.exports.forms import forms_of
from mlworker.registry.models import ModelVersion
from mlworker.registry.naming import PREFIX
from mlworker.registry.precision import precision_details
from mlworker.registry.sources import registered_listings

VERSION_PREFIX: Final = "mv_"
JOB_PREFIX: Final = "ftjob-"
HOUSE_OWNER: Final = "anneal"


def model_version_resolve(*, organization: OrganizationRef, name: str) -> ServableModel:
    """Return what serves ``name``: an own version or a shipped model; ModelNotFound otherwise."""
    require_scope(organization)
    shipped = shipped_model_get(name)
    if shipped is not None:
        return _servable_shipped(shipped)
    return _servable(version_row(name))


def model_version_get(*, organization: OrganizationRef, name: str) -> ModelVersionInfo:
    """Return an own version, by name; ModelNotFound otherwise."""
    require_scope(organization)
    return version_info(version_row(name))


def model_version_keep(*, organization: OrganizationRef, version_id: UUID) -> None:
    """Let nobody delete an own version before the open scope closes; ModelNotFound if it is gone.

    For who is about to write down that it is needed, where a deletion would look for that. Many
    may keep one at a time, so two that keep several in another order do not wait for each other.
    """
    require_scope(organization)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM registry_modelversion WHERE id = %s FOR KEY SHARE", [version_id]
        )
        if cursor.fetchone() is None:
            raise ModelNotFound


def model_listings(*, organization: OrganizationRef) -> list[ModelListing]:
    """Return every model the organization may name: deployments, versions, shipped, bases."""
    require_scope(organization)
    rows = ModelVersion.objects.defer("card", "lineage").prefetch_related("stages")
    versions, layouts = rows.order_by("-id"), _layouts()
    return [
        *registered_listings(organization),
        *(_version_listing(row, organization, layouts) for row in versions),
        *(_shipped_listing(card) for card in shipped_models()),
        *(_base_listing(card) for card in base_models_present()),
    ]


def model_listing_get(*, organization: OrganizationRef, name: str) -> ModelListing:
    """Return one line of that list, with the model card where there is one; ModelNotFound."""
    require_scope(organization)
    if name.startswith(PREFIX):
        row = version_row(name)
        listing = _version_listing(row, organization, _layouts())
        extras: dict[str, object] = {"card": row.card, "lineage": row.lineage}
        return _with(listing, extras)
    shipped = shipped_model_get(name)
    if shipped is not None:
        return _with(_shipped_listing(shipped), {"card": shipped.card})
    known = [*registered_listings(organization), *(_base_listing(card) for card in base_models())]
    for listing in known:
        if listing.id == name:
            return listing
    raise ModelNotFound


def own_version(*, organization: OrganizationRef, name: str) -> ModelVersion:
    """Return the row of an own version; ModelNotFound. Inside this app only."""
    require_scope(organization)
    return version_row(name)


def version_of_job(job_id: UUID) -> UUID | None:
    """Return the version that a job left, if it left one; it then stays until the commit."""
    found = ModelVersion.objects.select_for_update(no_key=True).filter(job_id=job_id)
    return found.values_list("id", flat=True).first()


def version_row(name: str, *, lock: bool = False) -> ModelVersion:
    """Return the row of an own version in the open scope. Inside this app only."""
    rows = ModelVersion.objects.filter(name=name) if "\x00" not in name else None
    if rows is None:
        raise ModelNotFound
    row: ModelVersion | None = (rows.select_for_update() if lock else rows).first()
    if row is None:
        raise ModelNotFound
    return row


def version_info(row: ModelVersion) -> ModelVersionInfo:
    """Return a row as other apps see it."""
    names = ModelVersionInfo.__dataclass_fields__
    values: dict[str, Any] = {name: getattr(row, name) for name in names}
    return ModelVersionInfo(**{**values, "labels": tuple(row.labels)})


def _servable(row: ModelVersion) -> ServableModel:
    return ServableModel(
        version_id=row.id,
        name=row.name,
        base=row.base,
        tier=row.tier,
        task=row.task,
        labels=tuple(row.labels),
        artifact_key=row.artifact_key,
        artifact_sha256=row.artifact_sha256,
        max_length=row.max_length,
        organization_id=row.organization_id,
    )


def _servable_shipped(card: ShippedModelCard) -> ServableModel:
    return ServableModel(
        version_id=None,
        name=card.name,
        base=card.base,
        tier=card.tier,
        task=card.task,
        labels=card.labels,
        artifact_key=f"{SHIPPED_KEY}{card.name}",
        artifact_sha256=card.manifest_sha256,
        max_length=card.max_length,
        organization_id=None,
    )


def _layouts() -> dict[str, str]:
    return {card.id: card.architecture for card in base_models()}


def _version_listing(
    row: ModelVersion, organization: OrganizationRef, layouts: Mapping[str, str]
) -> ModelListing:
    details: dict[str, object] = {
        "base": row.base,
        "tier": row.tier,
        "task": row.task,
        "labels": row.labels,
        "metrics": row.metrics,
        **precision_details(row.metrics),
        "max_length": row.max_length,
        "origin": row.origin,
        "stages": sorted(stage.name for stage in row.stages.all()),
        "export_formats": forms_of(row, layouts),
        "continuable": row.tier in CONTINUED_TIERS,
        **({"job_id": public_id(JOB_PREFIX, row.job_id)} if row.job_id else {}),
        "version_id": public_id(VERSION_PREFIX, row.id),
    }
    return ModelListing(
        id=row.name,
        created=int(row.created_at.timestamp()),
        owned_by=organization.slug,
        kind="fine_tuned",
        details=details,
    )


def _shipped_listing(card: ShippedModelCard) -> ModelListing:
    details: dict[str, object] = {
        "base": card.base,
        "tier": card.tier,
        "task": card.task,
        "labels": list(card.labels),
        "metrics": dict(card.metrics),
        **precision_details(card.metrics),
        "max_length": card.max_length,
    }
    return ModelListing(card.name, card.created, HOUSE_OWNER, "shipped", details)


def _base_listing(card: BaseModelCard) -> ModelListing:
    details: dict[str, object] = {
        "name": card.name,
        "architecture": card.architecture,
        "tasks": list(card.tasks),
        "size_parameters": card.size_parameters,
        "size_bytes": card.size_bytes,
        "languages": list(card.languages),
        "licence": card.licence,
        "source": card.source.note,
        "max_length": card.max_length,
        "summary": card.summary["en"],
        "present": card.present,
    }
    return ModelListing(card.id, card.created, HOUSE_OWNER, "base", details)


def _with(listing: ModelListing, extras: dict[str, object]) -> ModelListing:
    return ModelListing(
        listing.id, listing.created, listing.owned_by, listing.kind, {**listing.details, **extras}
    )
