"""Shapes of invoices, credit notes and billing details."""

from typing import Any

from rest_framework import serializers

from billing.invoices.contracts import FapiaoKind, InvoiceKind, ItemKind, PaymentStatus, ReturnBy
from billing.invoices.texts import TEXTS

_EXACT = "A decimal number, exact, with all of the currency's decimals."


def _money(text: str = "") -> serializers.CharField:
    return serializers.CharField(help_text=f"{text} {_EXACT}".strip())


class TextsOut(serializers.Serializer[Any]):
    """A text in both languages."""

    def get_fields(self) -> dict[str, Any]:
        """Name them as languages are named."""
        return {language: serializers.CharField() for language in TEXTS}


class SpanOut(serializers.Serializer[Any]):
    """Half open: it ends where the next one begins."""

    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()


class InvoiceTaxOut(serializers.Serializer[Any]):
    """A tax, calculated once on the sum of the lines."""

    name = TextsOut()
    percent = serializers.CharField()
    base = _money()
    amount = _money()


class UpcomingLineOut(serializers.Serializer[Any]):
    """A line of what the next invoice would ask for."""

    kind = serializers.ChoiceField(choices=[one.value for one in ItemKind])
    description = TextsOut()
    quantity = serializers.CharField(allow_null=True)
    unit_price = serializers.CharField(allow_null=True)
    amount = _money("Rounded once, half a coin up.")
    exact_amount = serializers.CharField(help_text="Before it was rounded.")
    period = SpanOut(allow_null=True)


class PreviewLineOut(UpcomingLineOut):
    """A line of the invoice that a change of plan would make; below zero it gives back."""

    tax = _money("The line's share of the taxes.")
    evidence = serializers.DictField(
        child=serializers.CharField(), help_text="What the line is of, by name."
    )


class InvoiceLineOut(PreviewLineOut):
    """A line; below zero it gives back."""

    id = serializers.CharField()


class InvoicePaymentOut(serializers.Serializer[Any]):
    """Money that came, or below zero was taken back."""

    payment = serializers.CharField(allow_null=True, help_text="Null: by other ways, by hand.")
    amount = _money()
    excess = _money("What came beyond what was due, and became credit.")
    booked_at = serializers.DateTimeField()


class CreditNoteOut(serializers.Serializer[Any]):
    """What was taken off an invoice."""

    id = serializers.CharField()
    object = serializers.CharField()
    number = serializers.CharField()
    invoice = serializers.CharField()
    invoice_number = serializers.CharField()
    currency = serializers.CharField()
    subtotal = _money()
    tax = _money()
    total = _money()
    due_lowered = _money("So much less is to be paid.")
    returned = _money("So much of what was paid goes back.")
    return_by = serializers.ChoiceField(choices=[one.value for one in ReturnBy])
    reason = serializers.CharField()
    issued_at = serializers.DateTimeField()


class CreditNoteLineOut(serializers.Serializer[Any]):
    """What was taken off one line."""

    line = serializers.CharField()
    description = TextsOut()
    amount = _money()
    tax = _money()


class CreditNoteWholeOut(CreditNoteOut):
    """A credit note with its lines."""

    lines = CreditNoteLineOut(many=True)


class InvoiceOut(serializers.Serializer[Any]):
    """A final invoice."""

    id = serializers.CharField()
    object = serializers.CharField()
    number = serializers.CharField()
    kind = serializers.ChoiceField(choices=[one.value for one in InvoiceKind])
    status = serializers.ChoiceField(choices=[one.value for one in PaymentStatus])
    currency = serializers.CharField()
    subtotal = _money()
    tax = _money()
    total = _money()
    paid = _money()
    credited = _money("What credit notes took off.")
    returned = _money("What of it had been paid and goes back.")
    amount_due = _money("What is still to be paid.")
    issued_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField()
    paid_at = serializers.DateTimeField(allow_null=True)


