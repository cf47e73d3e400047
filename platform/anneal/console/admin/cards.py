"""Saved cards and automatic top-ups in the console."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from anneal.console.admin.base import TenantAdmin
from anneal.console.admin.form_page import posted, row_of, row_page
from anneal.console.admin.forms import ReasonForm
from anneal.console.admin.payment_parts import StateColumns, organization_of
from anneal.console.admin.site import operator_actor, site
from billing.payments.models import AutoTopUp, PaymentMethod
from billing.payments.services.pausing import OPERATOR
from billing.payments.services.stopping import auto_top_up_resume, auto_top_up_stop


@admin.register(PaymentMethod, site=site)
class PaymentMethodAdmin(TenantAdmin):
    """Cards that the provider keeps, by what may be known of them."""

    list_display: ClassVar = [
        "organization",
        "brand",
        "last4",
        "expires",
        "is_default",
        "removed_at",
    ]
    list_filter: ClassVar = ["brand", "is_default", ("removed_at", admin.EmptyFieldListFilter)]
    search_fields: ClassVar = ["^ref", "=last4"]
    ordering: ClassVar = ["-id"]

    @display(description=_("Valid until"))  # type: ignore[untyped-decorator] # unfold ships no types
    def expires(self, row: PaymentMethod) -> str:
        """Show the last month in which it pays."""
        return f"{row.exp_year}-{row.exp_month:02}"


@admin.register(AutoTopUp, site=site)
class AutoTopUpAdmin(StateColumns, TenantAdmin):
    """Whose credit renews itself, and what stopped it."""

    list_display: ClassVar = [
        "organization",
        "status",
        "threshold_shown",
        "amount_shown",
        "daily_cap_shown",
        "paused_reason",
        "retry_at",
    ]
    list_filter: ClassVar = ["enabled", "paused_reason", "currency"]
    search_fields: ClassVar = ["^paused_reason"]
    ordering: ClassVar = ["-id"]
    actions_detail: ClassVar = ["pause", "resume"]

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[str]:
        """Show the list's columns, and how often it bought."""
        return ["organization", "state_shown", *self.list_display[2:], "round", "created_at"]

    def standing(self, row: AutoTopUp) -> str:
        """Return whether it buys."""
        if row.paused_reason == OPERATOR:
            return "stopped"
        if not row.enabled:
            return "off"
        return "paused" if row.paused_reason else "on"

    @display(description=_("Below"), ordering="threshold")  # type: ignore[untyped-decorator] # as above
    def threshold_shown(self, row: AutoTopUp) -> str:
        """Show below what it buys."""
        return f"{row.threshold.normalize():f} {row.currency}"

    @display(description=_("Amount"), ordering="amount")  # type: ignore[untyped-decorator] # as above
    def amount_shown(self, row: AutoTopUp) -> str:
        """Show how much it buys."""
        return f"{row.amount.normalize():f} {row.currency}"

    @display(description=_("Most a day"), ordering="daily_cap")  # type: ignore[untyped-decorator] # as above
    def daily_cap_shown(self, row: AutoTopUp) -> str:
        """Show how much it buys a day."""
        return f"{row.daily_cap.normalize():f} {row.currency}"

    @action(description=_("Pause"), url_path="pause")  # type: ignore[untyped-decorator] # as above
    def pause(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Buy nothing until it is resumed here."""
        return self._ask(request, object_id, _("Pause"), auto_top_up_stop)

    @action(description=_("Resume"), url_path="resume")  # type: ignore[untyped-decorator] # as above
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Buy again, whatever stopped it."""
        return self._ask(request, object_id, _("Resume"), auto_top_up_resume)

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Offer what can be done: what waits is resumed, what does not is paused."""
        row = self.get_object(request, object_id)
        hidden = {"_resume"} if row is None or not row.paused_reason else set()
        if row is not None and row.paused_reason == OPERATOR:
            hidden = {"_pause"}
        actions: list[Any] = super().get_actions_detail(request, object_id)
        return [one for one in actions if not one.action_name.endswith(tuple(hidden) or ("-",))]

    def _ask(
        self, request: HttpRequest, object_id: str, name: Any, service: Callable[..., None]
    ) -> HttpResponse:
        row = row_of(self, request, object_id)
        return row_page(
            request,
            row,
            form=ReasonForm(posted(request)),
            title=f"{name}: {row.organization_slug_shown}",
            apply=lambda cleaned: service(
                organization=organization_of(row), actor=operator_actor(request), **cleaned
            ),
        )
