"""`/v1/datasets`: upload, preview, versions, rows, statistics."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.api import TenantView, page
from anneal.kernel.errors import InvalidRequest
from anneal.kernel.ids import parse_id
from anneal.kernel.principal import Permission
from tenants.datasets.api.files import LIST_PARAMETERS
from tenants.datasets.api.render import dataset_json, preview_json, stats_json, version_json
from tenants.datasets.api.serializers import (
    DatasetListOut,
    DatasetOut,
    DatasetUpload,
    DeletedOut,
    PreviewOut,
    PreviewUpload,
    RowListOut,
    RowsQuery,
    StatsOut,
    VersionListOut,
    VersionOut,
    VersionUpload,
)
from tenants.datasets.build import version_preview
from tenants.datasets.contracts import (
    DATASET_PREFIX,
    SEALED,
    VERSION_PREFIX,
    DatasetInfo,
    DatasetVersionInfo,
    Split,
)
from tenants.datasets.errors import DatasetNotFound, RowsSealed
from tenants.datasets.limits import configured
from tenants.datasets.rows import version_info
from tenants.datasets.selectors import (
    RowFilter,
    dataset_from_row,
    dataset_get,
    dataset_rows,
    dataset_version_resolve,
    datasets_of,
    seal_unbroken,
    version_require_ready,
    versions_of,
)
from tenants.datasets.services import (
    dataset_create,
    dataset_create_sample,
    dataset_delete,
    dataset_remap,
    dataset_version_add,
)
from tenants.datasets.services.datasets import MAX_NAME, task_check
from tenants.datasets.services.files import file_check


class DatasetsView(TenantView):
    """List and make datasets."""

    permission: ClassVar = {"GET": Permission.READ, "POST": Permission.UPLOAD}

    @extend_schema(
        operation_id="datasets_list", parameters=LIST_PARAMETERS, responses=DatasetListOut
    )
    def get(self, request: Request) -> Response:
        """List datasets, newest first."""
        rows = datasets_of(organization=self.organization)
        answer = page(
            rows,
            request,
            prefix=DATASET_PREFIX,
            render=lambda row: dataset_json(dataset_from_row(row)),
        )
        return Response(answer)

    @extend_schema(
        operation_id="datasets_create",
        request={"multipart/form-data": DatasetUpload},
        responses={201: DatasetOut},
    )
    def post(self, request: Request) -> Response:
        """Upload a file as a new dataset; the answer's `validation_report` says what was found."""
        form = self.body(DatasetUpload)
        info = dataset_create(
            organization=self.organization,
            actor=self.actor,
            name=form.get("name", form["file"].name[:MAX_NAME]),
            source=form["file"],
            filename=form["file"].name,
            task=form["task"],
            mapping=form["column_mapping"],
        )
        return Response(dataset_json(info), status=status.HTTP_201_CREATED)


class DatasetSampleView(TenantView):
    """Make the sample dataset."""

    permission: ClassVar = {"POST": Permission.UPLOAD}

    @extend_schema(operation_id="datasets_sample", request=None, responses={201: DatasetOut})
    def post(self, request: Request) -> Response:
        """Make a small English review set to try training with."""
        info = dataset_create_sample(organization=self.organization, actor=self.actor)
        return Response(dataset_json(info), status=status.HTTP_201_CREATED)


class DatasetPreviewView(TenantView):
    """Look into a file."""

    permission: ClassVar = {"POST": Permission.UPLOAD}

    @extend_schema(
        operation_id="datasets_preview",
        request={"multipart/form-data": PreviewUpload},
        responses=PreviewOut,
    )
    def post(self, request: Request) -> Response:
        """Return the first rows, the guessed mapping and the report; store nothing."""
        form = self.body(PreviewUpload)
        file_check(form["file"], form["file"].name)
        task_check(form["task"])
        preview = version_preview(
            form["file"],
            filename=form["file"].name,
            mapping=form["column_mapping"],
            limits=configured(),
            task=form["task"],
        )
        return Response(preview_json(preview))


class _OneDataset(TenantView):
    """A view of the dataset the address names."""

    located: DatasetInfo

    def locate(self, request: Request, **ids: str) -> DatasetInfo:
        """Find the dataset."""
        return dataset_get(
            organization=self.organization, dataset_id=parse_id(DATASET_PREFIX, ids["dataset_id"])
        )