class InvoiceWholeOut(InvoiceOut):
    """An invoice with all that explains it; seller and customer as they were when it was made."""

    seller = serializers.DictField()
    customer = serializers.DictField()
    reverse_charge = serializers.BooleanField()
    lines = InvoiceLineOut(many=True)
    taxes = InvoiceTaxOut(many=True)
    payments = InvoicePaymentOut(many=True)
    credit_notes = CreditNoteOut(many=True)


class UpcomingOut(serializers.Serializer[Any]):
    """What the next invoice would ask for, if nothing more were used; before promotion codes."""

    object = serializers.CharField()
    currency = serializers.CharField()
    closes_at = serializers.DateTimeField()
    lines = UpcomingLineOut(many=True)
    taxes = InvoiceTaxOut(many=True)
    subtotal = _money()
    tax = _money()
    total = _money("Below zero it is kept for the next invoice.")


class PreviewInvoiceOut(serializers.Serializer[Any]):
    """The invoice that a change of plan would make at once."""

    currency = serializers.CharField()
    lines = PreviewLineOut(many=True)
    taxes = InvoiceTaxOut(many=True)
    subtotal = _money()
    tax = _money()
    total = _money()


class PlanChangeIn(serializers.Serializer[Any]):
    """The plan to look at."""

    plan = serializers.CharField(max_length=50, help_text="A plan's code.")
    time_zone = serializers.CharField(
        max_length=60, required=False, help_text="For the first plan, as the subscription's."
    )


class PlanChangeOut(serializers.Serializer[Any]):
    """What changing the plan now would cost; nothing is changed."""

    object = serializers.CharField()
    plan = serializers.CharField()
    starts_at = serializers.DateTimeField(help_text="Now, or when the present period ends.")
    currency = serializers.CharField()
    invoice = PreviewInvoiceOut(allow_null=True, help_text="Null: no invoice is made now.")
    due_now = _money("The invoice's total.")
    credit = _money("Given back beyond what is due now: it waits for the next invoice.")
    next_invoice = UpcomingOut(help_text="As it would stand after the change.")


class _ListOut(serializers.Serializer[Any]):
    object = serializers.CharField()
    first_id = serializers.CharField(allow_null=True)
    last_id = serializers.CharField(allow_null=True)
    has_more = serializers.BooleanField()


class InvoiceListOut(_ListOut):
    """Invoices, newest first."""

    data = InvoiceOut(many=True)  # type: ignore[assignment] # the API's name, not DRF's


class CreditNoteListOut(_ListOut):
    """Credit notes, newest first."""

    data = CreditNoteOut(many=True)  # type: ignore[assignment] # as above


class PdfQuery(serializers.Serializer[Any]):
    """In which language it is printed: by default that of the billing details."""

    language = serializers.ChoiceField(choices=list(TEXTS), required=False)


def _line(most: int) -> serializers.CharField:
    return serializers.CharField(max_length=most, allow_blank=True, default="")


class ProfileIn(serializers.Serializer[Any]):
    """Whom invoices are made out to, from the next one on.

    What is left out is empty; the language stays as it is.
    """

    legal_name = _line(200)
    email = _line(254)
    line1 = _line(200)
    line2 = _line(200)
    city = _line(100)
    region = _line(100)
    postal_code = _line(20)
    country = serializers.CharField(
        max_length=2, allow_blank=True, default="", help_text="Two capital letters."
    )
    tax_id = _line(50)
    language = serializers.ChoiceField(choices=list(TEXTS), required=False)
    fapiao_kind = serializers.ChoiceField(
        choices=[one.value for one in FapiaoKind if one.value], allow_blank=True, default=""
    )
    fapiao_title = _line(200)
    fapiao_taxpayer_id = _line(30)
    fapiao_address = _line(200)
    fapiao_phone = _line(30)
    fapiao_bank = _line(200)
    fapiao_account = _line(50)


class ProfileOut(ProfileIn):
    """Whom invoices are made out to."""

    language = serializers.ChoiceField(choices=list(TEXTS))
    object = serializers.CharField()
