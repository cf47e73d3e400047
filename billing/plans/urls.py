"""Addresses of plans, under `/v1/`."""

from django.urls import path

from billing.plans.api import PlansView, SubscriptionView
from billing.plans.api_cancellation import CancellationView

urlpatterns = [
    path("billing/plans", PlansView.as_view()),
    path("billing/subscription", SubscriptionView.as_view()),
    path("billing/subscription/cancellation", CancellationView.as_view()),
]
