"""Addresses of the prediction log, below `/v1/`."""

from django.urls import path

from mlworker.predictions.api import (
    LogCsvView,
    LoggedPredictionsView,
    LoggedPredictionView,
    LogJsonlView,
    PredictionLogView,
)

urlpatterns = [
    path(
        "deployments/<str:deployment_id>/prediction_log",
        PredictionLogView.as_view(),
        name="prediction-log",
    ),
    path(
        "deployments/<str:deployment_id>/predictions",
        LoggedPredictionsView.as_view(),
        name="logged-predictions",
    ),
    path(
        "deployments/<str:deployment_id>/predictions.jsonl",
        LogJsonlView.as_view(),
        name="logged-predictions-jsonl",
    ),
    path(
        "deployments/<str:deployment_id>/predictions.csv",
        LogCsvView.as_view(),
        name="logged-predictions-csv",
    ),
    path(
        "predictions/<str:prediction_id>",
        LoggedPredictionView.as_view(),
        name="logged-prediction",
    ),
]
