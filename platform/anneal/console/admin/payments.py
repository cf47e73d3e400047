"""Payments in the console. Money goes back by one form, and once."""

from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db import models
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Concat
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from anneal.console.admin.fields import decimal
from anneal.console.admin.form_page import posted, row_of, row_page
from anneal.console.admin.forms import ReasonForm
from anneal.console.admin.payment_filters import (
    PURPOSES,
    PaymentStateFilter,
    ProviderFilter,
    PurposeFilter,
)
from anneal.console.admin.payment_parts import (
    AmountAdmin,
    link,
    money,
    money_table,
    organization_of,
    state_text,
    table,
)
from anneal.console.admin.site import operator_actor, site
from anneal.kernel.errors import NotFound
from anneal.kernel.ids import parse_id, public_id, uuid7
from billing.invoices.models import Invoice
from billing.invoices.money import money_text
from billing.payments.contracts import DISPUTES_ENDED
from billing.payments.models import (
    Dispute,
    Payment,
    PaymentAttempt,
    PaymentMethod,
    ProviderEventRow,
    Refund,
)
from billing.payments.selectors import (
    events_about,
    payment_disputed,
    payment_left,
    provider_of,
)
from billing.payments.services.refunding import payment_refund
from billing.prices.currency import minor_units, require_decimals

# Customers and the API call a try to collect a payment, and so does the console.
PaymentAttempt._meta.verbose_name = "Payment"
PaymentAttempt._meta.verbose_name_plural = "Payments"

_MOST_EVENTS = 50


class PaymentRefundForm(ReasonForm):
    """How much goes back, and why. ``once`` makes a form sent twice refund once."""

    field_order = ("amount", "reason")
    once = forms.UUIDField(widget=forms.HiddenInput, initial=uuid7)
    amount = decimal(_("Amount"))


