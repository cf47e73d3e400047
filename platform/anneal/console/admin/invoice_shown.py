"""What an invoice's page in the console says of it: lines, money, notes, tries, and documents."""

from typing import Any, Final
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import translation
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from anneal.console.admin.form_page import row_of
from anneal.console.admin.payment_parts import link, money, organization_of, table
from billing.invoices.contracts import InvoiceKind, InvoiceStatus, PaymentStatus, ReturnBy
from billing.invoices.models import (
    CreditNote,
    CreditNoteLine,
    DunningStep,
    Invoice,
    InvoiceItem,
    InvoiceLine,
    InvoicePayment,
)
from billing.invoices.pdf import credit_note_pdf, invoice_pdf
from billing.invoices.selectors import credit_note_document, invoice_document
from billing.invoices.texts import CHINESE, ENGLISH, line_text
from billing.payments.models import Payment, PaymentAttempt

FIELDS = (
    "organization",
    "number",
    "kind_shown",
    "state_shown",
    "total",
    "due",
    "issued_at",
    "due_at",
    "paid_at",
    "lines_shown",
    "received",
    "notes_shown",
    "dunning_shown",
)
NOTE_FIELDS = (
    "organization",
    "number",
    "invoice_shown",
    "total",
    "returned",
    "reason",
    "issued_at",
    "lines_shown",
)
KINDS: Final[dict[str, Any]] = {
    InvoiceKind.SUBSCRIPTION: _("Subscription"),
    InvoiceKind.OUTCOME: _("Outcomes"),
    InvoiceKind.TOP_UP: _("Top-up"),
    InvoiceKind.MANUAL: _("By hand"),
}
STATES: Final[dict[str, Any]] = {
    InvoiceStatus.DRAFT: _("Draft"),
    InvoiceStatus.VOID: _("Void"),
    PaymentStatus.OPEN: _("Unpaid"),
    PaymentStatus.PAID: _("Paid"),
    PaymentStatus.UNCOLLECTIBLE: _("Given up"),
}
COLOURS: Final[dict[str, Any]] = {
    **dict.fromkeys(STATES, "info"),
    PaymentStatus.OPEN: "warning",
    PaymentStatus.PAID: "success",
    PaymentStatus.UNCOLLECTIBLE: "danger",
}
RETURNS: Final[dict[str, Any]] = {
    ReturnBy.REFUND: _("to the card"),
    ReturnBy.CREDIT: _("as credit"),
    ReturnBy.OUTSIDE: _("by other ways"),
}


