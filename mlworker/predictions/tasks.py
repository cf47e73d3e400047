"""Deleting rows of the log that are shown no more: in steps, so that none locks or lasts long."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.scopes import system_scope
from anneal.kernel.tasks import task
from mlworker.predictions.models import LogDay, Prediction
from mlworker.predictions.selectors import shown_from
from mlworker.serving.models import Deployment
from mlworker.serving.selectors import log_of

_STEP: Final = 5_000
_REASON: Final = "ends of prediction logs"
_COUNTS_KEPT: Final = timedelta(days=400)


@task(name="predictions.sweep", queue="default", every=3600.0)
def sweep() -> None:
    """Delete rows whose days are over or that were forgotten, and what days long past counted."""
    with system_scope(_REASON):
        LogDay.objects.filter(day__lt=(clock.now() - _COUNTS_KEPT).date()).delete()
        kept = LogDay.objects.values_list("deployment_id", flat=True).distinct()
        deployments = list(Deployment.objects.filter(id__in=kept))
    for deployment in deployments:
        _forget(deployment)


@task(name="predictions.forget", queue="default")
def forget(deployment_id: str) -> None:
    """Delete what was forgotten of a deployment. The sweep does it should this be lost."""
    with system_scope(_REASON):
        deployment = Deployment.objects.get(id=deployment_id)
    _forget(deployment)


def _forget(deployment: Deployment) -> None:
    last = _forget_some(deployment, None)
    while last is not None:
        last = _forget_some(deployment, last)
    if deployment.deleted_at is not None:
        with system_scope(_REASON):
            LogDay.objects.filter(deployment_id=deployment.id).delete()


def _forget_some(deployment: Deployment, below: UUID | None) -> UUID | None:
    """Delete a step of rows, downwards from an id; return where it ended, None behind the last.

    From there on, since Postgres would pass all that was deleted before once more.
    """
    with system_scope(_REASON):
        rows = Prediction.objects.filter(
            organization_id=deployment.organization_id, deployment_id=deployment.id
        )
        if deployment.deleted_at is None:
            rows = rows.filter(id__lt=shown_from(deployment, log_of(deployment)))
        if below is not None:
            rows = rows.filter(id__lt=below)
        ids = list(rows.order_by("-id").values_list("id", flat=True)[:_STEP])
        Prediction.objects.filter(id__in=ids).delete()
    return ids[-1] if len(ids) == _STEP else None
