"""`/v1/files`, in OpenAI's shapes, so that the unchanged `openai` client works."""

from typing import Any, ClassVar

from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.api import TenantView, page
from anneal.kernel.ids import parse_id
from anneal.kernel.principal import Permission
from anneal.kernel.storage import object_open
from tenants.datasets.api.render import file_json
from tenants.datasets.api.serializers import DeletedOut, FileListOut, FileOut, FileUpload
from tenants.datasets.contracts import FILE_PREFIX, FileInfo, FilePurpose
from tenants.datasets.errors import DatasetNotFound, FilePurposeInvalid
from tenants.datasets.rows import file_info
from tenants.datasets.sealing import sealed_file_check
from tenants.datasets.selectors import file_get, files_of
from tenants.datasets.services import file_create, file_delete

UPLOADABLE = {purpose.value for purpose in (FilePurpose.FINE_TUNE, FilePurpose.BATCH)}
LIST_PARAMETERS = [
    OpenApiParameter("after", str, description="The last id of the page before."),
    OpenApiParameter("limit", int, description="1 to 100; 20 when absent."),
]


class FilesView(TenantView):
    """List and upload files."""

    permission: ClassVar = {"GET": Permission.READ, "POST": Permission.UPLOAD}

    @extend_schema(
        operation_id="files_list",
        parameters=[*LIST_PARAMETERS, OpenApiParameter("purpose", str)],
        responses=FileListOut,
    )
    def get(self, request: Request) -> Response:
        """List files, newest first."""
        rows = files_of(organization=self.organization)
        if purpose := request.query_params.get("purpose"):
            if purpose not in set(FilePurpose):
                raise FilePurposeInvalid(param="purpose")
            rows = rows.filter(purpose=purpose)
        return Response(
            page(rows, request, prefix=FILE_PREFIX, render=lambda row: file_json(file_info(row)))
        )

    @extend_schema(
        operation_id="files_create",
        request={"multipart/form-data": FileUpload},
        responses={200: FileOut},
    )
    def post(self, request: Request) -> Response:
        """Store a file."""
        form = self.body(FileUpload)
        if form["purpose"] not in UPLOADABLE:
            raise FilePurposeInvalid(param="purpose")
        info = file_create(
            organization=self.organization,
            actor=self.actor,
            source=form["file"],
            filename=form["file"].name,
            purpose=FilePurpose(form["purpose"]),
        )
        return Response(file_json(info))


class _OneFile(TenantView):
    """A view of the file the address names."""

    located: FileInfo

    def locate(self, request: Request, **ids: str) -> FileInfo:
        """Find the file."""
        return file_get(
            organization=self.organization, file_id=parse_id(FILE_PREFIX, ids["file_id"])
        )


class FileView(_OneFile):
    """Read or delete one file."""

    permission: ClassVar = {"GET": Permission.READ, "DELETE": Permission.UPLOAD}

    @extend_schema(operation_id="files_retrieve", responses=FileOut)
    def get(self, request: Request, file_id: str) -> Response:
        """Read a file's facts."""
        return Response(file_json(self.located))

    @extend_schema(operation_id="files_delete", request=None, responses={200: DeletedOut})
    def delete(self, request: Request, file_id: str) -> Response:
        """Delete a file. Dataset versions made of it stay."""
        file_delete(organization=self.organization, actor=self.actor, file_id=self.located.id)
        return Response({"id": self.located.public_id, "object": "file", "deleted": True})


class ObjectResponse(FileResponse):
    """A stored object, streamed after the scope has closed: it needs no connection."""

    data: ClassVar[Any] = None


class FileContentView(_OneFile):
    """Download one file."""

    permission: ClassVar = {"GET": Permission.READ}

    @extend_schema(
        operation_id="files_content",
        responses={
            (200, "application/octet-stream"): OpenApiResponse(response=OpenApiTypes.BINARY)
        },
    )
    def get(self, request: Request, file_id: str) -> ObjectResponse:
        """Return the bytes as they were sent, as a download and never as a page."""
        sealed_file_check(organization=self.organization, file_id=self.located.id)
        try:
            stored = object_open(self.located.storage_key)
        except FileNotFoundError as fault:
            raise DatasetNotFound("The file's content is gone.") from fault
        return ObjectResponse(
            stored,
            as_attachment=True,
            filename=self.located.filename,
            content_type="application/octet-stream",
        )
