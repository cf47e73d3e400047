"""Addresses of plans, under `/v1/`."""

from django.urls import path

from billing.plans.api import PlansView, SubscriptionView

urlpatterns = [
    path("billing/plans", PlansView.as_view()),
    path("billing/subscription", SubscriptionView.as_view()),
]
