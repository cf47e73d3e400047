"""`/v1/deployments/{id}/prediction_log`, its rows, and `/v1/predictions/{id}`."""

import math
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.api import Download, TenantView, integer_read, page
from anneal.kernel.ids import parse_id, public_id
from anneal.kernel.principal import Permission
from mlworker.predictions.contracts import LoggedPrediction
from mlworker.predictions.errors import LogFilterInvalid
from mlworker.predictions.exporting import FileForm, predictions_export
from mlworker.predictions.models import Prediction
from mlworker.predictions.render import render_log, render_prediction
from mlworker.predictions.schemas import (
    LogDeletedSchema,
    LoggedPredictionListSchema,
    LoggedPredictionSchema,
    LogSetSchema,
    LogStateSchema,
    PredictionDeletedSchema,
    log_from,
)
from mlworker.predictions.searching import search_bounded
from mlworker.predictions.selectors import (
    LogFilter,
    log_state,
    prediction_get,
    prediction_info,
    predictions_of,
)
from mlworker.predictions.services import (
    prediction_delete,
    prediction_log_set,
    predictions_delete,
)
from mlworker.serving.api.deployments import OneDeployment
from mlworker.serving.contracts import PREDICTION_PREFIX

_TAGS: Final = ["prediction log"]
_LAST_SECOND: Final = 253_402_300_799
LOG_FILTERS: Final = [
    OpenApiParameter("model", str, description="The version that answered."),
    OpenApiParameter("label", str, description="A label of the answer, as it was shown."),
    OpenApiParameter("score_below", float, description="Answers less sure than this."),
    OpenApiParameter("from", int, description="Unix second of the first."),
    OpenApiParameter("to", int, description="Unix second behind the last."),
]
_AFTER: Final = OpenApiParameter("after", str, description="The last id of the page before.")


class PredictionLogView(OneDeployment):
    """What is kept of a deployment's calls."""

    permission: ClassVar = {"GET": Permission.READ, "PUT": Permission.DEPLOY}

    @extend_schema(operation_id="prediction_log_retrieve", tags=_TAGS, responses=LogStateSchema)
    def get(self, request: Request, deployment_id: str) -> Response:
        """Return what is asked to be kept, and what was kept and dropped."""
        state = log_state(organization=self.organization, deployment=self.located)
        return Response(render_log(state))

    @extend_schema(
        operation_id="prediction_log_set",
        tags=_TAGS,
        request=LogSetSchema,
        responses=LogStateSchema,
    )
    def put(self, request: Request, deployment_id: str) -> Response:
        """Set what is kept of calls to come. Off by default; rows there are stay their days."""
        changed = prediction_log_set(
            organization=self.organization,
            actor=self.actor,
            deployment_id=self.located.id,
            log=log_from(self.body(LogSetSchema)),
        )
        return Response(render_log(log_state(organization=self.organization, deployment=changed)))


class LoggedPredictionsView(OneDeployment):
    """The rows of a deployment's log."""

    permission: ClassVar = {"GET": Permission.LABEL, "DELETE": Permission.DEPLOY}

    @extend_schema(
        operation_id="deployments_predictions_list",
        tags=_TAGS,
        parameters=[*LOG_FILTERS, _AFTER, OpenApiParameter("limit", int)],
        responses=LoggedPredictionListSchema,
    )
    def get(self, request: Request, deployment_id: str) -> Response:
        """List kept predictions, newest first."""
        rows = predictions_of(
            organization=self.organization, deployment=self.located, wanted=log_filter_read(request)
        )
        with search_bounded():
            found = page(rows, request, prefix=PREDICTION_PREFIX, render=_render_row)
        return Response(found)

    @extend_schema(
        operation_id="deployments_predictions_delete",
        tags=_TAGS,
        request=None,
        responses={200: LogDeletedSchema},
    )
    def delete(self, request: Request, deployment_id: str) -> Response:
        """Forget all kept predictions of the deployment. It goes on keeping those to come."""
        gone = predictions_delete(
            organization=self.organization, actor=self.actor, deployment_id=self.located.id
        )
        return Response({"object": "prediction_log", "deployment": deployment_id, "deleted": gone})


