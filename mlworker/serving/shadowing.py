"""Shadows: a second model that runs beside the one that answers, to be compared."""

from uuid import UUID

from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from mlworker.serving.contracts import DeploymentInfo, ShadowInfo
from mlworker.serving.errors import ShadowUnfit
from mlworker.serving.models import RevisionAction
from mlworker.serving.recording import callable_model, revision_next
from mlworker.serving.selectors import deployment_info, deployment_row


def deployment_shadow(
    *,
    organization: OrganizationRef,
    actor: Actor,
    deployment_id: UUID,
    shadow: ShadowInfo | None,
    reason: str = "",
) -> DeploymentInfo:
    """Run ``shadow`` beside the main model, or none from now on. ModelNotFound, ShadowUnfit.

    The comparison begins anew; what the earlier one found is kept.
    """
    require_scope(organization)
    row = deployment_row(deployment_id, lock=True)
    if shadow is None and not row.shadow_model:
        return deployment_info(row)
    if shadow is not None:
        main = callable_model(organization, row.model, "model")
        beside = callable_model(organization, shadow.model, "model")
        if shadow.model == row.model:
            raise ShadowUnfit("This model answers already: name another one.", param="model")
        if beside.task != main.task:
            raise ShadowUnfit(
                f"The model that answers has the task {main.task}, this one {beside.task}: "
                "their answers cannot be compared.",
                param="model",
            )
    row.shadow_model = shadow.model if shadow else ""
    row.shadow_percent = shadow.percent if shadow else 0
    return revision_next(organization, actor, row, RevisionAction.SHADOW, reason)
