"""Addresses of the registry, under ``v1/``."""

from django.urls import path

from mlworker.registry.api import ModelsView, ModelView
from mlworker.registry.evaluation.api import (
    CompareView,
    EvaluationPdfView,
    EvaluationRowsView,
    EvaluationView,
)

urlpatterns = [
    path("models", ModelsView.as_view(), name="models"),
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
    path("models/<str:model>", ModelView.as_view(), name="model"),
]
