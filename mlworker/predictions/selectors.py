"""Reading the prediction log."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from anneal.kernel import clock
from anneal.kernel.errors import NotFound
from anneal.kernel.scopes import OrganizationRef, require_scope
from mlworker.predictions.contracts import (
    COUNTED,
    DAYS_SHOWN,
    LogDayInfo,
    LoggedPrediction,
    LogState,
)
from mlworker.predictions.models import LogDay, Prediction
from mlworker.serving.contracts import DeploymentInfo, LogInfo
from mlworker.serving.models import Deployment
from mlworker.serving.selectors import log_of


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which rows; None means any."""

    model: str | None = None
    label: str | None = None
    score_below: float | None = None
    since: datetime | None = None
    until: datetime | None = None


ANY = LogFilter()


def first_id(moment: datetime) -> UUID:
    """Return the least id that can have been made at a moment: its first bits are the time."""
    milliseconds = max(0, int(moment.timestamp() * 1000))
    return UUID(int=min(milliseconds, (1 << 48) - 1) << 80)


def kept_since(days: int) -> UUID:
    """Return the least id of a row that a retention of so many days still shows."""
    return first_id(clock.now() - timedelta(days=days))


def shown_from(deployment: DeploymentInfo | Deployment, log: LogInfo) -> UUID:
    """Return the least id of a deployment's log that is shown."""
    kept = kept_since(log.days)
    return kept if deployment.log_from is None else max(kept, deployment.log_from)


def predictions_of(
    *, organization: OrganizationRef, deployment: DeploymentInfo, wanted: LogFilter = ANY
) -> QuerySet[Prediction]:
    """Return a deployment's kept rows. Those over or forgotten are gone, deleted yet or not."""
    require_scope(organization)
    rows: QuerySet[Prediction] = Prediction.objects.filter(
        organization_id=organization.id,
        deployment_id=deployment.id,
        id__gte=shown_from(deployment, deployment.log),
    )
    chosen: dict[str, Any] = {}
    if wanted.model is not None:
        chosen["model"] = wanted.model
    if wanted.label is not None:
        chosen["labels__contains"] = [wanted.label]
    if wanted.score_below is not None:
        chosen["score__lt"] = wanted.score_below
    if wanted.since is not None:
        rows = rows.filter(id__gte=first_id(wanted.since))
    if wanted.until is not None:
        chosen["id__lt"] = first_id(wanted.until)
    return rows.filter(**chosen)


def prediction_get(*, organization: OrganizationRef, prediction_id: UUID) -> LoggedPrediction:
    """Return one kept row; NotFound when it was never kept, or is no more."""
    require_scope(organization)
    rows = Prediction.objects.filter(organization_id=organization.id, id=prediction_id)
    row = rows.select_related("deployment").filter(deployment__deleted_at=None).first()
    if row is None or not _shown(row):
        raise NotFound("No such prediction is in a log.")
    return prediction_info(row)


def prediction_texts(
    *, organization: OrganizationRef, prediction_ids: Collection[UUID]
) -> dict[UUID, str]:
    """Return the kept texts of those predictions that have one."""
    require_scope(organization)
    if not prediction_ids:
        return {}
    rows = Prediction.objects.filter(
        organization_id=organization.id,
        id__in=prediction_ids,
        deployment__deleted_at=None,
        text__isnull=False,
    ).select_related("deployment")
    return {row.id: row.text for row in rows if _shown(row)}


def log_state(*, organization: OrganizationRef, deployment: DeploymentInfo) -> LogState:
    """Return a deployment's settings and figures."""
    rows = predictions_of(organization=organization, deployment=deployment)
    days = LogDay.objects.filter(
        organization_id=organization.id,
        deployment_id=deployment.id,
        day__gt=clock.now().date() - timedelta(days=DAYS_SHOWN),
    )
    return LogState(
        log=deployment.log,
        rows=rows[:COUNTED].count(),
        days=tuple(
            LogDayInfo(row.day, row.answered, row.kept, row.dropped)
            for row in days.order_by("-day")
        ),
    )


def prediction_info(row: Prediction) -> LoggedPrediction:
    """Return a row as other apps see it."""
    return LoggedPrediction(
        id=row.id,
        deployment_id=row.deployment_id,
        model=row.model,
        text=row.text,
        text_cut=row.text_cut,
        hidden=row.hidden,
        answer=row.answer,
        labels=tuple(row.labels),
        score=row.score,
        created_at=row.created_at,
    )


def _shown(row: Prediction) -> bool:
    return bool(row.id >= shown_from(row.deployment, log_of(row.deployment)))
