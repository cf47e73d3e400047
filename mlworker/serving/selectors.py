"""Reading deployments, and what a `model` in a request stands for."""

import re
from collections.abc import Iterable
from typing import Final
from uuid import UUID

from anneal.kernel.errors import NotFound
from anneal.kernel.ids import public_id
from anneal.kernel.scopes import OrganizationRef, require_scope
from mlworker.registry.contracts import ModelListing, ServableModel
from mlworker.registry.selectors import model_version_resolve
from mlworker.serving.contracts import (
    DEPLOYMENT_PREFIX,
    CanaryInfo,
    DeploymentInfo,
    LogInfo,
    ModelTarget,
    OutputInfo,
    RevisionInfo,
    RuleInfo,
    ShadowInfo,
)
from mlworker.serving.errors import ModelNotFound
from mlworker.serving.models import NAME_PATTERN, Deployment, DeploymentRevision

_NAME: Final = re.compile(NAME_PATTERN)


def model_resolve(*, organization: OrganizationRef, name: str) -> ModelTarget:
    """Return what ``name`` stands for: deployment, own `ft:` version or shipped model; NotFound."""
    require_scope(organization)
    row = deployment_named(name)
    if row is None:
        servable = model_version_resolve(organization=organization, name=name)
        kind: Final = "shipped" if servable.organization_id is None else "fine_tuned"
        return ModelTarget(name=name, kind=kind, main=servable)
    main = model_version_resolve(organization=organization, name=row.model)
    canary = None
    if row.canary_model:
        canary = model_version_resolve(organization=organization, name=row.canary_model)
    return ModelTarget(
        name=name,
        kind="deployment",
        main=main,
        deployment_id=row.id,
        canary=canary,
        canary_percent=row.canary_percent,
        paused=row.paused_at is not None,
        shadow=_shadow_resolve(organization, row, main),
        shadow_percent=row.shadow_percent,
        compared_since=row.compared_since,
        output=OutputInfo(**row.output),
        rules=tuple(RuleInfo(**rule) for rule in row.rules),
        log=log_of(row),
        by_outcome=row.outcome_contract_id is not None,
    )


def model_find(*, organization: OrganizationRef, name: str) -> ModelTarget:
    """Return what ``name`` stands for, or ModelNotFound, which says what could be named."""
    try:
        return model_resolve(organization=organization, name=name)
    except NotFound:
        raise ModelNotFound(
            f"No model '{name[:80]}': use a deployment's name, a fine-tuned model 'ft:...' or a"
            " shipped model such as 'sentiment-en'. GET /v1/models lists them.",
            param="model",
        ) from None


def _shadow_resolve(
    organization: OrganizationRef, row: Deployment, main: ServableModel
) -> ServableModel | None:
    """Return the shadow, if it is there and answers what the main model answers."""
    if not row.shadow_model:
        return None
    try:
        shadow = model_version_resolve(organization=organization, name=row.shadow_model)
    except NotFound:  # no answer depends on a shadow
        return None
    return shadow if shadow.task == main.task else None


def deployment_named(name: str) -> Deployment | None:
    """Return the open scope's deployment of that name. Inside this app only."""
    if not _NAME.fullmatch(name):
        return None
    return Deployment.objects.filter(name=name, deleted_at=None).first()


def deployment_row(deployment_id: UUID, *, lock: bool = False) -> Deployment:
    """Return a living deployment of the open scope, or NotFound. Inside this app only."""
    rows = Deployment.objects.filter(deleted_at=None)
    if lock:
        rows = rows.select_for_update()
    row: Deployment | None = rows.filter(id=deployment_id).first()
    if row is None:
        raise NotFound("No such deployment.")
    return row


def deployment_get(*, organization: OrganizationRef, deployment_id: UUID) -> DeploymentInfo:
    """Return a deployment; NotFound."""
    require_scope(organization)
    return deployment_info(deployment_row(deployment_id))


def revision_list(*, organization: OrganizationRef, deployment_id: UUID) -> list[RevisionInfo]:
    """Return a deployment's history, newest first, 100 entries at most."""
    require_scope(organization)
    rows = DeploymentRevision.objects.filter(deployment_id=deployment_id).order_by("-number")
    return [
        RevisionInfo(
            number=row.number,
            model=row.model,
            canary=canary_of(row),
            action=row.action,
            reason=row.reason,
            actor=row.actor,
            created_at=row.created_at,
            shadow=shadow_of(row),
        )
        for row in rows[:100]
    ]


def deployments_of_model(*, organization: OrganizationRef, model: str) -> list[str]:
    """Return the names of the deployments that send calls to ``model``."""
    require_scope(organization)
    living = Deployment.objects.filter(deleted_at=None)
    rows = (
        living.filter(model=model)
        | living.filter(canary_model=model)
        | living.filter(shadow_model=model)
    )
    return sorted(row.name for row in rows)


def deployment_listings(organization: OrganizationRef) -> Iterable[ModelListing]:
    """Return the organization's deployments as lines of `GET /v1/models`."""
    require_scope(organization)
    return [
        ModelListing(
            id=row.name,
            created=int(row.created_at.timestamp()),
            owned_by=organization.slug,
            kind="deployment",
            details={
                "deployment": public_id(DEPLOYMENT_PREFIX, row.id),
                "model": row.model,
                "revision": row.revision,
                "paused": row.paused_at is not None,
            },
        )
        for row in Deployment.objects.filter(deleted_at=None).order_by("-id")
    ]


def deployment_info(row: Deployment) -> DeploymentInfo:
    """Return a row as other apps see it."""
    return DeploymentInfo(
        id=row.id,
        name=row.name,
        model=row.model,
        canary=canary_of(row),
        revision=row.revision,
        created_at=row.created_at,
        updated_at=row.updated_at,
        paused_at=row.paused_at,
        shadow=shadow_of(row),
        compared_since=row.compared_since,
        output=OutputInfo(**row.output),
        rules=tuple(RuleInfo(**rule) for rule in row.rules),
        log=log_of(row),
        log_from=row.log_from,
    )


def canary_of(row: Deployment | DeploymentRevision) -> CanaryInfo | None:
    """Return the second model, if one runs."""
    if not row.canary_model:
        return None
    return CanaryInfo(model=row.canary_model, percent=row.canary_percent)


def shadow_of(row: Deployment | DeploymentRevision) -> ShadowInfo | None:
    """Return the model that is compared beside, if one is."""
    if not row.shadow_model:
        return None
    return ShadowInfo(model=row.shadow_model, percent=row.shadow_percent)


def log_of(row: Deployment) -> LogInfo:
    """Return what is kept of a deployment's answered calls."""
    stored = {**row.log}
    for name in ("redact", "words"):
        if name in stored:
            stored[name] = tuple(stored[name])
    return LogInfo(**stored)
