"""Refunds and disputes in the console: money that goes back, and money that banks ask back."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db import models
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from anneal.console.admin.form_page import posted, row_of, row_page
from anneal.console.admin.payment_filters import DisputeOpenFilter
from anneal.console.admin.payment_parts import AmountAdmin, link, money, organization_of
from anneal.console.admin.site import operator_actor, site
from billing.invoices.models import CreditNote, Invoice
from billing.payments.contracts import DISPUTES_ENDED
from billing.payments.models import Dispute, PaymentAttempt, Refund
from billing.payments.selectors import refund_resendable
from billing.payments.services.refunding import refund_send_again


@admin.register(Refund, site=site)
class RefundAdmin(AmountAdmin):
    """What credit notes send back, and how far it is."""

    list_display: ClassVar = ["created_at", "organization", "paid", "amount", "status", "ref"]
    list_filter: ClassVar = ["state", "created_at"]
    list_select_related: ClassVar = ["payment"]
    search_fields: ClassVar = ["^ref", "^payment__intent_ref"]
    ordering: ClassVar = ["-id"]
    actions_detail: ClassVar = ["send_again"]

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[str]:
        """Show the payment and the credit note by their names."""
        return [
            "organization",
            "state_shown",
            "amount",
            "paid",
            "credit_note",
            "ref",
            "created_at",
            "asked_at",
        ]

    @display(description=_("Payment"))  # type: ignore[untyped-decorator] # as above
    def paid(self, row: Refund) -> SafeString | str:
        """Lead to what it is of."""
        return link(PaymentAttempt, row.payment.attempt_id, row.payment.intent_ref)

    @display(description=_("Credit note"))  # type: ignore[untyped-decorator] # as above
    def credit_note(self, row: Refund) -> SafeString | str:
        """Lead to the credit note that sends it."""
        kind, *named = row.key.split(":")
        mine = CreditNote.objects.filter(organization_id=row.organization_id)
        if kind == "credit_note":
            note = mine.filter(id=named[0]).first()
        else:
            # One that was made at the provider has a note that is named after it.
            note = mine.filter(key=f"refund:{named[0]}").first()
        return link(CreditNote, note.id, note.number) if note else "-"

    @action(description=_("Send again"), url_path="send-again")  # type: ignore[untyped-decorator] # as above
    def send_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Have one that failed sent once more."""
        row: Refund = row_of(self, request, object_id)
        return row_page(
            request,
            row,
            form=forms.Form(posted(request)),
            title=f"{_('Send again')}: {money(row.amount_minor, row.currency)}",
            back=reverse("admin:payments_paymentattempt_change", args=[row.payment.attempt_id]),
            apply=lambda _cleaned: refund_send_again(
                organization=organization_of(row),
                actor=operator_actor(request),
                refund_id=row.id,
            ),
        )

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Offer it for what failed and went back by no other."""
        actions: list[Any] = super().get_actions_detail(request, object_id)
        row: Refund | None = self.get_object(request, object_id)
        return actions if row is not None and refund_resendable(row) else []


@admin.register(Dispute, site=site)
class DisputeAdmin(AmountAdmin):
    """What banks ask back; the provider's own pages take the answers."""

    list_display: ClassVar = [
        "created_at",
        "organization",
        "paid",
        "amount",
        "status",
        "reason",
        "evidence_due_at",
        "effect",
    ]
    list_filter: ClassVar = [DisputeOpenFilter, "state", "booked", "created_at"]
    list_select_related: ClassVar = ["payment"]
    search_fields: ClassVar = ["^ref", "^payment__intent_ref"]
    ordering: ClassVar = ["-id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Dispute]:
        """Add the number of the invoice that was paid."""
        rows: QuerySet[Dispute] = super().get_queryset(request)
        invoices = Invoice.objects.filter(
            organization_id=OuterRef("organization_id"), id=OuterRef("payment__invoice_id")
        )
        return rows.annotate(number_shown=Subquery(invoices.values("number")[:1]))

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[str]:
        """Show the payment and the invoice by their names."""
        return [
            "organization",
            "state_shown",
            "amount",
            "reason",
            "evidence_due_at",
            "paid",
            "invoice",
            "effect",
            "ref",
            "created_at",
        ]

    @display(description=_("Payment"))  # type: ignore[untyped-decorator] # as above
    def paid(self, row: Dispute) -> SafeString | str:
        """Lead to what it is of."""
        return link(PaymentAttempt, row.payment.attempt_id, row.payment.intent_ref)

    @display(description=_("Invoice"))  # type: ignore[untyped-decorator] # as above
    def invoice(self, row: Any) -> SafeString | str:
        """Lead to what was paid."""
        return link(Invoice, row.payment.invoice_id, row.number_shown)

    @display(description=_("What happened to the invoice"))  # type: ignore[untyped-decorator] # as above
    def effect(self, row: Any) -> Any:
        """Show what it did to the invoice."""
        if row.booked and row.number_shown:
            return _("%(number)s was opened again") % {"number": row.number_shown}
        return _("Nothing so far") if row.state not in DISPUTES_ENDED else _("Nothing")
