"""Addresses of payments, under `/v1/`."""

from django.urls import path

from billing.payments.api.views import (
    AutoTopUpView,
    CheckoutsView,
    CheckoutView,
    DemoCheckoutView,
    InvoicePayView,
    PaymentMethodDefaultView,
    PaymentMethodsView,
    PaymentMethodView,
    PaymentSettingsView,
    PaymentsView,
    PortalView,
)
from billing.payments.api.webhook import stripe_webhook

urlpatterns = [
    path("billing/checkout", CheckoutsView.as_view()),
    path("billing/checkout/<str:checkout_id>", CheckoutView.as_view()),
    path("billing/demo_checkout/<str:checkout_id>", DemoCheckoutView.as_view()),
    path("billing/portal", PortalView.as_view()),
    path("billing/payment_methods", PaymentMethodsView.as_view()),
    path("billing/payment_methods/<str:payment_method_id>", PaymentMethodView.as_view()),
    path(
        "billing/payment_methods/<str:payment_method_id>/default",
        PaymentMethodDefaultView.as_view(),
    ),
    path("billing/auto_top_up", AutoTopUpView.as_view()),
    path("billing/invoices/<str:invoice_id>/pay", InvoicePayView.as_view()),
    path("billing/payments", PaymentsView.as_view()),
    path("billing/payment_settings", PaymentSettingsView.as_view()),
    path("stripe/webhook", stripe_webhook),
]
