"""Changing what is kept, and forgetting what was."""

from datetime import timedelta
from uuid import UUID

from django.db.models import QuerySet

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.errors import NotFound
from anneal.kernel.ids import public_id
from anneal.kernel.outbox import outbox_add
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from mlworker.predictions.contracts import COUNTED
from mlworker.predictions.errors import LogUnfit
from mlworker.predictions.models import LogDay, Prediction
from mlworker.predictions.redaction import word_fits
from mlworker.predictions.selectors import first_id, predictions_of
from mlworker.serving.adapting import deployment_log_empty, deployment_log_set
from mlworker.serving.contracts import (
    DEPLOYMENT_PREFIX,
    PREDICTION_PREFIX,
    DeploymentDeleted,
    DeploymentInfo,
    LogInfo,
)
from mlworker.serving.selectors import deployment_get


def prediction_log_set(
    *, organization: OrganizationRef, actor: Actor, deployment_id: UUID, log: LogInfo
) -> DeploymentInfo:
    """Set what is kept of a deployment's answered calls. LogUnfit names the word at fault.

    A shorter retention holds for what is kept already; other rules hold for calls to come.
    """
    require_scope(organization)
    for number, word in enumerate(log.words):
        if not word_fits(word):
            raise LogUnfit(
                f"'{word}' names nothing that can be found: write words with letters or digits,"
                " `#` for a digit and one `*` for the rest of a word.",
                param=f"words[{number}]",
            )
    return deployment_log_set(
        organization=organization, actor=actor, deployment_id=deployment_id, log=log
    )


def prediction_delete(*, organization: OrganizationRef, actor: Actor, prediction_id: UUID) -> None:
    """Forget one kept row. NotFound."""
    require_scope(organization)
    gone, _ = Prediction.objects.filter(organization_id=organization.id, id=prediction_id).delete()
    if not gone:
        raise NotFound("No such prediction is in a log.")
    audit_record(
        actor=actor,
        action="prediction.delete",
        target=public_id(PREDICTION_PREFIX, prediction_id),
    )


def predictions_delete(*, organization: OrganizationRef, actor: Actor, deployment_id: UUID) -> int:
    """Forget all rows of a deployment; return how many they were, counted up to COUNTED.

    They are shown no more from now on. A log of millions is deleted in steps, so by a task.
    """
    require_scope(organization)
    deployment = deployment_get(organization=organization, deployment_id=deployment_id)
    rows = predictions_of(organization=organization, deployment=deployment)
    gone = rows[:COUNTED].count()
    deployment_log_empty(
        organization=organization, deployment_id=deployment.id, first=_first_after(rows)
    )
    _deletion_ask(deployment.id)
    audit_record(
        actor=actor,
        action="prediction_log.delete",
        target=public_id(DEPLOYMENT_PREFIX, deployment.id),
        detail={"name": deployment.name, "rows": gone},
    )
    return gone


def _first_after(rows: QuerySet[Prediction]) -> UUID:
    """Return an id after this moment, and after all rows: a gateway's clock may be ahead."""
    now = first_id(clock.now() + timedelta(milliseconds=1))
    newest = rows.order_by("-id").values_list("id", flat=True).first()
    return now if newest is None else max(now, UUID(int=newest.int + 1))


def deployment_log_drop(event: DeploymentDeleted) -> None:
    """Have all deleted that was kept of a deployment that goes."""
    kept = LogDay.objects.filter(
        organization_id=event.organization.id, deployment_id=event.deployment_id
    )
    if kept.exists():
        _deletion_ask(event.deployment_id)


def _deletion_ask(deployment_id: UUID) -> None:
    payload = {"deployment_id": str(deployment_id)}
    outbox_add(task="predictions.forget", queue="default", payload=payload)
