"""Addresses of feedback, below `/v1/`."""

from django.urls import path

from mlworker.feedback.api import FeedbackView

urlpatterns = [path("feedback", FeedbackView.as_view(), name="feedback")]
