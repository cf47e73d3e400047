"""Addresses of the ledger, under `/v1/`."""

from django.urls import path

from billing.ledger.api import BalanceView

urlpatterns = [path("billing/balance", BalanceView.as_view())]
