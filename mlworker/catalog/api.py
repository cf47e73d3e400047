"""``/v1/base_models``: the catalogue of bases, and which one to begin with."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.api import TenantView
from anneal.kernel.principal import Permission
from mlworker.catalog.contracts import BaseModelCard, Recommendation
from mlworker.catalog.recommending import recommend
from mlworker.catalog.schemas import BaseModelListSchema, RecommendationListSchema
from mlworker.catalog.selectors import base_models

_TAGS = ["models"]
_TASK = "text_classification"
_MAX_ROWS = 10**12


class RecommendSerializer(serializers.Serializer[Any]):
    """What is asked: the task, and whatever is known of the data."""

    task = serializers.CharField(max_length=64, default=_TASK)
    language = serializers.RegexField(r"^[a-z]{2,3}$", required=False)
    rows = serializers.IntegerField(min_value=0, max_value=_MAX_ROWS, required=False)
    prefer = serializers.ChoiceField(choices=["auto", "fast", "accurate"], default="auto")


def render_base(card: BaseModelCard) -> dict[str, Any]:
    """Return one base of the catalogue."""
    return {
        "id": card.id,
        "object": "base_model",
        "created": card.created,
        "name": card.name,
        "architecture": card.architecture,
        "tasks": list(card.tasks),
        "size_parameters": card.size_parameters,
        "size_bytes": card.size_bytes,
        "memory_bytes": dict(card.memory),
        "languages": list(card.languages),
        "licence": card.licence or None,
        "source": {
            "kind": card.source.kind,
            "name": card.source.name,
            "note": card.source.note,
        },
        "max_length": card.max_length,
        "character": card.character,
        "summary": dict(card.summary),
        "choose": dict(card.choose),
        "present": card.present,
        "trainable": card.trainable,
        "usable": card.usable,
        "in_catalogue": not card.added,
    }


def render_recommendation(found: Recommendation) -> dict[str, Any]:
    """Return one recommended base."""
    return {
        "base": render_base(found.card),
        "tier": found.tier,
        "reasons": [{"code": why.code, "message": why.message} for why in found.reasons],
    }


class BaseModelsView(TenantView):
    """The whole catalogue."""

    permission = Permission.READ

    @extend_schema(operation_id="base_models_list", tags=_TAGS, responses=BaseModelListSchema)
    def get(self, request: Request) -> Response:
        """List every base of the catalogue, usable ones first, and say which are usable here."""
        cards = sorted(base_models(), key=lambda card: (not card.usable, not card.trainable))
        return Response(
            {"object": "list", "data": [render_base(card) for card in cards], "has_more": False}
        )


class RecommendView(TenantView):
    """Which base to begin with."""

    permission = Permission.READ

    @extend_schema(
        operation_id="base_models_recommend",
        tags=_TAGS,
        parameters=[
            OpenApiParameter("task", str, description=f"`{_TASK}` by default."),
            OpenApiParameter("language", str, description="ISO 639 code: `en`, `zh`."),
            OpenApiParameter("rows", int, description="Labelled rows there are."),
            OpenApiParameter("prefer", str, enum=["auto", "fast", "accurate"]),
        ],
        responses=RecommendationListSchema,
    )
    def get(self, request: Request) -> Response:
        """Recommend up to five bases for a task, a language and a number of rows."""
        asked = RecommendSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = recommend(**asked.validated_data)
        return Response(
            {
                "object": "list",
                "data": [render_recommendation(each) for each in found],
                "has_more": False,
            }
        )
