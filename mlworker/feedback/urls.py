"""Addresses of feedback, below `/v1/`."""

from django.urls import path

from mlworker.feedback.api import FeedbackView, LogDatasetView

urlpatterns = [
    path("feedback", FeedbackView.as_view(), name="feedback"),
    path(
        "deployments/<str:deployment_id>/predictions/dataset",
        LogDatasetView.as_view(),
        name="logged-predictions-dataset",
    ),
]
