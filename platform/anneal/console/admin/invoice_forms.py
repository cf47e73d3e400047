"""The forms behind what the operator does with invoices."""

from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldBooleanWidget

from anneal.console.admin.fields import choice, decimal, text, whole
from anneal.console.admin.forms import ReasonForm
from anneal.console.admin.invoice_shown import shown_language
from anneal.kernel.ids import uuid7
from billing.invoices.contracts import ReturnBy
from billing.invoices.models import Invoice
from billing.invoices.rests import rests_of
from billing.invoices.texts import line_text

_RETURNS = [
    (ReturnBy.CREDIT.value, _("As credit of the account")),
    (ReturnBy.REFUND.value, _("To the card it was paid with")),
    (ReturnBy.OUTSIDE.value, _("It was returned by other ways")),
]


class LinesField(forms.CharField):
    """Lines of an invoice, one a line: the amount, then the text."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 4})

    def clean(self, value: Any) -> list[tuple[Decimal, str]]:
        """Return amounts and texts as they stand there."""
        lines = [line.split(None, 1) for line in super().clean(value).splitlines() if line.strip()]
        try:
            return [(Decimal(amount), said.strip()) for amount, said in lines]
        except (ValueError, InvalidOperation) as error:
            raise forms.ValidationError(_("Write each line as: amount, text.")) from error


class DraftForm(forms.Form):
    """A draft of an invoice. ``once`` makes a form sent twice write one."""

    once = forms.UUIDField(widget=forms.HiddenInput, initial=uuid7)
    currency = text(_("Currency"), max_length=3, initial="USD")
    lines = LinesField(label=_("Lines"), help_text=_("One a line: amount, text."))


class CreditNoteForm(ReasonForm):
    """What a credit note takes off: an amount, or parts of lines; if nothing, all that is left."""

    field_order = ("amount", "return_by", "reason")
    once = forms.UUIDField(widget=forms.HiddenInput, initial=uuid7)
    amount = decimal(_("Amount with taxes (empty: the lines below, or all)"), required=False)
    return_by = choice(_("What was paid goes back"), _RETURNS)

    def __init__(self, *args: Any, invoice: Invoice, **more: Any) -> None:
        """Offer each line of which something is left."""
        super().__init__(*args, **more)
        self.line_fields: dict[str, Any] = {}
        lines = {line.id: line for line in invoice.lines.all()}
        for place, rest in enumerate(rests_of(invoice)):
            line, name = lines[rest.line_id], f"line_{place}"
            if rest.gross > 0:
                said = line_text(line.description, line.params, shown_language())
                label = _("Of line %(place)s: %(said)s") % {"place": place + 1, "said": said}
                self.fields[name] = decimal(label, required=False)
                self.line_fields[name] = rest.line_id
        self.order_fields(("amount", *self.line_fields, "return_by", "reason"))


class TransferForm(forms.Form):
    """Money that came by other ways. ``once`` makes a form sent twice book once."""

    once = forms.UUIDField(widget=forms.HiddenInput, initial=uuid7)
    amount = decimal(_("Amount"))
    note = text(_("Note, such as the bank's reference"), max_length=300, required=False)


class TaxRateForm(forms.Form):
    """A tax of a country."""

    name_en = text(_("Name in English"))
    name_zh = text(_("Name in Chinese"))
    country = text(_("Country (two letters)"), max_length=2)
    percent = decimal(_("Per cent"))
    reverse_charge = forms.BooleanField(
        label=_("Not asked of customers abroad with a tax number"),
        required=False,
        widget=UnfoldBooleanWidget,
    )


class SellerForm(forms.Form):
    """Who sells, as invoices print it."""

    legal_name = text(_("Legal name"), max_length=200, required=False)
    email = text(_("E-mail"), max_length=254, required=False)
    address = forms.CharField(
        label=_("Address"),
        required=False,
        max_length=500,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )
    country = text(_("Country (two letters)"), max_length=2, required=False)
    tax_id = text(_("Tax number"), max_length=50, required=False)
    number_prefix = text(_("Numbers begin with"), max_length=10)
    footer_en = text(_("Footer in English"), max_length=500, required=False)
    footer_zh = text(_("Footer in Chinese"), max_length=500, required=False)
    payment_days = whole(_("Days to pay"), min_value=0, max_value=365)
    top_ups_taxed = forms.BooleanField(
        label=_("Bought credit includes tax"), required=False, widget=UnfoldBooleanWidget
    )
