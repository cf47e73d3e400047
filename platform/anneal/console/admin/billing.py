"""Usage, balances, grants, holds and entries in the console: money moves by named actions alone."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from anneal.console.admin.base import ReadOnlyAdmin, TenantAdmin
from anneal.console.admin.credit import refund_page, void_page
from anneal.console.admin.form_page import row_of
from anneal.console.admin.site import site
from billing.ledger.models import (
    Balance,
    CaptureRefund,
    CustomerAccount,
    Grant,
    Hold,
    LedgerEntry,
    Notice,
    SpendingLimit,
)
from billing.metering.models import ReconcileRun, UsageEvent


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
    actions_detail: ClassVar = ["void"]

    @action(description=_("Take back"), url_path="void")  # type: ignore[untyped-decorator] # unfold ships no types
    def void(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take back what is unspent."""
        return void_page(request, row_of(self, request, object_id))


class UncoveredFilter(admin.SimpleListFilter):
    """Holds that cost more than there was money for."""

    title = _("uncovered")
    parameter_name = "uncovered"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer the one choice."""
        return [("yes", _("Yes"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Hold]) -> QuerySet[Hold]:
        """Leave those with something uncovered."""
        return queryset.filter(uncovered__gt=0) if self.value() == "yes" else queryset


@admin.register(Hold, site=site)
class HoldAdmin(TenantAdmin):
    """What is set aside for work under way, charged at its end, and what nothing covered of it."""

    list_display: ClassVar = [
        "created_at",
        "organization",
        "unit",
        "amount",
        "captured",
        "state",
        "charged",
        "uncovered",
        "currency",
    ]
    list_filter: ClassVar = ["unit", "state", UncoveredFilter]
    search_fields: ClassVar = ["source"]
    ordering: ClassVar = ["-id"]
    actions_detail: ClassVar = ["refund"]

    @action(description=_("Refund"), url_path="refund")  # type: ignore[untyped-decorator] # as above
    def refund(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Give back what was captured, or a part of it."""
        return refund_page(request, row_of(self, request, object_id))


@admin.register(LedgerEntry, site=site)
class LedgerEntryAdmin(TenantAdmin):
    """The lines of the journals."""

    list_display: ClassVar = ["booked_at", "organization", "kind", "account", "unit", "amount"]
    list_filter: ClassVar = ["kind", "account", "unit"]
    ordering: ClassVar = ["-id"]


@admin.register(CustomerAccount, site=site)
class CustomerAccountAdmin(TenantAdmin):
    """Accounts with money or limits, and the parked ones with their reason."""

    list_display: ClassVar = ["organization", "currency", "parked_at", "parked_reason"]
    list_filter: ClassVar = [("parked_at", admin.EmptyFieldListFilter), "currency"]
    ordering: ClassVar = ["-id"]


@admin.register(CaptureRefund, site=site)
class CaptureRefundAdmin(TenantAdmin):
    """What was given back."""

    list_display: ClassVar = ["booked_at", "organization", "units", "charge", "reason"]
    search_fields: ClassVar = ["key", "reason"]
    ordering: ClassVar = ["-id"]


@admin.register(SpendingLimit, site=site)
class SpendingLimitAdmin(TenantAdmin):
    """Budgets of organizations, members and keys, and the limits of plans."""

    list_display: ClassVar = ["organization", "scope", "unit", "window", "amount", "hard"]
    list_filter: ClassVar = ["scope", "window", "hard", ("removed_at", admin.EmptyFieldListFilter)]
    ordering: ClassVar = ["-id"]


@admin.register(Notice, site=site)
class NoticeAdmin(TenantAdmin):
    """Thresholds that were reached, and whether a mail went out."""

    list_display: ClassVar = ["reached_at", "organization", "unit", "threshold", "mailed_at"]
    list_filter: ClassVar = ["threshold", "unit"]
    ordering: ClassVar = ["-id"]


@admin.register(ReconcileRun, site=site)
class ReconcileRunAdmin(ReadOnlyAdmin):
    """What each comparison of the books found."""

    list_display: ClassVar = [
        "created_at",
        "finished_at",
        "organization_id",
        "organizations",
        "drifts",
        "parked",
        "alerted_at",
    ]
    ordering: ClassVar = ["-id"]