class LogFileView(OneDeployment):
    """The log as a file."""

    permission = Permission.LABEL
    form: ClassVar[FileForm]

    def answer(self, request: Request, kind: str) -> Download:
        """Return the rows; `x-more-after` is the `after` of the next file, where there is one."""
        after = request.query_params.get("after")
        file = predictions_export(
            organization=self.organization,
            actor=self.actor,
            deployment=self.located,
            wanted=log_filter_read(request),
            form=self.form,
            after=parse_id(PREDICTION_PREFIX, after) if after else None,
        )
        name = f"{self.located.name}-predictions.{self.form}"
        found = Download(file.content, kind=kind, name=name)
        if file.more is not None:
            found["X-More-After"] = public_id(PREDICTION_PREFIX, file.more)
        return found


class LogJsonlView(LogFileView):
    """JSON lines."""

    form = "jsonl"

    @extend_schema(
        operation_id="deployments_predictions_jsonl",
        tags=_TAGS,
        parameters=[*LOG_FILTERS, _AFTER],
        responses={(200, "application/jsonl"): OpenApiTypes.STR},
    )
    def get(self, request: Request, deployment_id: str) -> Download:
        """Return kept predictions as JSON lines, 20,000 at most; `x-more-after` leads on."""
        return self.answer(request, "application/jsonl")


class LogCsvView(LogFileView):
    """A table."""

    form = "csv"

    @extend_schema(
        operation_id="deployments_predictions_csv",
        tags=_TAGS,
        parameters=[*LOG_FILTERS, _AFTER],
        responses={(200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request, deployment_id: str) -> Download:
        """Return kept predictions for a spreadsheet, 20,000 at most; `x-more-after` leads on."""
        return self.answer(request, "text/csv")


class LoggedPredictionView(TenantView):
    """One kept prediction."""

    permission: ClassVar = {"GET": Permission.LABEL, "DELETE": Permission.DEPLOY}
    located: LoggedPrediction

    def locate(self, request: Request, **ids: str) -> LoggedPrediction:
        """Find the row."""
        return prediction_get(
            organization=self.organization,
            prediction_id=parse_id(PREDICTION_PREFIX, ids["prediction_id"]),
        )

    @extend_schema(
        operation_id="predictions_retrieve", tags=_TAGS, responses=LoggedPredictionSchema
    )
    def get(self, request: Request, prediction_id: str) -> Response:
        """Return one kept prediction."""
        return Response(render_prediction(self.located))

    @extend_schema(
        operation_id="predictions_delete",
        tags=_TAGS,
        request=None,
        responses={200: PredictionDeletedSchema},
    )
    def delete(self, request: Request, prediction_id: str) -> Response:
        """Forget one kept prediction. What was charged for it stays."""
        prediction_delete(
            organization=self.organization, actor=self.actor, prediction_id=self.located.id
        )
        return Response({"id": prediction_id, "object": "prediction", "deleted": True})


def _render_row(row: Prediction) -> dict[str, Any]:
    return render_prediction(prediction_info(row))


def log_filter_read(request: Request) -> LogFilter:
    """Read the filters of the query. LogFilterInvalid."""
    given = request.query_params
    for name in ("model", "label"):
        if "\x00" in given.get(name, ""):
            raise LogFilterInvalid(f"{name} holds a NUL character: remove it.", param=name)
    return LogFilter(
        model=given.get("model") or None,
        label=given.get("label"),
        score_below=_number(given.get("score_below")),
        since=_moment(request, "from"),
        until=_moment(request, "to"),
    )


def _number(text: str | None) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if math.isnan(value):
        raise LogFilterInvalid("score_below is a number such as 0.6.", param="score_below")
    return value


def _moment(request: Request, name: str) -> datetime | None:
    if not request.query_params.get(name):
        return None
    return datetime.fromtimestamp(integer_read(request, name, 0, _LAST_SECOND, 0), UTC)
