"""The audit trail and the outbox in the console. Both are for reading."""

from typing import ClassVar

from django.contrib import admin

from anneal.console.admin.base import ReadOnlyAdmin, TenantAdmin
from anneal.console.admin.site import site
from anneal.kernel.models import AuditEvent, OutboxMessage


@admin.register(AuditEvent, site=site)
class AuditEventAdmin(TenantAdmin):
    """Who changed what, everywhere."""

    list_display: ClassVar = ["created_at", "organization", "action", "actor_label", "target"]
    list_filter: ClassVar = ["actor_kind", "action"]
    search_fields: ClassVar = ["action", "target", "actor_label"]
    ordering: ClassVar = ["-id"]


@admin.register(OutboxMessage, site=site)
class OutboxMessageAdmin(ReadOnlyAdmin):
    """Messages on their way to the workers."""

    list_display: ClassVar = ["created_at", "task", "queue", "sent_at"]
    list_filter: ClassVar = ["queue", ("sent_at", admin.EmptyFieldListFilter)]
    search_fields: ClassVar = ["task"]
    ordering: ClassVar = ["-id"]
