"""Changing deployments. Each change is a revision, an audit row and a push to the gateways."""

from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.errors import Conflict, InvalidRequest
from anneal.kernel.events import publish
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from mlworker.catalog.selectors import base_models, shipped_model_get
from mlworker.registry.contracts import ModelVersionDeleting, ServableModel
from mlworker.serving.contracts import (
    DEPLOYMENT_PREFIX,
    CanaryInfo,
    DeploymentDeleted,
    DeploymentInfo,
)
from mlworker.serving.errors import (
    DeploymentNameTaken,
    LabelsDiffer,
    ModelNotFound,
    NothingToPromote,
    NothingToRollBack,
)
from mlworker.serving.models import Deployment, DeploymentRevision, RevisionAction
from mlworker.serving.recording import (
    callable_model,
    gateways_tell,
    revision_next,
    revision_record,
)
from mlworker.serving.selectors import deployment_row, deployments_of_model
from mlworker.serving.shaping import names_shown


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
    callable_model(organization, model, "model")
    row = Deployment(name=name, model=model)
    _canary_set(organization, row, canary)
    try:
        with transaction.atomic():  # a savepoint: the open transaction survives a taken name
            row.save(force_insert=True)
    except IntegrityError:
        raise DeploymentNameTaken(param="name") from None
    return revision_record(organization, actor, row, RevisionAction.CREATED, "")


def deployment_promote(
    *,
    organization: OrganizationRef,
    actor: Actor,
    deployment_id: UUID,
    model: str | None = None,
    canary: CanaryInfo | None = None,
    reason: str = "",
    force: bool = False,
) -> DeploymentInfo:
    """Point the name at ``model``, or at its canary when none is named; or start a canary.

    With ``canary`` alone the main model stays and the canary gets its share; the ``model`` that
    answers already, named alone, ends its canary. LabelsDiffer when answers would have other
    labels than those of the model that answers now, unless ``force``.
    """
    require_scope(organization)
    row = deployment_row(deployment_id, lock=True)
    action = RevisionAction.PROMOTED
    before = _servable(organization, row.model)
    if model is not None:
        callable_model(organization, model, "model")
        if model == row.model and row.canary_model:
            action = RevisionAction.CANARY
        row.model = model
    elif canary is not None:
        action = RevisionAction.CANARY
    elif row.canary_model:
        row.model = row.canary_model
    else:
        raise NothingToPromote(param="model")
    _canary_set(organization, row, canary)
    if before is not None and not force:
        for name, param in ((row.model, "model"), (row.canary_model, "canary.model")):
            if name:
                _same_labels(row, before, callable_model(organization, name, param), param)
    _shadow_keep(organization, row)
    return revision_next(organization, actor, row, action, reason)


def deployment_rollback(
    *,
    organization: OrganizationRef,
    actor: Actor,
    deployment_id: UUID,
    revision: int | None = None,
    reason: str = "",
) -> DeploymentInfo:
    """Return to an earlier revision: the one named, else the last that pointed elsewhere.

    One whose model was deleted since is passed over, and refused where it was named.
    """
    require_scope(organization)
    row = deployment_row(deployment_id, lock=True)
    earlier = DeploymentRevision.objects.filter(
        deployment_id=row.id, number__lt=row.revision
    ).order_by("-number")
    if revision is not None:
        target = earlier.filter(number=revision).first()
    elif row.canary_model:
        target = _first_callable(organization, earlier.filter(canary_model=""))
    else:
        target = _first_callable(organization, earlier.exclude(model=row.model))
    if target is None:
        raise NothingToRollBack(param="revision" if revision is not None else None)
    callable_model(organization, target.model, "revision")
    row.model = target.model
    row.canary_model, row.canary_percent = target.canary_model, target.canary_percent
    if row.canary_model and _servable(organization, row.canary_model) is None:
        row.canary_model, row.canary_percent = "", 0  # deleted since: the model itself answers all
    row.shadow_model, row.shadow_percent = target.shadow_model, target.shadow_percent
    _shadow_keep(organization, row)
    return revision_next(organization, actor, row, RevisionAction.ROLLED_BACK, reason)


def _first_callable(
    organization: OrganizationRef, revisions: QuerySet[DeploymentRevision]
) -> DeploymentRevision | None:
    gone: set[str] = set()
    for revision in revisions.iterator():
        if revision.model in gone:
            continue
        if _servable(organization, revision.model) is not None:
            return revision
        gone.add(revision.model)
    return None


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
    publish(DeploymentDeleted(organization=organization, deployment_id=row.id))
    gateways_tell(organization)


def deployed_model_keep(event: ModelVersionDeleting) -> None:
    """Refuse to delete a version that a deployment still sends calls to."""
    names = deployments_of_model(organization=event.organization, model=event.name)
    if names:
        raise Conflict(
            f"The deployment '{names[0]}' points at this model: promote another one or delete the"
            " deployment first."
        )
    gateways_tell(event.organization)


def _canary_set(organization: OrganizationRef, row: Deployment, canary: CanaryInfo | None) -> None:
    if canary is None:
        row.canary_model, row.canary_percent = "", 0
        return
    if canary.model == row.model:
        raise InvalidRequest("The canary must be another model.", param="canary.model")
    callable_model(organization, canary.model, "canary.model")
    row.canary_model, row.canary_percent = canary.model, canary.percent


def _shadow_keep(organization: OrganizationRef, row: Deployment) -> None:
    """End a shadow that cannot be compared with what answers from now on."""
    if not row.shadow_model:
        return
    main, shadow = (_servable(organization, name) for name in (row.model, row.shadow_model))
    unfit = main is None or shadow is None or main.task != shadow.task
    if unfit or row.shadow_model == row.model:
        row.shadow_model, row.shadow_percent = "", 0


def _same_labels(row: Deployment, before: ServableModel, after: ServableModel, param: str) -> None:
    """Compare the labels as the deployment shows them."""
    if before.task != after.task:
        raise LabelsDiffer(
            f"The task of this model is {after.task}, programs that call '{row.name}' get answers"
            f" of {before.task}: send `force: true` if they are ready.",
            param=param,
        )
    names = row.output.get("labels", {})
    old, new = (set(names_shown(each, names)) for each in (before, after))
    if old == new:
        return
    gone, come = (", ".join(sorted(each)[:10]) or "none" for each in (old - new, new - old))
    raise LabelsDiffer(
        f"The labels differ. Gone: {gone}. New: {come}. Send `force: true` if the programs that"
        f" call '{row.name}' are ready.",
        param=param,
    )


def _servable(organization: OrganizationRef, name: str) -> ServableModel | None:
    try:
        return callable_model(organization, name, "model")
    except ModelNotFound:
        return None
