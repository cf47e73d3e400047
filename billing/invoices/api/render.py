"""Invoices and credit notes as JSON; amounts are exact numbers as text."""

from datetime import datetime
from typing import Any

from anneal.kernel.ids import public_id
from billing.invoices.contracts import LineDraft, TaxDraft, Upcoming
from billing.invoices.models import (
    CreditNote,
    CreditNoteLine,
    Invoice,
    InvoiceLine,
    InvoicePayment,
    InvoiceTax,
)
from billing.invoices.money import money_text
from billing.invoices.preview import PlanChangePreview
from billing.invoices.selectors import CreditNoteDocument, InvoiceDocument
from billing.invoices.texts import line_texts
from billing.numbers import decimal_text


def invoice_json(row: Invoice) -> dict[str, Any]:
    """Render an invoice for a list."""
    return {
        "id": public_id("inv_", row.id),
        "object": "billing.invoice",
        "number": row.number,
        "kind": row.kind,
        "status": row.payment_status,
        "currency": row.currency,
        "subtotal": money_text(row.subtotal_minor, row.currency),
        "tax": money_text(row.tax_minor, row.currency),
        "total": money_text(row.total_minor, row.currency),
        "paid": money_text(row.paid_minor, row.currency),
        "credited": money_text(row.credited_minor, row.currency),
        "returned": money_text(row.returned_minor, row.currency),
        "amount_due": money_text(row.due_minor, row.currency),
        "issued_at": _moment(row.issued_at),
        "due_at": _moment(row.due_at),
        "paid_at": _moment(row.paid_at),
    }


def invoice_whole_json(document: InvoiceDocument) -> dict[str, Any]:
    """Render an invoice with all that explains it."""
    row = document.invoice
    return {
        **invoice_json(row),
        "seller": row.seller,
        "customer": row.customer,
        "reverse_charge": row.reverse_charge,
        "lines": [_line_json(line, document, row.currency) for line in document.lines],
        "taxes": [_tax_json(tax, row.currency) for tax in document.taxes],
        "payments": [_payment_json(one, row.currency) for one in document.payments],
        "credit_notes": [credit_note_json(note) for note in document.credit_notes],
    }


def upcoming_json(found: Upcoming) -> dict[str, Any]:
    """Render what the next invoice would ask for."""
    total = found.subtotal_minor + found.tax_minor
    return {
        "object": "billing.upcoming_invoice",
        "currency": found.currency,
        "closes_at": found.closes_at.isoformat(),
        "lines": [_draft_json(line, found.currency) for line in found.lines],
        "taxes": [_tax_draft_json(tax, found.currency) for tax in found.taxes],
        "subtotal": money_text(found.subtotal_minor, found.currency),
        "tax": money_text(found.tax_minor, found.currency),
        "total": money_text(total, found.currency),
    }


def plan_change_json(found: PlanChangePreview) -> dict[str, Any]:
    """Render what a change of plan would cost."""
    due = found.invoice.invoice.due_minor if found.invoice else 0
    return {
        "object": "billing.subscription_preview",
        "plan": found.plan,
        "starts_at": found.starts_at.isoformat(),
        "currency": found.currency,
        "invoice": _preview_json(found.invoice) if found.invoice else None,
        "due_now": money_text(due, found.currency),
        "credit": money_text(found.credit_minor, found.currency),
        "next_invoice": upcoming_json(found.upcoming),
    }


def credit_note_json(row: CreditNote) -> dict[str, Any]:
    """Render a credit note, its invoice fetched with it."""
    return {
        "id": public_id("cn_", row.id),
        "object": "billing.credit_note",
        "number": row.number,
        "invoice": public_id("inv_", row.invoice_id),
        "invoice_number": row.invoice.number,
        "currency": row.currency,
        "subtotal": money_text(row.subtotal_minor, row.currency),
        "tax": money_text(row.tax_minor, row.currency),
        "total": money_text(row.total_minor, row.currency),
        "due_lowered": money_text(row.due_minor, row.currency),
        "returned": money_text(row.returned_minor, row.currency),
        "return_by": row.return_by,
        "reason": row.reason,
        "issued_at": _moment(row.issued_at),
    }


