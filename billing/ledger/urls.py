"""Addresses of the ledger, under `/v1/`."""

from django.urls import path

from billing.ledger.api import BalanceView, BudgetsView, BudgetView, NoticesView
from billing.ledger.api_grants import GrantsView

urlpatterns = [
    path("billing/balance", BalanceView.as_view()),
    path("billing/grants", GrantsView.as_view()),
    path("billing/budgets", BudgetsView.as_view()),
    path("billing/budgets/<str:budget_id>", BudgetView.as_view()),
    path("billing/notices", NoticesView.as_view()),
]
