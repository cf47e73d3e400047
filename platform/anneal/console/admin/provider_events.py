"""What the payment provider told, in the console: what failed is looked for, read and replayed."""

import json
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db import models
from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from anneal.console.admin.base import ReadOnlyAdmin
from anneal.console.admin.form_page import form_page, posted, row_of, row_page
from anneal.console.admin.payment_parts import StateColumns
from anneal.console.admin.site import operator_actor, site
from billing.payments.contracts import EventState
from billing.payments.models import Payment, PaymentCustomer, ProviderEventRow
from billing.payments.services.intake import event_replay, events_replay
from tenants.accounts.models import Organization


@admin.register(ProviderEventRow, site=site)
class ProviderEventAdmin(StateColumns, ReadOnlyAdmin):
    """Events that wait, were acted on, or failed; each is kept once and for ever."""

    list_display: ClassVar = [
        "occurred_at",
        "type",
        "organization",
        "object_ref",
        "status",
        "tries",
        "next_try_at",
        "error",
    ]
    list_filter: ClassVar = ["state", "occurred_at"]
    search_fields: ClassVar = ["^ref", "^object_ref", "^intent_ref", "^customer_ref", "^type"]
    ordering: ClassVar = ["-id"]
    actions_list: ClassVar = ["replay_failed"]
    actions_detail: ClassVar = ["replay"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProviderEventRow]:
        """Add whose it is, by its customer or else by the payment it is about, in one query."""
        customers = PaymentCustomer.objects.filter(ref=OuterRef("customer_ref"))
        payments = Payment.objects.filter(intent_ref=OuterRef("intent_ref")).exclude(intent_ref="")
        slugs = Organization.objects.filter(id=OuterRef("owner_shown"))
        rows: QuerySet[ProviderEventRow] = super().get_queryset(request)
        return rows.annotate(
            owner_shown=Coalesce(
                Subquery(customers.values("organization_id")[:1]),
                Subquery(payments.values("organization_id")[:1]),
            )
        ).annotate(slug_shown=Subquery(slugs.values("slug")[:1]))

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[str]:
        """Show the state first, and what the provider sent last."""
        return [
            "type",
            "state_shown",
            "error",
            "tries",
            "next_try_at",
            "done_at",
            "organization",
            "ref",
            "object_ref",
            "customer_ref",
            "intent_ref",
            "occurred_at",
            "created_at",
            "sent",
        ]

    @display(description=_("Organization"))  # type: ignore[untyped-decorator] # unfold ships no types
    def organization(self, row: Any) -> str:
        """Show whose it is; nobody's where the account is shared with another shop."""
        return row.slug_shown or "-"

    @display(description=_("Body"))  # type: ignore[untyped-decorator] # as above
    def sent(self, row: ProviderEventRow) -> SafeString:
        """Show what the provider sent."""
        text = json.dumps(json.loads(row.body), indent=2, ensure_ascii=False)
        return format_html('<pre class="overflow-x-auto">{}</pre>', text)

    @action(description=_("Replay"), url_path="replay")  # type: ignore[untyped-decorator] # as above
    def replay(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Act on one at once."""
        row: ProviderEventRow = row_of(self, request, object_id)
        return row_page(
            request,
            row,
            form=forms.Form(posted(request)),
            title=f"{_('Replay')}: {row.type}",
            apply=lambda _cleaned: event_replay(actor=operator_actor(request), event_id=row.id),
        )

    @action(description=_("Replay all that failed"), url_path="replay-failed")  # type: ignore[untyped-decorator] # as above
    def replay_failed(self, request: HttpRequest) -> HttpResponse:
        """Act on every one that failed."""
        failed = ProviderEventRow.objects.filter(state=EventState.FAILED).count()
        return form_page(
            request,
            options=self.opts,
            form=forms.Form(posted(request)),
            title=f"{_('Replay all that failed')}: {failed}",
            back=reverse("admin:payments_providereventrow_changelist"),
            apply=lambda _cleaned: events_replay(actor=operator_actor(request)),
        )

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Offer nothing for what was acted on."""
        actions: list[Any] = super().get_actions_detail(request, object_id)
        row = self.get_object(request, object_id)
        return actions if row is not None and row.state != EventState.DONE else []