@admin.register(PaymentAttempt, site=site)
class PaymentAdmin(AmountAdmin):
    """Every try to collect, with what came of it."""

    list_display: ClassVar = [
        "created_at",
        "organization",
        "invoice",
        "amount",
        "status",
        "purpose",
        "card",
        "provider_id",
        "declined",
    ]
    list_filter: ClassVar = [
        PaymentStateFilter,
        PurposeFilter,
        ProviderFilter,
        "automatic",
        "created_at",
    ]
    search_fields: ClassVar = ["^intent_ref", "^session_ref", "^card_ref"]
    ordering: ClassVar = ["-id"]
    actions_detail: ClassVar = ["refund"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[PaymentAttempt]:
        """Add what an attempt's money, invoice and card say, in the same query."""
        mine = {"organization_id": OuterRef("organization_id")}
        paid = Payment.objects.filter(**mine, attempt_id=OuterRef("id"))
        cards = PaymentMethod.objects.filter(**mine, ref=OuterRef("card_ref"))
        disputes = Dispute.objects.filter(**mine, payment__attempt_id=OuterRef("id"))
        rows: QuerySet[PaymentAttempt] = super().get_queryset(request)
        return rows.annotate(
            invoice_shown=Coalesce("invoice_id", Subquery(paid.values("invoice_id")[:1])),
            refunded_shown=Subquery(paid.values("refunded_minor")[:1]),
            disputed_shown=Exists(disputes.exclude(state__in=DISPUTES_ENDED)),
            card_shown=Subquery(
                cards.values(named=Concat("brand", models.Value(" "), "last4"))[:1]
            ),
        ).annotate(
            number_shown=Subquery(
                Invoice.objects.filter(**mine, id=OuterRef("invoice_shown")).values("number")[:1]
            )
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search by invoice and by the id that customers see, too."""
        found, duplicates = super().get_search_results(request, queryset, search_term)
        if search_term:
            invoices = Invoice.objects.filter(number__startswith=search_term)
            about = Q(invoice_shown__in=invoices.values("id"))
            found = found | queryset.filter(about | _known_as(search_term))
        return found, duplicates

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> list[str]:
        """Show what an operator asks about first, and the rows that hang on it last."""
        return [
            "organization",
            "known_as",
            "state_shown",
            "amount",
            "refunded",
            "purpose",
            "invoice",
            "card",
            "declined",
            "refusal",
            "provider",
            "intent_ref",
            "session_ref",
            "number",
            "automatic",
            "created_at",
            "asked_at",
            "ended_at",
            "attempts",
            "refunds",
            "disputes",
            "events",
        ]

    def standing(self, row: Any) -> str:
        """Return what became of it, also afterwards."""
        if row.disputed_shown:
            return "disputed"
        if row.refunded_shown:
            return "refunded" if row.refunded_shown >= row.amount_minor else "partly_refunded"
        return str(row.state)

    @display(description=_("Invoice"), ordering="number_shown")  # type: ignore[untyped-decorator] # unfold ships no types
    def invoice(self, row: Any) -> SafeString | str:
        """Lead to what was paid."""
        return link(Invoice, row.invoice_shown, row.number_shown)

    @display(description=_("Purpose"))  # type: ignore[untyped-decorator] # as above
    def purpose(self, row: PaymentAttempt) -> Any:
        """Show what it was for."""
        return next((name for begins, name in PURPOSES.items() if row.key.startswith(begins)), "-")

    @display(description=_("Card"))  # type: ignore[untyped-decorator] # as above
    def card(self, row: Any) -> str:
        """Show the saved card it was asked of; what a page took is the provider's to know."""
        return row.card_shown or "-"

    @display(description=_("Decline reason"))  # type: ignore[untyped-decorator] # as above
    def declined(self, row: PaymentAttempt) -> str:
        """Show why its bank refused."""
        return row.failure or "-"

    @display(description=_("Provider's id"))  # type: ignore[untyped-decorator] # as above
    def provider_id(self, row: PaymentAttempt) -> str:
        """Show the provider's name of the payment, or of its page."""
        return row.intent_ref or row.session_ref or "-"

    @display(description=_("Provider"))  # type: ignore[untyped-decorator] # as above
    def provider(self, row: PaymentAttempt) -> str:
        """Show who was asked to collect."""
        return {"stripe": "Stripe", "demo": str(_("Demo"))}.get(provider_of(row), "-")

    @display(description=_("Id for customers"))  # type: ignore[untyped-decorator] # as above
    def known_as(self, row: PaymentAttempt) -> str:
        """Show the id that customers and the API know it by."""
        return public_id("pay_", row.id)

    @display(description=_("Refunded"))  # type: ignore[untyped-decorator] # as above
    def refunded(self, row: Any) -> str:
        """Show how much went back."""
        return money(row.refunded_shown or 0, row.currency)

    @display(description=_("Tries to collect"))  # type: ignore[untyped-decorator] # as above
    def attempts(self, row: PaymentAttempt) -> SafeString:
        """Show every try of the same invoice, this one among them."""
        mine = PaymentAttempt.objects.filter(organization_id=row.organization_id)
        about = Q(invoice_id=row.invoice_id) if row.invoice_id else Q(id=row.id)
        return money_table(
            mine.filter(about).order_by("id"),
            (_("Decline reason"), "failure"),
            (_("Provider's id"), "intent_ref"),
        )

    @display(description=_("Refunds"))  # type: ignore[untyped-decorator] # as above
    def refunds(self, row: PaymentAttempt) -> SafeString:
        """Show what went back."""
        return money_table(_hanging(Refund, row), (_("Provider's id"), "ref"))

    @display(description=_("Disputes"))  # type: ignore[untyped-decorator] # as above
    def disputes(self, row: PaymentAttempt) -> SafeString:
        """Show what a bank asks back."""
        columns = (_("Reason"), "reason"), (_("Provider's id"), "ref")
        return money_table(_hanging(Dispute, row), *columns)

    @display(description=_("Provider events"))  # type: ignore[untyped-decorator] # as above
    def events(self, row: PaymentAttempt) -> SafeString:
        """Show what the provider told of it, of its page, its refunds and its disputes."""
        refs = [row.intent_ref, row.session_ref]
        for model in (Refund, Dispute):
            refs += _hanging(model, row).values_list("ref", flat=True)
        told = events_about(refs=refs, intent=row.intent_ref).defer("body")
        return table(
            (_("When"), _("Event"), _("State"), _("Error")),
            (
                (
                    link(ProviderEventRow, each.id, f"{each.occurred_at:%Y-%m-%d %H:%M}"),
                    each.type,
                    state_text(each.state),
                    each.error or "-",
                )
                for each in told[:_MOST_EVENTS]
            ),
        )

    @action(description=_("Refund"), url_path="refund")  # type: ignore[untyped-decorator] # as above
    def refund(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send a payment, or a part, back to its card."""
        row: Any = row_of(self, request, object_id)
        left = money_text(_left(row), row.currency)
        form = PaymentRefundForm(posted(request), initial={"amount": left})
        form.fields["amount"].help_text = _("At most %(left)s %(currency)s.") % {
            "left": left,
            "currency": row.currency,
        }
        return row_page(
            request,
            row,
            form=form,
            title=f"{_('Refund')}: {row.organization_slug_shown} {row.number_shown or ''}",
            apply=lambda cleaned: _refund(request, row, cleaned),
        )

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Offer a refund where something can go back."""
        actions: list[Any] = super().get_actions_detail(request, object_id)
        row = self.get_object(request, object_id)
        return actions if row is not None and _left(row) > 0 else []


def _known_as(term: str) -> Q:
    try:
        return Q(id=parse_id("pay_", term))
    except NotFound:
        return Q()


def _hanging(model: type[Refund] | type[Dispute], row: PaymentAttempt) -> QuerySet[Any]:
    rows: QuerySet[Any] = model.objects.filter(
        organization_id=row.organization_id, payment__attempt_id=row.id
    )
    return rows.order_by("id")


def _left(row: Any) -> int:
    """Return how much of a payment can go back, in coins."""
    mine = Payment.objects.filter(organization_id=row.organization_id)
    payment = mine.filter(attempt_id=row.id).first()
    if payment is None or payment_disputed(payment):
        return 0
    return payment_left(organization=organization_of(row), payment=payment)


def _refund(request: HttpRequest, row: Any, cleaned: dict[str, Any]) -> None:
    amount: Decimal = cleaned["amount"]
    require_decimals(amount, row.currency, param="amount")
    payment_refund(
        organization=organization_of(row),
        actor=operator_actor(request),
        attempt_id=row.id,
        key=f"console:{cleaned['once']}",
        amount_minor=minor_units(amount, row.currency),
        reason=cleaned["reason"],
    )
