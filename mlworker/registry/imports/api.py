"""``POST /v1/models/import``: a Hugging Face folder becomes a version."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.api import TenantView
from anneal.kernel.principal import Permission
from mlworker.engine.importing.files import MAX_FILES, Upload
from mlworker.registry.api import render_model
from mlworker.registry.imports.services import model_import
from mlworker.registry.naming import SUFFIX_PATTERN
from mlworker.registry.schemas import ModelSchema
from mlworker.registry.selectors import model_listing_get


class ImportIn(serializers.Serializer[Any]):
    """The folder, and what to call the model."""

    files = serializers.ListField(
        child=serializers.FileField(),
        min_length=1,
        max_length=MAX_FILES,
        help_text="The folder's files, or one zip of them.",
    )
    suffix = serializers.RegexField(SUFFIX_PATTERN, required=False, default="")


class ModelImportView(TenantView):
    """Import a model."""

    permission: ClassVar = {"POST": Permission.TRAIN}

    @extend_schema(
        operation_id="models_import",
        tags=["models"],
        request={"multipart/form-data": ImportIn},
        responses={201: ModelSchema},
    )
    def post(self, request: Request) -> Response:
        """Take in a BERT classifier of the shape of an installed base: safetensors alone."""
        form = self.body(ImportIn)
        made = model_import(
            organization=self.organization,
            actor=self.actor,
            uploads=[Upload(file.name, file.file) for file in form["files"]],
            suffix=form["suffix"],
        )
        listing = model_listing_get(organization=self.organization, name=made.name)
        return Response(render_model(listing), status=201)