def credit_note_whole_json(document: CreditNoteDocument) -> dict[str, Any]:
    """Render a credit note with its lines."""
    currency = document.note.currency
    return {
        **credit_note_json(document.note),
        "lines": [_credit_json(line, currency) for line in document.lines],
    }


def _preview_json(document: InvoiceDocument) -> dict[str, Any]:
    row = document.invoice
    lines = [_line_json(line, document, row.currency) for line in document.lines]
    for line in lines:
        # Names of rows that were undone.
        del line["id"]
        line["evidence"] = {
            name: text for name, text in line["evidence"].items() if name != "subscription_period"
        }
    return {
        "currency": row.currency,
        "lines": lines,
        "taxes": [_tax_json(tax, row.currency) for tax in document.taxes],
        "subtotal": money_text(row.subtotal_minor, row.currency),
        "tax": money_text(row.tax_minor, row.currency),
        "total": money_text(row.total_minor, row.currency),
    }


def _line_json(line: InvoiceLine, document: InvoiceDocument, currency: str) -> dict[str, Any]:
    evidence = document.evidence.get(line.item_id, {}) if line.item_id else {}
    return {
        "id": public_id("il_", line.id),
        "kind": line.kind,
        "description": line_texts(line.description, line.params),
        "quantity": decimal_text(line.quantity),
        "unit_price": decimal_text(line.unit_price),
        "amount": money_text(line.amount_minor, currency),
        "exact_amount": decimal_text(line.amount),
        "tax": money_text(line.tax_minor, currency),
        "period": _period_json(line.starts_at, line.ends_at),
        "evidence": evidence,
    }


def _draft_json(line: LineDraft, currency: str) -> dict[str, Any]:
    return {
        "kind": line.kind.value,
        "description": line_texts(line.description, line.params),
        "quantity": decimal_text(line.quantity),
        "unit_price": decimal_text(line.unit_price),
        "amount": money_text(line.amount_minor, currency),
        "exact_amount": decimal_text(line.amount),
        "period": _period_json(line.starts_at, line.ends_at),
    }


def _credit_json(credit: CreditNoteLine, currency: str) -> dict[str, Any]:
    return {
        "line": public_id("il_", credit.line_id),
        "description": line_texts(credit.line.description, credit.line.params),
        "amount": money_text(credit.amount_minor, currency),
        "tax": money_text(credit.tax_minor, currency),
    }


def _tax_json(tax: InvoiceTax, currency: str) -> dict[str, Any]:
    return {
        "name": {"en": tax.name_en, "zh-Hans": tax.name_zh},
        "percent": decimal_text(tax.percent),
        "base": money_text(tax.base_minor, currency),
        "amount": money_text(tax.amount_minor, currency),
    }


def _tax_draft_json(tax: TaxDraft, currency: str) -> dict[str, Any]:
    return {
        "name": {"en": tax.rate.name_en, "zh-Hans": tax.rate.name_zh},
        "percent": decimal_text(tax.rate.percent),
        "base": money_text(tax.base_minor, currency),
        "amount": money_text(tax.amount_minor, currency),
    }


def _payment_json(row: InvoicePayment, currency: str) -> dict[str, Any]:
    return {
        "payment": public_id("pay_", row.payment_id) if row.payment_id else None,
        "amount": money_text(row.amount_minor, currency),
        "excess": money_text(row.excess_minor, currency),
        "booked_at": _moment(row.booked_at),
    }


def _period_json(begins: datetime | None, ends: datetime | None) -> dict[str, str] | None:
    if begins is None or ends is None:
        return None
    return {"starts_at": begins.isoformat(), "ends_at": ends.isoformat()}


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
