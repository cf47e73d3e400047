"""``/v1/models/{model}/exports``: a version in forms to take away."""

from typing import Any, ClassVar

from django.http import FileResponse, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.api import OpenView, TenantView, whole_list
from anneal.kernel.principal import Permission
from anneal.kernel.storage import object_open
from mlworker.registry.contracts import ExportFormat, ExportState
from mlworker.registry.errors import ExportNotReady
from mlworker.registry.exports.contracts import ExportInfo
from mlworker.registry.exports.selectors import export_get, exports_of
from mlworker.registry.exports.services import export_create, export_delete
from mlworker.registry.models import ModelVersion
from mlworker.registry.selectors import own_version
from mlworker.registry.signing import public_key_pem


class ExportIn(serializers.Serializer[Any]):
    """What to make."""

    format = serializers.ChoiceField(choices=[form.value for form in ExportFormat])


class ExportQualityOut(serializers.Serializer[Any]):
    """What 8 bits cost and bring, measured on this model's own rows."""

    rows = serializers.IntegerField()
    split = serializers.CharField()
    metric = serializers.CharField(help_text="The task's first figure: accuracy, micro_f1, f1, r2.")
    score = serializers.FloatField(help_text="That figure with 32 bits.")
    score_int8 = serializers.FloatField(help_text="The same with 8 bits.")
    agreement = serializers.FloatField(
        allow_null=True,
        help_text="Share of the rows on which both say the same; null where answers are numbers.",
    )
    speed_up = serializers.FloatField()


class ExportErrorOut(serializers.Serializer[Any]):
    """Why an export failed."""

    code = serializers.CharField()
    message = serializers.CharField()


class ExportOut(serializers.Serializer[Any]):
    """One export."""

    id = serializers.CharField()
    object = serializers.CharField(default="model.export")
    model = serializers.CharField()
    format = serializers.ChoiceField(choices=[form.value for form in ExportFormat])
    status = serializers.ChoiceField(choices=[state.value for state in ExportState])
    progress = serializers.FloatField(help_text="0 to 1.")
    phase = serializers.CharField()
    bytes = serializers.IntegerField()
    sha256 = serializers.CharField(help_text="Of the zip; empty until it is ready.")
    quality = ExportQualityOut(allow_null=True)
    error = ExportErrorOut(allow_null=True)
    created_at = serializers.IntegerField()
    finished_at = serializers.IntegerField(allow_null=True)


class ExportListOut(serializers.Serializer[Any]):
    """A version's exports, complete."""

    object = serializers.CharField(default="list")
    data = ExportOut(many=True)  # type: ignore[assignment] # a field, where the class has a property
    has_more = serializers.BooleanField()


class ExportDeletedOut(serializers.Serializer[Any]):
    """The answer of a deletion."""

    id = serializers.CharField()
    object = serializers.CharField(default="model.export")
    deleted = serializers.BooleanField()


def render_export(export: ExportInfo) -> dict[str, Any]:
    """Return one export object."""
    finished = export.finished_at
    return {
        "id": export.public_id,
        "object": "model.export",
        "model": export.model,
        "format": str(export.format),
        "status": str(export.state),
        "progress": export.progress,
        "phase": export.phase,
        "bytes": export.size,
        "sha256": export.sha256,
        "quality": dict(export.quality) if export.quality else None,
        "error": dict(export.error) if export.error else None,
        "created_at": int(export.created_at.timestamp()),
        "finished_at": int(finished.timestamp()) if finished else None,
    }


class ExportsView(TenantView):
    """The exports of a version."""

    permission: ClassVar = {"GET": Permission.READ, "POST": Permission.TRAIN}
    located: ModelVersion

    def locate(self, request: Request, **ids: str) -> ModelVersion:
        """Find the version that the address names."""
        return own_version(organization=self.organization, name=ids["model"])

    @extend_schema(operation_id="models_exports_list", tags=["models"], responses=ExportListOut)
    def get(self, request: Request, model: str) -> Response:
        """List a version's exports."""
        found = exports_of(organization=self.organization, version=self.located)
        return Response(whole_list([render_export(export) for export in found]))

    @extend_schema(
        operation_id="models_exports_create",
        tags=["models"],
        request=ExportIn,
        responses={200: ExportOut, 202: ExportOut},
    )
    def post(self, request: Request, model: str) -> Response:
        """Ask for a form; 200 with the one that is there already or on its way."""
        form = ExportFormat(self.body(ExportIn)["format"])
        export, fresh = export_create(
            organization=self.organization, actor=self.actor, version=self.located, form=form
        )
        return Response(render_export(export), status=202 if fresh else 200)


class _OneExport(TenantView):
    """A view of the export that the address names."""

    located: tuple[ModelVersion, ExportInfo]

    def locate(self, request: Request, **ids: str) -> tuple[ModelVersion, ExportInfo]:
        """Find the version, then its export."""
        version = own_version(organization=self.organization, name=ids["model"])
        found = export_get(
            organization=self.organization, version=version, export_id=ids["export_id"]
        )
        return version, found


class ExportView(_OneExport):
    """One export."""

    permission: ClassVar = {"GET": Permission.READ, "DELETE": Permission.TRAIN}

    @extend_schema(operation_id="models_exports_retrieve", tags=["models"], responses=ExportOut)
    def get(self, request: Request, model: str, export_id: str) -> Response:
        """Return an export with its progress."""
        return Response(render_export(self.located[1]))

    @extend_schema(
        operation_id="models_exports_delete",
        tags=["models"],
        request=None,
        responses={200: ExportDeletedOut},
    )
    def delete(self, request: Request, model: str, export_id: str) -> Response:
        """Delete an export and its file; 409 while it is being made."""
        export_delete(
            organization=self.organization,
            actor=self.actor,
            version=self.located[0],
            export_id=export_id,
        )
        return Response({"id": export_id, "object": "model.export", "deleted": True})


class ExportResponse(FileResponse):
    """The stored zip, streamed after the scope has closed: it needs no connection."""

    data: ClassVar[Any] = None


class ExportDownloadView(_OneExport):
    """The zip of one export."""

    permission: ClassVar = {"GET": Permission.TRAIN}

    @extend_schema(
        operation_id="models_exports_download",
        tags=["models"],
        responses={(200, "application/zip"): OpenApiResponse(response=OpenApiTypes.BINARY)},
    )
    def get(self, request: Request, model: str, export_id: str) -> ExportResponse:
        """Download the files with their signed manifest."""
        version, export = self.located
        if export.state is not ExportState.READY:
            raise ExportNotReady
        try:
            stored = object_open(export.key)
        except FileNotFoundError as fault:
            raise ExportNotReady("The file is gone: delete the export and ask again.") from fault
        tail = version.name.rsplit(":", 1)[-1]
        return ExportResponse(
            stored,
            as_attachment=True,
            filename=f"{version.suffix or version.base}-{tail}-{export.format}.zip",
            content_type="application/zip",
        )


class ExportKeyView(OpenView):
    """The key that verifies this installation's exports."""

    @extend_schema(
        operation_id="export_key",
        tags=["models"],
        auth=[],
        responses={(200, "application/x-pem-file"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> HttpResponse:
        """Return the Ed25519 public key as PEM."""
        return HttpResponse(public_key_pem(), content_type="application/x-pem-file")
