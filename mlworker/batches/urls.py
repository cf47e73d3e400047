"""Addresses of the batches, under ``v1/``."""

from django.urls import path

from mlworker.batches.api import views
from mlworker.batches.api.stream import batch_stream

urlpatterns = [
    path("batches", views.BatchesView.as_view(), name="batches"),
    path("batches/estimate", views.BatchEstimateView.as_view(), name="batches-estimate"),
    path("batches/<str:batch_id>", views.BatchView.as_view(), name="batch"),
    path("batches/<str:batch_id>/cancel", views.BatchCancelView.as_view(), name="batch-cancel"),
    path("batches/<str:batch_id>/stream", batch_stream, name="batch-stream"),
]
