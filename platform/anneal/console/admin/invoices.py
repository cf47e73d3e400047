"""Invoices, credit notes, dunning, tax rates and the seller in the console."""

from dataclasses import asdict
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db import models
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from anneal.console.admin.base import ReadOnlyAdmin, TenantAdmin
from anneal.console.admin.form_page import form_page, posted, row_of
from anneal.console.admin.forms import ReasonForm
from anneal.console.admin.invoice_forms import (
    CreditNoteForm,
    SellerForm,
    TaxRateForm,
    TransferForm,
)
from anneal.console.admin.invoice_pages import (
    credit_note_issue_from,
    invoice_page,
    transfer_book_from,
)
from anneal.console.admin.invoice_shown import FIELDS, NOTE_FIELDS, CreditNoteShown, InvoiceShown
from anneal.console.admin.site import operator_actor, site
from billing.invoices.contracts import InvoiceStatus, PaymentStatus, SellerTerms
from billing.invoices.models import (
    BillingProfile,
    CreditNote,
    Dunning,
    DunningStep,
    Invoice,
    InvoiceItem,
    InvoiceLine,
    InvoicePayment,
    NumberSeries,
    Seller,
    TaxRate,
)
from billing.invoices.money import money_text
from billing.invoices.parties import seller_current
from billing.invoices.services import (
    invoice_finalize,
    invoice_give_up,
    invoice_void,
    seller_set,
    tax_rate_add,
    tax_rate_end,
)


class MoneyColumns:
    """Amounts of rows that have them in smallest coins."""

    def total(self, row: Invoice | CreditNote) -> str:
        """Show the total with its currency."""
        return f"{money_text(row.total_minor, row.currency)} {row.currency}"

    total.short_description = _("total")  # type: ignore[attr-defined] # Django's way


