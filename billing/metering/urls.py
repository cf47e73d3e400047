"""Addresses of metering, under `/v1/`."""

from django.urls import path

from billing.metering.api import UsageView
from billing.metering.api_summary import ForecastView, UsageSummaryView

urlpatterns = [
    path("usage", UsageView.as_view()),
    path("usage/summary", UsageSummaryView.as_view()),
    path("billing/forecast", ForecastView.as_view()),
]
