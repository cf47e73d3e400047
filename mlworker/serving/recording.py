"""What every change of a deployment leaves: a revision, an audit row, a push to the gateways."""

import logging
from typing import Final
from uuid import UUID

from django.db import transaction
from redis.exceptions import RedisError

from anneal.kernel.audit import audit_record
from anneal.kernel.errors import NotFound
from anneal.kernel.events import publish
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor
from anneal.kernel.redis import redis_client
from anneal.kernel.scopes import OrganizationRef
from mlworker.registry.contracts import ServableModel
from mlworker.registry.selectors import model_version_keep, model_version_resolve
from mlworker.serving.contracts import (
    DEPLOYMENT_PREFIX,
    MODELS_CHANGED_CHANNEL,
    DeploymentInfo,
    DeploymentPointed,
)
from mlworker.serving.errors import ModelNotFound
from mlworker.serving.models import Deployment, DeploymentRevision, RevisionAction
from mlworker.serving.selectors import deployment_info

logger = logging.getLogger(__name__)

_VERBS: Final = {
    RevisionAction.CREATED: "create",
    RevisionAction.CANARY: "canary",
    RevisionAction.SHADOW: "shadow",
    RevisionAction.PROMOTED: "promote",
    RevisionAction.ROLLED_BACK: "rollback",
    RevisionAction.PAUSED: "pause",
    RevisionAction.RESUMED: "resume",
}


def callable_model(organization: OrganizationRef, model: str, param: str) -> ServableModel:
    """Return what serves ``model``, kept until the scope closes; ModelNotFound names ``param``."""
    try:
        found = model_version_resolve(organization=organization, name=model)
        if found.version_id is not None:
            model_version_keep(organization=organization, version_id=found.version_id)
    except NotFound:
        raise ModelNotFound(param=param) from None
    return found


def revision_next(
    organization: OrganizationRef,
    actor: Actor,
    row: Deployment,
    action: RevisionAction,
    reason: str,
) -> DeploymentInfo:
    """Save a changed deployment as its next revision."""
    row.revision += 1
    if action not in (RevisionAction.PAUSED, RevisionAction.RESUMED):
        row.compared_since = row.revision
    row.save()
    if action in (RevisionAction.PROMOTED, RevisionAction.ROLLED_BACK):
        publish(
            DeploymentPointed(
                organization=organization,
                deployment_id=row.id,
                name=row.name,
                model=row.model,
                revision=row.revision,
                rolled_back=action == RevisionAction.ROLLED_BACK,
            )
        )
    return revision_record(organization, actor, row, action, reason)


def revision_record(
    organization: OrganizationRef,
    actor: Actor,
    row: Deployment,
    action: RevisionAction,
    reason: str,
) -> DeploymentInfo:
    """Write the history's entry and the audit row of what the deployment is now."""
    pointing = {
        "model": row.model,
        "canary_model": row.canary_model,
        "canary_percent": row.canary_percent,
        "shadow_model": row.shadow_model,
        "shadow_percent": row.shadow_percent,
    }
    DeploymentRevision(
        deployment_id=row.id,
        number=row.revision,
        action=action,
        reason=reason,
        actor=actor.label,
        **pointing,
    ).save(force_insert=True)
    audit_record(
        actor=actor,
        action=f"deployment.{_VERBS[action]}",
        target=public_id(DEPLOYMENT_PREFIX, row.id),
        detail={"name": row.name, "revision": row.revision, **pointing},
    )
    gateways_tell(organization)
    return deployment_info(row)


def outcome_contract_set(
    organization: OrganizationRef, deployment_id: UUID, contract_id: UUID | None
) -> None:
    """Let a deployment's predictions be paid by an outcome contract, or by the call again."""
    Deployment.objects.filter(id=deployment_id).update(outcome_contract_id=contract_id)
    gateways_tell(organization)


def gateways_tell(organization: OrganizationRef) -> None:
    """Tell every gateway after the commit; one that misses it learns within half a minute."""

    def publish_change() -> None:
        try:
            redis_client().publish(MODELS_CHANGED_CHANNEL, str(organization.id))
        except RedisError:
            logger.warning("serving.push_failed")

    transaction.on_commit(publish_change, robust=True)