class DatasetView(_OneDataset):
    """Read or delete one dataset."""

    permission: ClassVar = {"GET": Permission.READ, "DELETE": Permission.UPLOAD}

    @extend_schema(operation_id="datasets_retrieve", responses=DatasetOut)
    def get(self, request: Request, dataset_id: str) -> Response:
        """Read a dataset with its newest version."""
        return Response(dataset_json(self.located))

    @extend_schema(operation_id="datasets_delete", request=None, responses={200: DeletedOut})
    def delete(self, request: Request, dataset_id: str) -> Response:
        """Take a dataset out of use."""
        dataset_delete(organization=self.organization, actor=self.actor, dataset_id=self.located.id)
        return Response({"id": self.located.public_id, "object": "dataset", "deleted": True})


class DatasetVersionsView(_OneDataset):
    """List and add versions."""

    permission: ClassVar = {"GET": Permission.READ, "POST": Permission.UPLOAD}

    @extend_schema(
        operation_id="dataset_versions_list", parameters=LIST_PARAMETERS, responses=VersionListOut
    )
    def get(self, request: Request, dataset_id: str) -> Response:
        """List versions, newest first."""
        task = self.located.task
        answer = page(
            versions_of(organization=self.organization, dataset_id=self.located.id),
            request,
            prefix=VERSION_PREFIX,
            render=lambda row: version_json(version_info(row, task=task)),
        )
        return Response(answer)

    @extend_schema(
        operation_id="dataset_versions_create",
        request={"multipart/form-data": VersionUpload, "application/json": VersionUpload},
        responses={201: VersionOut},
    )
    def post(self, request: Request, dataset_id: str) -> Response:
        """Upload the next version, or read the last file again with another `column_mapping`."""
        form = self.body(VersionUpload)
        upload, mapping = form.get("file"), form["column_mapping"]
        if upload is not None:
            info = dataset_version_add(
                organization=self.organization,
                actor=self.actor,
                dataset_id=self.located.id,
                source=upload,
                filename=upload.name,
                mapping=mapping,
            )
        elif mapping is not None:
            info = dataset_remap(
                organization=self.organization,
                actor=self.actor,
                dataset_id=self.located.id,
                mapping=mapping,
            )
        else:
            raise InvalidRequest("Send a file, a column_mapping, or both.", param="file")
        return Response(version_json(info), status=status.HTTP_201_CREATED)


class DatasetVersionView(TenantView):
    """Read one version."""

    permission: ClassVar = {"GET": Permission.READ}
    located: DatasetVersionInfo

    def locate(self, request: Request, **ids: str) -> DatasetVersionInfo:
        """Find the version among the dataset's."""
        row = (
            versions_of(
                organization=self.organization,
                dataset_id=parse_id(DATASET_PREFIX, ids["dataset_id"]),
            )
            .filter(id=parse_id(VERSION_PREFIX, ids["version_id"]))
            .first()
        )
        if row is None:
            raise DatasetNotFound
        return version_info(row, task=row.dataset.task)

    @extend_schema(operation_id="dataset_versions_retrieve", responses=VersionOut)
    def get(self, request: Request, dataset_id: str, version_id: str) -> Response:
        """Read a version, with its report."""
        return Response(version_json(self.located))


class DatasetRowsView(_OneDataset):
    """Look at rows."""

    permission: ClassVar = {"GET": Permission.READ}

    @extend_schema(operation_id="dataset_rows", parameters=[RowsQuery], responses=RowListOut)
    def get(self, request: Request, dataset_id: str) -> Response:
        """List rows of the newest ready version, or of `version`, in the file's order."""
        query = RowsQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        version = dataset_version_resolve(
            organization=self.organization, reference=asked.get("version", self.located.public_id)
        )
        if version.dataset_id != self.located.id:
            raise DatasetNotFound
        sealed = seal_unbroken(organization=self.organization, version_id=version.id)
        if sealed and asked.get("split") == SEALED:
            raise RowsSealed(param="split")
        rows, has_more = dataset_rows(
            organization=self.organization,
            version=version,
            where=RowFilter(
                split=Split(asked["split"]) if "split" in asked else None,
                label=asked.get("label"),
                search=asked.get("search"),
                after=asked.get("after"),
                without=SEALED if sealed else None,
            ),
            limit=asked["limit"],
        )
        return Response({"object": "list", "data": rows, "has_more": has_more})


class DatasetStatsView(_OneDataset):
    """Look at counts."""

    permission: ClassVar = {"GET": Permission.READ}

    @extend_schema(operation_id="dataset_stats", responses=StatsOut)
    def get(self, request: Request, dataset_id: str) -> Response:
        """Label balance, lengths, parts and duplicates of the newest ready version."""
        version = dataset_version_resolve(
            organization=self.organization, reference=self.located.public_id
        )
        version_require_ready(version)
        return Response(stats_json(version))
