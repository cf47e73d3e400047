"""Invoices and credit notes as PDF by typst, in this process.

What people have named reaches the template as data, never as markup. The template can read no file
and no network: its input is one JSON text.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import typst

from billing.invoices.models import CreditNote, Invoice, InvoiceTax
from billing.invoices.money import money_text
from billing.invoices.selectors import CreditNoteDocument, InvoiceDocument
from billing.invoices.texts import ENGLISH, TEXTS, line_text

_TEMPLATE: Final = Path(__file__).with_name("invoice.typ")
_FONT_PACKAGE: Final = "justmytype_intl_cjk"
_FONT_FOLDER: Final = Path("fonts", "ofl", "notosanssc")
_FAPIAO: Final = (
    "fapiao_title",
    "fapiao_taxpayer_id",
    "fapiao_address",
    "fapiao_phone",
    "fapiao_bank",
    "fapiao_account",
)
_TICK: Final = timedelta(microseconds=1)


def invoice_pdf(document: InvoiceDocument, *, language: str) -> bytes:
    """Return the invoice as it was made, with what was paid and credited since."""
    return _compile(invoice_content(document, language))


def credit_note_pdf(document: CreditNoteDocument, *, language: str) -> bytes:
    """Return the credit note."""
    return _compile(credit_note_content(document, language))


def _compile(content: Mapping[str, Any]) -> bytes:
    document: bytes = typst.compile(
        _TEMPLATE,
        sys_inputs={"data": json.dumps(content)},
        font_paths=_font_folders(),
        ignore_system_fonts=True,
        format="pdf",
    )
    return document


@cache
def _font_folders() -> list[Path]:
    """The folder with the Chinese font; looked for without importing its package."""
    spec = find_spec(_FONT_PACKAGE)
    places = spec.submodule_search_locations if spec is not None else None
    return [Path(place) / _FONT_FOLDER for place in places or ()]


def invoice_content(document: InvoiceDocument, language: str) -> dict[str, Any]:
    """Return everything the template prints of an invoice, as text."""
    invoice, texts = document.invoice, TEXTS[language]
    facts = [
        [texts["number"], invoice.number],
        [texts["issued"], _day(invoice, invoice.issued_at)],
        [texts["due"], _day(invoice, invoice.due_at)]
        if invoice.paid_at is None
        else [texts["paid_on"], _day(invoice, invoice.paid_at)],
    ]
    rows = [
        [
            line_text(line.description, line.params, language),
            _period(invoice, line.starts_at, line.ends_at),
            "" if line.quantity is None else f"{line.quantity.normalize():,f}",
            _money(line.amount_minor, invoice),
        ]
        for line in document.lines
    ]
    totals = [
        [texts["subtotal"], _money(invoice.subtotal_minor, invoice)],
        *([_tax_name(tax, language), _money(tax.amount_minor, invoice)] for tax in document.taxes),
    ]
    grand = [[texts["total"], _money(invoice.total_minor, invoice)]]
    if invoice.credited_minor:
        grand.append([texts["credited"], _money(-invoice.credited_minor, invoice)])
    if invoice.paid_minor:
        kept = invoice.paid_minor - invoice.returned_minor
        grand.append([texts["paid"], _money(-kept, invoice)])
    grand.append([texts["amount_due"], _money(invoice.due_minor, invoice)])
    return _content(texts["invoice"], invoice, language, facts, rows) | {
        "head": [texts[name] for name in ("description", "period", "quantity", "amount")],
        "totals": totals,
        "grand": grand,
        "notes": [texts["reverse_charge"]] if invoice.reverse_charge else [],
    }


def credit_note_content(document: CreditNoteDocument, language: str) -> dict[str, Any]:
    """Return everything the template prints of a credit note, as text."""
    note, invoice, texts = document.note, document.note.invoice, TEXTS[language]
    facts = [
        [texts["number"], note.number],
        [texts["issued"], _day(invoice, note.issued_at)],
        [texts["of_invoice"], invoice.number],
    ]
    rows = [
        [
            line_text(credit.line.description, credit.line.params, language),
            _period(invoice, credit.line.starts_at, credit.line.ends_at),
            "",
            _money(-credit.amount_minor, invoice),
        ]
        for credit in document.lines
    ]
    totals = [[texts["subtotal"], _money(-note.subtotal_minor, invoice)]]
    for tax in document.taxes:
        taken = sum(
            minor
            for credit in document.lines
            for rate, minor in credit.taxes
            if rate == str(tax.rate_id)
        )
        if taken:
            totals.append([_tax_name(tax, language), _money(-taken, invoice)])
    said = [f"{texts['reason']}: {note.reason}", *_returned(note, invoice, texts)]
    return _content(texts["credit_note"], invoice, language, facts, rows) | {
        "head": [texts[name] for name in ("description", "period", "quantity", "amount")],
        "totals": totals,
        "grand": [[texts["total"], _money(-note.total_minor, invoice)]],
        "notes": said,
    }


def _content(
    title: str, invoice: Invoice, language: str, facts: list[list[str]], rows: list[list[str]]
) -> dict[str, Any]:
    texts = TEXTS[language]
    seller, customer = invoice.seller, invoice.customer
    footer = seller.get("footer_en" if language == ENGLISH else "footer_zh", "")
    return {
        "lang": language[:2],
        "title": title,
        "number": facts[0][1],
        "facts": facts,
        "parties": [
            [texts["seller"], _seller(seller, texts)],
            [texts["customer"], _customer(customer, texts)],
        ],
        "rows": rows,
        "fapiao": _fapiao(customer, texts),
        "fapiao_title": texts["fapiao"],
        "foot": footer,
    }


def _seller(seller: Mapping[str, str], texts: Mapping[str, str]) -> list[str]:
    lines = [seller.get("legal_name", ""), *seller.get("address", "").splitlines()]
    return _filled([*lines, seller.get("email", ""), _tax_id(seller, texts)])


def _customer(customer: Mapping[str, str], texts: Mapping[str, str]) -> list[str]:
    names = ("legal_name", "line1", "line2")
    town = " ".join(_filled([customer.get("postal_code", ""), customer.get("city", "")]))
    rest = [town, customer.get("region", ""), customer.get("country", "")]
    return _filled(
        [
            *(customer.get(name, "") for name in names),
            *rest,
            customer.get("email", ""),
            _tax_id(customer, texts),
        ]
    )


def _tax_id(party: Mapping[str, str], texts: Mapping[str, str]) -> str:
    number = party.get("tax_id", "")
    return f"{texts['tax_id']}: {number}" if number else ""


def _fapiao(customer: Mapping[str, str], texts: Mapping[str, str]) -> list[list[str]]:
    kind = customer.get("fapiao_kind")
    if not kind:
        return []
    given = [[texts[name], customer[name]] for name in _FAPIAO if customer.get(name)]
    return [[texts["fapiao_kind"], texts[f"fapiao_{kind}"]], *given]


def _returned(note: CreditNote, invoice: Invoice, texts: Mapping[str, str]) -> list[str]:
    said = []
    if note.due_minor:
        said.append(texts["lowered"].format(amount=_money(note.due_minor, invoice)))
    if note.returned_minor:
        amount = _money(note.returned_minor, invoice)
        said.append(texts[f"returned_{note.return_by}"].format(amount=amount))
    return said


def _tax_name(tax: InvoiceTax, language: str) -> str:
    name = tax.name_en if language == ENGLISH else tax.name_zh
    return f"{name} {tax.percent.normalize():f} %"


def _filled(lines: list[str]) -> list[str]:
    return [line for line in lines if line]


def _money(minor: int, invoice: Invoice) -> str:
    whole, dot, rest = money_text(abs(minor), invoice.currency).partition(".")
    return f"{'−' if minor < 0 else ''}{int(whole):,}{dot}{rest} {invoice.currency}"


def _day(invoice: Invoice, moment: datetime | None) -> str:
    if moment is None:
        return ""
    return f"{moment.astimezone(ZoneInfo(invoice.customer.get('time_zone', 'UTC'))):%Y-%m-%d}"


def _period(invoice: Invoice, begins: datetime | None, ends: datetime | None) -> str:
    """Return the first and the last day: a period ends where the next one begins."""
    if begins is None or ends is None:
        return ""
    return f"{_day(invoice, begins)} – {_day(invoice, ends - _TICK)}"
