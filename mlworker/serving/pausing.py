"""Pausing a deployment: its name stays and answers nothing until it is resumed."""

from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from mlworker.serving.contracts import DeploymentInfo
from mlworker.serving.models import RevisionAction
from mlworker.serving.recording import revision_next
from mlworker.serving.selectors import deployment_info, deployment_row


def deployment_pause(
    *, organization: OrganizationRef, actor: Actor, deployment_id: UUID, reason: str = ""
) -> DeploymentInfo:
    """Have calls refused from now on, uncharged. A paused one stays as it is."""
    require_scope(organization)
    row = deployment_row(deployment_id, lock=True)
    if row.paused_at is not None:
        return deployment_info(row)
    row.paused_at = clock.now()
    return revision_next(organization, actor, row, RevisionAction.PAUSED, reason)


def deployment_resume(
    *, organization: OrganizationRef, actor: Actor, deployment_id: UUID, reason: str = ""
) -> DeploymentInfo:
    """Have calls answered again. One that is not paused stays as it is."""
    require_scope(organization)
    row = deployment_row(deployment_id, lock=True)
    if row.paused_at is None:
        return deployment_info(row)
    row.paused_at = None
    return revision_next(organization, actor, row, RevisionAction.RESUMED, reason)
