"""The end of the retention."""

from datetime import timedelta
from typing import Final

from anneal.kernel import clock
from anneal.kernel.scopes import system_scope
from anneal.kernel.tasks import task
from mlworker.predictions.models import LogDay, Prediction
from mlworker.predictions.selectors import kept_since
from mlworker.serving.models import Deployment
from mlworker.serving.selectors import log_of

_BATCH: Final = 5_000
_COUNTS_KEPT: Final = timedelta(days=400)


@task(name="predictions.sweep", queue="default", every=3600.0)
def sweep() -> None:
    """Forget rows whose days are over, and what days long past have counted."""
    with system_scope("ends of prediction logs"):
        LogDay.objects.filter(day__lt=(clock.now() - _COUNTS_KEPT).date()).delete()
        kept = LogDay.objects.values_list("deployment_id", flat=True).distinct()
        deployments = list(Deployment.objects.filter(id__in=kept))
    for deployment in deployments:
        while _forget(deployment) == _BATCH:
            pass


def _forget(deployment: Deployment) -> int:
    """Forget a batch of a deployment's rows; return how many they were."""
    with system_scope("ends of prediction logs"):
        rows = Prediction.objects.filter(
            organization_id=deployment.organization_id,
            deployment_id=deployment.id,
            id__lt=kept_since(log_of(deployment).days),
        )
        ids = list(rows.order_by("-id").values_list("id", flat=True)[:_BATCH])
        gone, _ = Prediction.objects.filter(id__in=ids).delete()
    return gone