@admin.register(Invoice, site=site)
class InvoiceAdmin(InvoiceShown, MoneyColumns, TenantAdmin):
    """What was asked for; what is final is corrected by credit notes alone."""

    list_display: ClassVar = [
        "number",
        "organization",
        "kind_shown",
        "standing",
        "total",
        "due",
        "issued_at",
        "due_at",
    ]
    list_filter: ClassVar = ["status", "payment_status", "kind", "currency"]
    search_fields: ClassVar = ["number"]
    ordering: ClassVar = ["-id"]
    actions_detail: ClassVar = [
        "finalize",
        "void",
        "credit",
        "transfer",
        "give_up",
        "pdf_en",
        "pdf_zh",
    ]

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[str]:
        """Show amounts in the currency, and what hangs on it."""
        return list(FIELDS)

    def due(self, row: Invoice) -> str:
        """Show what is still to be paid."""
        return f"{money_text(row.due_minor, row.currency)} {row.currency}"

    due.short_description = _("to be paid")  # type: ignore[attr-defined] # Django's way

    @action(description=_("Make final"), url_path="finalize")  # type: ignore[untyped-decorator] # unfold ships no types
    def finalize(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Give a draft its number; it never changes again."""
        row = row_of(self, request, object_id)
        form = forms.Form(posted(request))
        return invoice_page(request, row, form, _("Make final"), invoice_finalize)

    @action(description=_("Void"), url_path="void")  # type: ignore[untyped-decorator] # as above
    def void(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Throw a draft away."""
        row = row_of(self, request, object_id)
        return invoice_page(request, row, forms.Form(posted(request)), _("Void"), invoice_void)

    @action(description=_("Credit note"), url_path="credit")  # type: ignore[untyped-decorator] # as above
    def credit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take an amount, or parts of lines, off a final invoice."""
        row = row_of(self, request, object_id)
        form = CreditNoteForm(posted(request), invoice=row)
        return invoice_page(request, row, form, _("Credit note"), credit_note_issue_from)

    @action(description=_("Book a transfer"), url_path="transfer")  # type: ignore[untyped-decorator] # as above
    def transfer(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Book money that came by other ways than a card."""
        row = row_of(self, request, object_id)
        form = TransferForm(posted(request))
        return invoice_page(request, row, form, _("Book a transfer"), transfer_book_from)

    @action(description=_("Give up"), url_path="give-up")  # type: ignore[untyped-decorator] # as above
    def give_up(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Expect no money for it any more."""
        row = row_of(self, request, object_id)
        form = ReasonForm(posted(request))
        return invoice_page(request, row, form, _("Give up"), invoice_give_up)

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Offer what the invoice's state allows."""
        row = self.get_object(request, object_id)
        allowed: tuple[str, ...] = ()
        if row is not None and row.status == InvoiceStatus.DRAFT:
            allowed = ("_finalize", "_void")
        elif row is not None and row.status == InvoiceStatus.FINAL:
            allowed = ("_credit", "_transfer", "_pdf_en", "_pdf_zh")
            if row.payment_status == PaymentStatus.OPEN:
                allowed = (*allowed, "_give_up")
        actions: list[Any] = super().get_actions_detail(request, object_id)
        return [one for one in actions if one.action_name.endswith(allowed)]


@admin.register(InvoiceLine, site=site)
class InvoiceLineAdmin(TenantAdmin):
    """The lines of final invoices."""

    list_display: ClassVar = [
        "organization",
        "invoice",
        "kind",
        "description",
        "quantity",
        "amount_minor",
        "tax_minor",
    ]
    list_filter: ClassVar = ["kind"]
    list_select_related: ClassVar = ["invoice"]
    search_fields: ClassVar = ["invoice__number"]
    ordering: ClassVar = ["-id"]


@admin.register(InvoiceItem, site=site)
class InvoiceItemAdmin(TenantAdmin):
    """What is to be paid, and which invoice took it."""

    list_display: ClassVar = [
        "organization",
        "kind",
        "amount",
        "currency",
        "due_at",
        "invoice",
        "dropped_at",
        "disputed_at",
    ]
    list_filter: ClassVar = ["kind", ("invoice", admin.EmptyFieldListFilter)]
    list_select_related: ClassVar = ["invoice"]
    search_fields: ClassVar = ["source"]
    ordering: ClassVar = ["-id"]


@admin.register(InvoicePayment, site=site)
class InvoicePaymentAdmin(TenantAdmin):
    """What came for invoices."""

    list_display: ClassVar = ["booked_at", "organization", "invoice", "amount_minor", "note"]
    list_select_related: ClassVar = ["invoice"]
    search_fields: ClassVar = ["invoice__number", "key"]
    ordering: ClassVar = ["-id"]


@admin.register(CreditNote, site=site)
class CreditNoteAdmin(CreditNoteShown, MoneyColumns, TenantAdmin):
    """What was taken off invoices."""

    list_display: ClassVar = [
        "number",
        "organization",
        "invoice_shown",
        "total",
        "returned",
        "reason",
        "issued_at",
    ]
    list_filter: ClassVar = ["return_by", "currency"]
    list_select_related: ClassVar = ["invoice"]
    search_fields: ClassVar = ["number", "invoice__number"]
    ordering: ClassVar = ["-id"]
    actions_detail: ClassVar = ["pdf_en", "pdf_zh"]

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[str]:
        """Show amounts in the currency, and the lines."""
        return list(NOTE_FIELDS)


@admin.register(Dunning, site=site)
class DunningAdmin(TenantAdmin):
    """Invoices that were not paid in time, and how far each is."""

    list_display: ClassVar = [
        "organization",
        "invoice",
        "due",
        "started_at",
        "next_try",
        "suspended_at",
        "ended_at",
    ]
    list_filter: ClassVar = [
        ("ended_at", admin.EmptyFieldListFilter),
        ("suspended_at", admin.EmptyFieldListFilter),
    ]
    list_select_related: ClassVar = ["invoice"]
    search_fields: ClassVar = ["invoice__number"]
    ordering: ClassVar = ["-id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Dunning]:
        """Add when it is tried next."""
        rows: QuerySet[Dunning] = super().get_queryset(request)
        steps = DunningStep.objects.filter(dunning=OuterRef("id"), closed_at__isnull=True)
        return rows.annotate(next_shown=Subquery(steps.order_by("step").values("due_at")[:1]))

    @display(description=_("to be paid"))  # type: ignore[untyped-decorator] # as above
    def due(self, row: Dunning) -> str:
        """Show what is still to be paid."""
        return f"{money_text(row.invoice.due_minor, row.invoice.currency)} {row.invoice.currency}"

    @display(description=_("Next try"))  # type: ignore[untyped-decorator] # as above
    def next_try(self, row: Any) -> Any:
        """Show when payment is tried again by itself."""
        return row.next_shown


@admin.register(DunningStep, site=site)
class DunningStepAdmin(TenantAdmin):
    """Each try to be paid."""

    list_display: ClassVar = [
        "organization",
        "invoice",
        "step",
        "due_at",
        "told_at",
        "failed_at",
        "closed_at",
    ]
    list_filter: ClassVar = ["step", ("failed_at", admin.EmptyFieldListFilter)]
    list_select_related: ClassVar = ["dunning__invoice"]
    search_fields: ClassVar = ["dunning__invoice__number"]
    ordering: ClassVar = ["due_at"]

    @display(description=_("Invoice"))  # type: ignore[untyped-decorator] # as above
    def invoice(self, row: DunningStep) -> str:
        """Show what is to be paid."""
        return str(row.dunning.invoice.number)


@admin.register(BillingProfile, site=site)
class BillingProfileAdmin(TenantAdmin):
    """Whom invoices are made out to."""

    list_display: ClassVar = ["organization", "legal_name", "country", "tax_id", "fapiao_kind"]
    list_filter: ClassVar = ["fapiao_kind", "country"]
    search_fields: ClassVar = ["legal_name", "tax_id"]
    ordering: ClassVar = ["-id"]


@admin.register(NumberSeries, site=site)
class NumberSeriesAdmin(ReadOnlyAdmin):
    """The last number of each series."""

    list_display: ClassVar = ["name", "last"]
    ordering: ClassVar = ["-id"]


@admin.register(TaxRate, site=site)
class TaxRateAdmin(ReadOnlyAdmin):
    """Which taxes customers of a country pay."""

    list_display: ClassVar = ["country", "name_en", "percent", "reverse_charge", "ended_at"]
    list_filter: ClassVar = ["country", ("ended_at", admin.EmptyFieldListFilter)]
    ordering: ClassVar = ["-id"]
    actions_list: ClassVar = ["add_rate"]
    actions_detail: ClassVar = ["end"]

    @action(description=_("Add tax rate"), url_path="add-rate")  # type: ignore[untyped-decorator] # as above
    def add_rate(self, request: HttpRequest) -> HttpResponse:
        """Ask for a tax from the next invoice on."""
        return form_page(
            request,
            options=self.opts,
            form=TaxRateForm(posted(request)),
            title=_("Add tax rate"),
            back=reverse("admin:invoices_taxrate_changelist"),
            apply=lambda cleaned: tax_rate_add(actor=operator_actor(request), **cleaned),
        )

    @action(description=_("End"), url_path="end")  # type: ignore[untyped-decorator] # as above
    def end(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for it no more."""
        row: TaxRate = row_of(self, request, object_id)
        return form_page(
            request,
            options=self.opts,
            form=forms.Form(posted(request)),
            title=_("End"),
            back=reverse("admin:invoices_taxrate_change", args=[row.pk]),
            apply=lambda _cleaned: tax_rate_end(actor=operator_actor(request), rate_id=row.id),
        )


@admin.register(Seller, site=site)
class SellerAdmin(ReadOnlyAdmin):
    """Who sells, and who sold."""

    list_display: ClassVar = ["version", "legal_name", "country", "number_prefix", "created_at"]
    ordering: ClassVar = ["-version"]
    actions_list: ClassVar = ["set_seller"]

    @action(description=_("Change the seller"), url_path="set-seller")  # type: ignore[untyped-decorator] # as above
    def set_seller(self, request: HttpRequest) -> HttpResponse:
        """Print other details from the next invoice on."""
        return form_page(
            request,
            options=self.opts,
            form=SellerForm(posted(request), initial=asdict(seller_current())),
            title=_("Change the seller"),
            back=reverse("admin:invoices_seller_changelist"),
            apply=lambda cleaned: seller_set(
                actor=operator_actor(request), terms=SellerTerms(**cleaned)
            ),
        )