class Documents:
    """A row with a document in two languages."""

    def document(self, row: Any, language: str) -> bytes:
        """Return it as PDF."""
        raise NotImplementedError

    @action(description=_("PDF in English"), url_path="pdf-en")  # type: ignore[untyped-decorator] # unfold ships no types
    def pdf_en(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Download it in English."""
        return self._download(request, object_id, ENGLISH)

    @action(description=_("PDF in Chinese"), url_path="pdf-zh")  # type: ignore[untyped-decorator] # as above
    def pdf_zh(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Download it in Simplified Chinese."""
        return self._download(request, object_id, CHINESE)

    def _download(self, request: HttpRequest, object_id: str, language: str) -> HttpResponse:
        row = row_of(self, request, object_id)  # type: ignore[arg-type] # mixed into an admin
        if not row.number:
            raise Http404
        name = f'attachment; filename="{row.number}.pdf"'
        return HttpResponse(
            self.document(row, language),
            content_type="application/pdf",
            headers={"Content-Disposition": name},
        )


class InvoiceShown(Documents):
    """The parts of an invoice that hang on it."""

    def document(self, row: Invoice, language: str) -> bytes:
        """Return it as its customer has it."""
        found = invoice_document(organization=organization_of(row), invoice_id=row.id)
        return invoice_pdf(found, language=language)

    @display(description=_("Kind"), ordering="kind")  # type: ignore[untyped-decorator] # as above
    def kind_shown(self, row: Invoice) -> Any:
        """Show why it was made."""
        return KINDS[InvoiceKind(row.kind)]

    @display(description=_("State"), label=COLOURS)  # type: ignore[untyped-decorator] # as above
    def standing(self, row: Invoice) -> tuple[str, Any]:
        """Show what became of it in its colour."""
        return _state(row), STATES[_state(row)]

    @display(description=_("State"))  # type: ignore[untyped-decorator] # as above
    def state_shown(self, row: Invoice) -> Any:
        """Show what became of it."""
        return STATES[_state(row)]

    @display(description=_("Lines"))  # type: ignore[untyped-decorator] # as above
    def lines_shown(self, row: Invoice) -> SafeString:
        """Show what it asks for; of a draft what was written."""
        final = row.status == InvoiceStatus.FINAL
        lines = InvoiceLine.objects.filter(invoice=row).order_by("position")
        items = InvoiceItem.objects.filter(invoice=row).order_by("id")
        return table(
            (_("Description"), _("Amount"), _("Tax")),
            (
                (
                    line_text(each.description, each.params, shown_language()),
                    money(each.amount_minor, row.currency) if final else _exact(each),
                    money(each.tax_minor, row.currency) if final else "-",
                )
                for each in (lines if final else items)
            ),
        )

    @display(description=_("Payments"))  # type: ignore[untyped-decorator] # as above
    def received(self, row: Invoice) -> SafeString:
        """Show what came for it and was taken back, with the way to the payment."""
        rows = InvoicePayment.objects.filter(invoice=row).order_by("booked_at", "id")
        payments = Payment.objects.filter(id__in=rows.values("payment_id"))
        tries = dict(payments.values_list("id", "attempt_id"))
        return table(
            (_("When"), _("Amount"), _("Became credit"), _("Note")),
            (
                (
                    _booked(each, tries),
                    money(each.amount_minor, row.currency),
                    money(each.excess_minor, row.currency) if each.excess_minor else "-",
                    each.note or "-",
                )
                for each in rows
            ),
        )

    @display(description=_("Credit notes"))  # type: ignore[untyped-decorator] # as above
    def notes_shown(self, row: Invoice) -> SafeString:
        """Show what was taken off it."""
        return table(
            (_("Number"), _("Amount"), _("Goes back"), _("Reason")),
            (
                (
                    link(CreditNote, each.id, each.number),
                    money(each.total_minor, row.currency),
                    money(each.returned_minor, row.currency) if each.returned_minor else "-",
                    each.reason,
                )
                for each in CreditNote.objects.filter(invoice=row).order_by("id")
            ),
        )

    @display(description=_("Dunning"))  # type: ignore[untyped-decorator] # as above
    def dunning_shown(self, row: Invoice) -> SafeString:
        """Show each try to be paid after the first failure, and what came of it."""
        return table(
            (_("Step"), _("Due"), _("Failed")),
            (
                (
                    each.step + 1,
                    f"{each.due_at:%Y-%m-%d %H:%M}",
                    f"{each.failed_at:%Y-%m-%d %H:%M}" if each.failed_at else "-",
                )
                for each in DunningStep.objects.filter(dunning__invoice=row).order_by("due_at")
            ),
        )


class CreditNoteShown(Documents):
    """A credit note with its document."""

    def document(self, row: CreditNote, language: str) -> bytes:
        """Return it as its customer has it."""
        found = credit_note_document(organization=organization_of(row), credit_note_id=row.id)
        return credit_note_pdf(found, language=language)

    @display(description=_("Invoice"), ordering="invoice")  # type: ignore[untyped-decorator] # as above
    def invoice_shown(self, row: CreditNote) -> SafeString | str:
        """Lead to what it is of."""
        return link(Invoice, row.invoice_id, row.invoice.number)

    @display(description=_("Goes back"))  # type: ignore[untyped-decorator] # as above
    def returned(self, row: CreditNote) -> str:
        """Show how much goes back, and how; the rest lowered what was to be paid."""
        if not row.returned_minor:
            return "-"
        return f"{money(row.returned_minor, row.currency)}, {RETURNS[ReturnBy(row.return_by)]}"

    @display(description=_("Lines"))  # type: ignore[untyped-decorator] # as above
    def lines_shown(self, row: CreditNote) -> SafeString:
        """Show what it takes off which line."""
        lines = CreditNoteLine.objects.filter(credit_note=row).select_related("line")
        return table(
            (_("Description"), _("Amount"), _("Tax")),
            (
                (
                    line_text(each.line.description, each.line.params, shown_language()),
                    money(each.amount_minor, row.currency),
                    money(each.tax_minor, row.currency),
                )
                for each in lines.order_by("line__position")
            ),
        )


def shown_language() -> str:
    """Return the language of lines' texts that the reader reads."""
    return CHINESE if (translation.get_language() or "").startswith("zh") else ENGLISH


def _state(row: Invoice) -> str:
    return row.payment_status if row.status == InvoiceStatus.FINAL else row.status


def _booked(row: InvoicePayment, tries: dict[UUID, UUID]) -> SafeString | str:
    """Say when, with the way to the payment where it came through one."""
    when = f"{row.booked_at:%Y-%m-%d %H:%M}"
    attempt = tries.get(row.payment_id) if row.payment_id else None
    return link(PaymentAttempt, attempt, when) if attempt else when


def _exact(item: InvoiceItem) -> str:
    return f"{item.amount.normalize():f} {item.currency}"
