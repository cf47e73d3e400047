"""Addresses of the webhooks app, below `/v1/`."""

from django.urls import path

from tenants.webhooks.api import (
    DeliveriesView,
    EventTypesView,
    ReplayView,
    ResendView,
    RotateView,
    TestEventView,
    WebhooksView,
    WebhookView,
)

urlpatterns = [
    path("webhooks", WebhooksView.as_view()),
    path("webhooks/event_types", EventTypesView.as_view()),
    path("webhooks/<str:webhook_id>", WebhookView.as_view()),
    path("webhooks/<str:webhook_id>/rotate", RotateView.as_view()),
    path("webhooks/<str:webhook_id>/test", TestEventView.as_view()),
    path("webhooks/<str:webhook_id>/replay", ReplayView.as_view()),
    path("webhooks/<str:webhook_id>/deliveries", DeliveriesView.as_view()),
    path("webhooks/<str:webhook_id>/deliveries/<str:delivery_id>/resend", ResendView.as_view()),
]
