"""Addresses of outcomes, under `/v1/`."""

from django.urls import path

from billing.outcomes.api import (
    OutcomeContractEndView,
    OutcomeContractsView,
    OutcomeContractView,
    OutcomeDisputeView,
    OutcomePoliciesView,
    OutcomeQuoteView,
    OutcomesView,
    OutcomeView,
)

urlpatterns = [
    path("billing/outcome_policies", OutcomePoliciesView.as_view()),
    path("billing/outcome_contracts", OutcomeContractsView.as_view()),
    path("billing/outcome_contracts/quote", OutcomeQuoteView.as_view()),
    path("billing/outcome_contracts/<str:outcome_contract_id>", OutcomeContractView.as_view()),
    path(
        "billing/outcome_contracts/<str:outcome_contract_id>/end",
        OutcomeContractEndView.as_view(),
    ),
    path("billing/outcomes", OutcomesView.as_view()),
    path("billing/outcomes/<str:outcome_id>", OutcomeView.as_view()),
    path("billing/outcomes/<str:outcome_id>/dispute", OutcomeDisputeView.as_view()),
]
