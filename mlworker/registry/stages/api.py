"""``/v1/models/{model}/stages/{stage}``: which version a word stands for."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.api import TenantView
from anneal.kernel.principal import Permission
from mlworker.registry.models import ModelVersion
from mlworker.registry.selectors import own_version
from mlworker.registry.stages.services import stage_move, stage_remove


class StageOut(serializers.Serializer[Any]):
    """A stage after it was moved."""

    object = serializers.CharField(default="model.stage")
    stage = serializers.CharField()
    suffix = serializers.CharField()
    model = serializers.CharField()
    previous = serializers.CharField(
        allow_null=True, help_text="The version the stage stood for before; null for none."
    )


class StageDeletedOut(serializers.Serializer[Any]):
    """The answer of a removal."""

    object = serializers.CharField(default="model.stage")
    stage = serializers.CharField()
    model = serializers.CharField()
    deleted = serializers.BooleanField()


class StageView(TenantView):
    """One stage of a version."""

    permission: ClassVar = {"PUT": Permission.DEPLOY, "DELETE": Permission.DEPLOY}
    located: ModelVersion

    def locate(self, request: Request, **ids: str) -> ModelVersion:
        """Find the version that the address names."""
        return own_version(organization=self.organization, name=ids["model"])

    @extend_schema(
        operation_id="models_stage_move", tags=["models"], request=None, responses={200: StageOut}
    )
    def put(self, request: Request, model: str, stage: str) -> Response:
        """Move the stage to this version, from whichever of the same suffix has it."""
        before = stage_move(
            organization=self.organization, actor=self.actor, version=self.located, stage=stage
        )
        return Response(
            {
                "object": "model.stage",
                "stage": stage,
                "suffix": self.located.suffix,
                "model": model,
                "previous": before,
            }
        )

    @extend_schema(
        operation_id="models_stage_remove",
        tags=["models"],
        request=None,
        responses={200: StageDeletedOut},
    )
    def delete(self, request: Request, model: str, stage: str) -> Response:
        """Take the stage from this version."""
        stage_remove(
            organization=self.organization, actor=self.actor, version=self.located, stage=stage
        )
        return Response({"object": "model.stage", "stage": stage, "model": model, "deleted": True})
