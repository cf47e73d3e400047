"""Changing deployments. Each change is a revision, an audit row and a push to the gateways."""

import logging
from uuid import UUID

from django.db import IntegrityError, transaction
from redis.exceptions import RedisError

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.errors import Conflict, InvalidRequest, NotFound
from anneal.kernel.events import publish
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor
from anneal.kernel.redis import redis_client
from anneal.kernel.scopes import OrganizationRef, require_scope
from mlworker.catalog.selectors import base_models, shipped_model_get
from mlworker.registry.contracts import ModelVersionDeleting
from mlworker.registry.selectors import model_version_resolve
from mlworker.serving.contracts import (
    DEPLOYMENT_PREFIX,
    MODELS_CHANGED_CHANNEL,
    CanaryInfo,
    DeploymentInfo,
    DeploymentPointed,
)
from mlworker.serving.errors import (
    DeploymentNameTaken,
    ModelNotFound,
    NothingToPromote,
    NothingToRollBack,
)
from mlworker.serving.models import Deployment, DeploymentRevision, RevisionAction
from mlworker.serving.selectors import deployment_info, deployment_row, deployments_of_model

logger = logging.getLogger(__name__)


def deployment_create(
    *,
    organization: OrganizationRef,
    actor: Actor,
    name: str,
    model: str,
    canary: CanaryInfo | None = None,
) -> DeploymentInfo:
    """Make a stable name for ``model``. DeploymentNameTaken, ModelNotFound."""
    require_scope(organization)
    if shipped_model_get(name) is not None or any(card.id == name for card in base_models()):
        raise DeploymentNameTaken(param="name")
    _require_callable(organization, model, "model")
    row = Deployment(name=name, model=model)
    _canary_set(organization, row, canary)
    try:
        with transaction.atomic():  # a savepoint: the open transaction survives a taken name
            row.save(force_insert=True)
    except IntegrityError:
        raise DeploymentNameTaken(param="name") from None
    return _record(organization, actor, row, RevisionAction.CREATED, "")


def deployment_promote(
    *,
    organization: OrganizationRef,
    actor: Actor,
    deployment_id: UUID,
    model: str | None = None,
    canary: CanaryInfo | None = None,
    reason: str = "",
) -> DeploymentInfo:
    """Point the name at ``model``, or at its canary when none is named; or start a canary.

    With ``canary`` alone the main model stays and the canary gets its share.
    """
    require_scope(organization)
    row = deployment_row(deployment_id, lock=True)
    action = RevisionAction.PROMOTED
    if model is not None:
        _require_callable(organization, model, "model")
        row.model = model
    elif canary is not None:
        action = RevisionAction.CANARY
    elif row.canary_model:
        row.model = row.canary_model
    else:
        raise NothingToPromote(param="model")
    _canary_set(organization, row, canary)
    return _next_revision(organization, actor, row, action, reason)


def deployment_rollback(
    *,
    organization: OrganizationRef,
    actor: Actor,
    deployment_id: UUID,
    revision: int | None = None,
    reason: str = "",
) -> DeploymentInfo:
    """Return to an earlier revision: the one named, else the last that pointed elsewhere."""
    require_scope(organization)
    row = deployment_row(deployment_id, lock=True)
    earlier = DeploymentRevision.objects.filter(
        deployment_id=row.id, number__lt=row.revision
    ).order_by("-number")
    if revision is not None:
        target = earlier.filter(number=revision).first()
    elif row.canary_model:
        target = earlier.filter(canary_model="").first()
    else:
        target = earlier.exclude(model=row.model).first()
    if target is None:
        raise NothingToRollBack(param="revision" if revision is not None else None)
    _require_callable(organization, target.model, "revision")
    row.model = target.model
    row.canary_model, row.canary_percent = target.canary_model, target.canary_percent
    return _next_revision(organization, actor, row, RevisionAction.ROLLED_BACK, reason)


def deployment_delete(*, organization: OrganizationRef, actor: Actor, deployment_id: UUID) -> None:
    """Free the name. Calls to it answer 404 from now on; history and usage stay."""
    require_scope(organization)
    row = deployment_row(deployment_id, lock=True)
    row.deleted_at = clock.now()
    row.save(update_fields=["deleted_at", "updated_at"])
    audit_record(
        actor=actor,
        action="deployment.delete",
        target=public_id(DEPLOYMENT_PREFIX, row.id),
        detail={"name": row.name},
    )
    _push(organization)


def deployed_model_keep(event: ModelVersionDeleting) -> None:
    """Refuse to delete a version that a deployment still sends calls to."""
    names = deployments_of_model(organization=event.organization, model=event.name)
    if names:
        raise Conflict(
            f"The deployment '{names[0]}' points at this model: promote another one or delete the"
            " deployment first."
        )
    _push(event.organization)


def _require_callable(organization: OrganizationRef, model: str, param: str) -> None:
    try:
        model_version_resolve(organization=organization, name=model)
    except NotFound:
        raise ModelNotFound(param=param) from None


def _canary_set(organization: OrganizationRef, row: Deployment, canary: CanaryInfo | None) -> None:
    if canary is None:
        row.canary_model, row.canary_percent = "", 0
        return
    if canary.model == row.model:
        raise InvalidRequest("The canary must be another model.", param="canary.model")
    _require_callable(organization, canary.model, "canary.model")
    row.canary_model, row.canary_percent = canary.model, canary.percent


def _next_revision(
    organization: OrganizationRef,
    actor: Actor,
    row: Deployment,
    action: RevisionAction,
    reason: str,
) -> DeploymentInfo:
    row.revision += 1
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
    return _record(organization, actor, row, action, reason)


def _record(
    organization: OrganizationRef,
    actor: Actor,
    row: Deployment,
    action: RevisionAction,
    reason: str,
) -> DeploymentInfo:
    pointing = {
        "model": row.model,
        "canary_model": row.canary_model,
        "canary_percent": row.canary_percent,
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
    _push(organization)
    return deployment_info(row)


_VERBS = {
    RevisionAction.CREATED: "create",
    RevisionAction.CANARY: "canary",
    RevisionAction.PROMOTED: "promote",
    RevisionAction.ROLLED_BACK: "rollback",
}


def _push(organization: OrganizationRef) -> None:
    """Tell every gateway after the commit; one that misses it learns within half a minute."""

    def publish() -> None:
        try:
            redis_client().publish(MODELS_CHANGED_CHANNEL, str(organization.id))
        except RedisError:
            logger.warning("serving.push_failed")

    transaction.on_commit(publish, robust=True)
