"""``/v1/models/{model}/evaluation``: the report, its rows, its PDF; and versions compared."""

from dataclasses import asdict
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from anneal.kernel.api import Download, TenantView
from anneal.kernel.principal import Permission
from mlworker.registry.evaluation.comparing import models_compare
from mlworker.registry.evaluation.pdf import WORST, report_pdf
from mlworker.registry.evaluation.schemas import (
    AnsweredRowListOut,
    CompareOut,
    CompareQuery,
    EvaluationOut,
    EvaluationRowsQuery,
    LanguageQuery,
)
from mlworker.registry.evaluation.selectors import (
    CellFilter,
    Evaluation,
    Order,
    baselines_of,
    comparison_of,
    evaluation_get,
    evaluation_rows,
    figures_of,
    reported_version,
    worst_rows,
)
from mlworker.registry.evaluation.slices import SLICES
from mlworker.registry.models import ModelVersion

_ABSENT: dict[str, Any] = {
    **dict.fromkeys(
        (
            "accuracy",
            "macro_f1",
            "averages",
            "confusion",
            "calibration",
            "comparison",
            "macro_f1_comparison",
            "numbers",
            SLICES,
        )
    ),
    **{name: [] for name in ("per_class", "curves", "slices", "worst", "best", "baselines")},
    "errors": None,
}
"""Parts that make no sense for some tasks."""


def render_evaluation(found: Evaluation) -> dict[str, Any]:
    """Return the report as the API shows it."""
    return {
        "object": "model.evaluation",
        "model": found.model,
        **_ABSENT,
        **found.report,
        "figures": figures_of(found.report),
        "baselines": baselines_of(found.report),
        "comparison": comparison_of(found.report),
        "price_per_1000": found.price,
    }


class EvaluationView(TenantView):
    """The report of one version."""

    permission: ClassVar = {"GET": Permission.READ}
    located: Evaluation

    def locate(self, request: Request, **ids: str) -> Evaluation:
        """Read the report of the version that the address names."""
        return evaluation_get(organization=self.organization, name=ids["model"])

    @extend_schema(
        operation_id="models_evaluation",
        tags=["models"],
        parameters=[],
        responses=EvaluationOut,
    )
    def get(self, request: Request, model: str) -> Response:
        """Return the evaluation report: figures with intervals, confusion, baselines, verdict."""
        return Response(render_evaluation(self.located))


class EvaluationRowsView(TenantView):
    """The rows behind a report."""

    permission: ClassVar = {"GET": Permission.READ}
    located: ModelVersion

    def locate(self, request: Request, **ids: str) -> ModelVersion:
        """Find the version that the address names."""
        return reported_version(organization=self.organization, name=ids["model"])

    @extend_schema(
        operation_id="models_evaluation_rows",
        tags=["models"],
        parameters=[EvaluationRowsQuery],
        responses=AnsweredRowListOut,
    )
    def get(self, request: Request, model: str) -> Response:
        """List answered rows: of a cell of the confusion matrix, or the worst errors."""
        query = _checked(EvaluationRowsQuery, request)
        page = evaluation_rows(
            organization=self.organization,
            row=self.located,
            where=CellFilter(
                true=query.get("true"),
                predicted=query.get("predicted"),
                order=Order(query["order"]),
                after=query.get("after"),
            ),
            limit=query["limit"],
        )
        return Response(
            {
                "object": "list",
                "data": [{"object": "model.evaluation.row", **asdict(row)} for row in page.rows],
                "total": page.total,
                "dataset_deleted": page.dataset_deleted,
                "has_more": page.more,
            }
        )


class EvaluationPdfView(EvaluationView):
    """The report as a document."""

    @extend_schema(
        operation_id="models_evaluation_pdf",
        tags=["models"],
        parameters=[LanguageQuery],
        responses={(200, "application/pdf"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, model: str) -> Download:  # type: ignore[override] # bytes
        """Return the report as PDF, in English or Simplified Chinese."""
        query = _checked(LanguageQuery, request)
        worst = worst_rows(organization=self.organization, name=model, limit=WORST)
        document = report_pdf(self.located, worst, language=query["language"])
        return Download(document, kind="application/pdf", name="evaluation.pdf")


class CompareView(TenantView):
    """Versions side by side."""

    permission: ClassVar = {"GET": Permission.READ}

    @extend_schema(
        operation_id="models_compare",
        tags=["models"],
        parameters=[CompareQuery],
        responses=CompareOut,
    )
    def get(self, request: Request) -> Response:
        """Compare 2 to 5 own versions: what differs in data, configuration and figures."""
        names = _checked(CompareQuery, request)["models"].split(",")
        found = models_compare(organization=self.organization, names=names)
        return Response({"object": "model.comparison", **asdict(found)})


def _checked(kind: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    query = kind(data=request.query_params)
    query.is_valid(raise_exception=True)
    values: dict[str, Any] = query.validated_data
    return values
