"""Addresses of the registry, under ``v1/``."""

from django.urls import path

from mlworker.registry.api import ModelsView, ModelView
from mlworker.registry.evaluation.api import (
    CompareView,
    EvaluationPdfView,
    EvaluationRowsView,
    EvaluationView,
)
from mlworker.registry.exports.api import (
    ExportDownloadView,
    ExportKeyView,
    ExportsView,
    ExportView,
)
from mlworker.registry.imports.api import ModelImportView
from mlworker.registry.stages.api import StageView

urlpatterns = [
    path("export_key", ExportKeyView.as_view(), name="export_key"),
    path("models", ModelsView.as_view(), name="models"),
    path("models/import", ModelImportView.as_view(), name="models_import"),
    path("models/compare", CompareView.as_view(), name="models_compare"),
    path("models/<str:model>/evaluation", EvaluationView.as_view(), name="model_evaluation"),
    path(
        "models/<str:model>/evaluation/rows",
        EvaluationRowsView.as_view(),
        name="model_evaluation_rows",
    ),
    path(
        "models/<str:model>/evaluation.pdf",
        EvaluationPdfView.as_view(),
        name="model_evaluation_pdf",
    ),
    path("models/<str:model>/stages/<str:stage>", StageView.as_view(), name="model_stage"),
    path("models/<str:model>/exports", ExportsView.as_view(), name="model_exports"),
    path("models/<str:model>/exports/<str:export_id>", ExportView.as_view(), name="model_export"),
    path(
        "models/<str:model>/exports/<str:export_id>/download",
        ExportDownloadView.as_view(),
        name="model_export_download",
    ),
    path("models/<str:model>", ModelView.as_view(), name="model"),
]
