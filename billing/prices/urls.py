"""Addresses of prices, under `/v1/`."""

from django.urls import path

from billing.prices.api import PricesView

urlpatterns = [path("billing/prices", PricesView.as_view())]
