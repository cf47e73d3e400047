"""Usage, balances, grants, holds and entries in the console, to read: money moves by service."""

from typing import ClassVar

from django.contrib import admin

from anneal.console.admin.base import TenantAdmin
from anneal.console.admin.site import site
from billing.ledger.models import Balance, Grant, Hold, LedgerEntry
from billing.metering.models import UsageEvent


@admin.register(UsageEvent, site=site)
class UsageEventAdmin(TenantAdmin):
    """What was counted."""

    list_display: ClassVar = ["occurred_at", "organization", "meter", "units", "model", "source"]
    list_filter: ClassVar = ["meter", "source"]
    search_fields: ClassVar = ["model", "event_id"]
    ordering: ClassVar = ["-id"]


@admin.register(Balance, site=site)
class BalanceAdmin(TenantAdmin):
    """What is left."""

    list_display: ClassVar = ["organization", "unit", "granted", "held", "consumed", "expired"]
    list_filter: ClassVar = ["unit"]
    ordering: ClassVar = ["-id"]


@admin.register(Grant, site=site)
class GrantAdmin(TenantAdmin):
    """What was given."""

    list_display: ClassVar = [
        "created_at",
        "organization",
        "unit",
        "amount",
        "consumed",
        "kind",
        "expires_at",
    ]
    list_filter: ClassVar = ["unit", "kind"]
    search_fields: ClassVar = ["source"]
    ordering: ClassVar = ["-id"]


@admin.register(Hold, site=site)
class HoldAdmin(TenantAdmin):
    """What is set aside for work under way."""

    list_display: ClassVar = ["created_at", "organization", "unit", "amount", "captured", "state"]
    list_filter: ClassVar = ["unit", "state"]
    search_fields: ClassVar = ["source"]
    ordering: ClassVar = ["-id"]


@admin.register(LedgerEntry, site=site)
class LedgerEntryAdmin(TenantAdmin):
    """The lines of the journals."""

    list_display: ClassVar = ["booked_at", "organization", "kind", "account", "unit", "amount"]
    list_filter: ClassVar = ["kind", "account", "unit"]
    ordering: ClassVar = ["-id"]
