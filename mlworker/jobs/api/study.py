"""What cross-validation leaves: likely label errors, and the predictions behind them."""

from dataclasses import asdict
from typing import Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.api import Download, integer_read, limit_read
from anneal.kernel.principal import Permission
from mlworker.jobs.api.study_schemas import LabelErrorListSchema
from mlworker.jobs.api.views import JobBase
from mlworker.jobs.label_errors import label_errors_csv, label_errors_page, out_of_fold_bytes

_TAGS: Final = ["fine-tuning"]
_MOST_ROWS: Final = 100_000
_PARQUET: Final = "application/vnd.apache.parquet"


class LabelErrorsView(JobBase):
    """Rows whose label is likely wrong."""

    permission = Permission.READ

    @extend_schema(
        operation_id="fine_tuning_jobs_label_errors",
        tags=_TAGS,
        parameters=[
            OpenApiParameter("skip", int, description="Rows to leave out; 0 by default."),
            OpenApiParameter("limit", int, description="1 to 100, 20 by default."),
        ],
        responses=LabelErrorListSchema,
    )
    def get(self, request: Request, job_id: str) -> Response:
        """List training rows whose label is likely wrong, the likeliest first."""
        page = label_errors_page(
            organization=self.organization,
            job=self.located,
            skip=integer_read(request, "skip", 0, _MOST_ROWS, 0),
            limit=limit_read(request),
        )
        return Response(
            {
                "object": "list",
                "data": [asdict(row) for row in page.rows],
                "total": page.total,
                "has_more": page.more,
                "dataset_deleted": page.dataset_deleted,
            }
        )


class LabelErrorsCsvView(JobBase):
    """The same as a table."""

    permission = Permission.READ

    @extend_schema(
        operation_id="fine_tuning_jobs_label_errors_csv",
        tags=_TAGS,
        responses={(200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request, job_id: str) -> Download:
        """Return all likely label errors with their texts, for a spreadsheet."""
        page = label_errors_page(
            organization=self.organization, job=self.located, skip=0, limit=None
        )
        # Spreadsheets take a file for UTF-8 when it begins with the mark.
        table = "\ufeff" + label_errors_csv(page)
        return Download(table, kind="text/csv", name="label_errors.csv")


class OutOfFoldView(JobBase):
    """The out-of-fold predictions."""

    permission = Permission.READ

    @extend_schema(
        operation_id="fine_tuning_jobs_out_of_fold",
        tags=_TAGS,
        responses={(200, _PARQUET): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, job_id: str) -> Download:
        """Return what each training row was called by the model that had not seen it (Parquet)."""
        found = out_of_fold_bytes(organization=self.organization, job=self.located)
        return Download(found, kind=_PARQUET, name="out_of_fold.parquet")
