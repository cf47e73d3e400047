"""`/v1/feedback`."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.api import TenantView, page
from anneal.kernel.errors import PermissionDenied
from anneal.kernel.ids import parse_id, public_id
from anneal.kernel.principal import Permission
from mlworker.feedback.contracts import ANSWER_FIELDS, FEEDBACK_PREFIX, FeedbackInfo
from mlworker.feedback.models import Feedback
from mlworker.feedback.schemas import FeedbackGiveSchema, FeedbackListSchema, FeedbackSchema
from mlworker.feedback.selectors import feedback_info
from mlworker.feedback.services import feedback_give
from mlworker.predictions.selectors import prediction_texts
from mlworker.serving.contracts import PREDICTION_PREFIX

_ANSWERS = tuple(name for name in ANSWER_FIELDS.values() if name != "label")


class FeedbackView(TenantView):
    """Judging predictions, and reading the judgements."""

    permission = Permission.READ

    @extend_schema(operation_id="feedback_list", tags=["feedback"], responses=FeedbackListSchema)
    def get(self, request: Request) -> Response:
        """List feedback, newest first, with the texts that are in a prediction log."""
        rows = Feedback.objects.all()
        found = page(rows, request, prefix=FEEDBACK_PREFIX, render=_render_row)
        return Response({**found, "data": self._with_texts(found["data"])})

    def _with_texts(self, data: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Add the texts, for who may see those of a log."""
        if not self.principal.can(Permission.LABEL):
            return data
        ids = {row["prediction"]: parse_id(PREDICTION_PREFIX, row["prediction"]) for row in data}
        texts = prediction_texts(organization=self.organization, prediction_ids=ids.values())
        return [{**row, "text": texts.get(ids[row["prediction"]])} for row in data]

    @extend_schema(
        operation_id="feedback_create",
        tags=["feedback"],
        request=FeedbackGiveSchema,
        responses=FeedbackSchema,
    )
    def post(self, request: Request) -> Response:
        """Judge a prediction by its id; judging it again replaces what was said."""
        if not (self.principal.can(Permission.PREDICT) or self.principal.can(Permission.LABEL)):
            raise PermissionDenied("This needs the permission 'predict' or 'label'.")
        body = self.body(FeedbackGiveSchema)
        given = feedback_give(
            organization=self.organization,
            actor=self.actor,
            prediction_id=parse_id(PREDICTION_PREFIX, body["prediction"]),
            label=body.get("label"),
            answer={name: body[name] for name in _ANSWERS if body.get(name) is not None},
            rating=body.get("rating"),
            comment=body["comment"],
        )
        return Response(self._with_texts([_render(given)])[0])


def _render_row(row: Feedback) -> dict[str, Any]:
    return _render(feedback_info(row))


def _render(info: FeedbackInfo) -> dict[str, Any]:
    return {
        "id": public_id(FEEDBACK_PREFIX, info.id),
        "object": "feedback",
        "prediction": public_id(PREDICTION_PREFIX, info.prediction_id),
        "model": info.model,
        "text": None,
        "label": info.label,
        **{name: (info.answer or {}).get(name) for name in _ANSWERS},
        "rating": info.rating,
        "comment": info.comment,
        "created_at": int(info.created_at.timestamp()),
        "updated_at": int(info.updated_at.timestamp()),
    }
