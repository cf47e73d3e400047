"""Webhooks and their deliveries in the console, to read: they are their organizations' own."""

from typing import ClassVar

from django.contrib import admin

from anneal.console.admin.base import TenantAdmin
from anneal.console.admin.site import site
from tenants.webhooks.models import Delivery, Webhook


@admin.register(Webhook, site=site)
class WebhookAdmin(TenantAdmin):
    """Where events go, and which addresses fail. No secret, sealed or not, is shown."""

    exclude: ClassVar = ["secret", "old_secret"]
    list_display: ClassVar = [
        "created_at",
        "organization",
        "url",
        "enabled",
        "disabled_reason",
        "failing_since",
    ]
    list_filter: ClassVar = [
        "enabled",
        "disabled_reason",
        ("failing_since", admin.EmptyFieldListFilter),
    ]
    search_fields: ClassVar = ["url"]
    ordering: ClassVar = ["-id"]


@admin.register(Delivery, site=site)
class DeliveryAdmin(TenantAdmin):
    """How events fare; the failed ones by the filter."""

    list_display: ClassVar = [
        "created_at",
        "organization",
        "state",
        "attempts",
        "response_status",
        "error",
        "last_attempt_at",
    ]
    list_filter: ClassVar = ["state", "error"]
    list_select_related: ClassVar = ["webhook", "event"]
    ordering: ClassVar = ["-id"]
