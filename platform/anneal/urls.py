"""Every address of the Django side. The online paths never reach it (see asgi.py)."""

from django.urls import include, path

API_APPS = [
    "tenants.accounts.urls",
    "tenants.keys.urls",
    "tenants.datasets.urls",
    "tenants.webhooks.urls",
    "tenants.audit.urls",
    "billing.prices.urls",
    "billing.metering.urls",
    "billing.ledger.urls",
    "billing.plans.urls",
    "billing.promotions.urls",
    "billing.invoices.urls",
    "billing.outcomes.urls",
    "billing.payments.urls",
    "mlworker.catalog.urls",
    "mlworker.registry.urls",
    "mlworker.jobs.urls",
    "mlworker.serving.urls",
    "mlworker.predictions.urls",
    "mlworker.feedback.urls",
    "mlworker.batches.urls",
]

urlpatterns = [
    *(path("v1/", include(app)) for app in API_APPS),
    path("_allauth/", include("allauth.headless.urls")),
    path("", include("anneal.console.urls")),
]

handler400 = "anneal.console.errors.bad_request"
handler500 = "anneal.console.errors.server_error"
