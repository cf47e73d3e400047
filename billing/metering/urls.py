"""Addresses of metering, under `/v1/`."""

from django.urls import path

from billing.metering.api import UsageView

urlpatterns = [path("usage", UsageView.as_view())]
