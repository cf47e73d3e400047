"""What the operator does with invoices in the console."""

from datetime import timedelta

import pytest
from django.test import Client

from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.invoices.models import CreditNote, Invoice, Seller, TaxRate
from tests.unit.console.test_money_pages import actors, post
from tests.unit.console.test_operator import operator, page
from tests.unit.invoices.helpers import (
    BEGINS,
    credit,
    invoiced,
    invoices,
    lines,
    pay,
    top_up,
)
from tests.unit.invoices.test_dunning import dunned

__all__ = ["operator"]  # a fixture of the console's tests

pytestmark = pytest.mark.django_db

ONCE = "00000000-0000-7000-8000-00000000000a"


def path(invoice: Invoice, name: str) -> str:
    return f"/admin/invoices/invoice/{invoice.id}/{name}/"


def test_a_draft_is_written_made_final_or_voided(
    operator: Client, organization: OrganizationRef
) -> None:
    write = f"/admin/accounts/organization/{organization.id}/draft-invoice/"
    body = {"currency": "USD", "lines": "50 Consulting\n-8.50 Rebate", "once": ONCE}
    page(operator, write)

    assert "Write each line as" in post(operator, write, body | {"lines": "Consulting 50"})[1]
    assert "at most 2 decimals" in post(operator, write, body | {"lines": "0.001 x"})[1]
    assert "no currency we know" in post(operator, write, body | {"currency": "XXX"})[1]
    assert [post(operator, write, body)[0] for _ in range(2)] == [302, 302]
    assert post(operator, write, body | {"once": ONCE.replace("a", "b")})[0] == 302
    first, second = invoices(organization)

    assert "Make final" in page(operator, f"/admin/invoices/invoice/{first.id}/change/")
    page(operator, path(first, "finalize"))
    assert post(operator, path(first, "finalize"), {})[0] == 302
    assert post(operator, path(second, "void"), {})[0] == 302
    assert "credit note" in post(operator, path(first, "void"), {})[1]

    assert [row.status for row in invoices(organization)] == ["final", "void"]
    assert invoices(organization)[0].total_minor == 4150
    assert actors("invoice.draft", "invoice.finalize", "invoice.void") == {"operator@local"}


def test_a_credit_note_is_of_an_amount_or_of_lines(
    operator: Client, organization: OrganizationRef
) -> None:
    invoice = invoiced(organization, "30", "20")
    body = {"return_by": "credit", "reason": "Wrong.", "once": ONCE}
    shown = page(operator, path(invoice, "credit"))
    assert "Of line 2: Work" in shown

    both = {"amount": "1", "line_0": "1"}
    assert "not both" in post(operator, path(invoice, "credit"), body | both)[1]
    assert "above" in post(operator, path(invoice, "credit"), body | {"amount": "51"})[1]
    assert "decimals" in post(operator, path(invoice, "credit"), body | {"amount": "0.001"})[1]
    sent = [post(operator, path(invoice, "credit"), body | {"line_1": "5.50"}) for _ in range(2)]
    assert [status for status, _ in sent] == [302, 302]
    again = {"amount": "10", "once": ONCE.replace("a", "b")}
    assert post(operator, path(invoice, "credit"), body | again)[0] == 302

    with tenant_scope(organization):
        notes = list(CreditNote.objects.order_by("id").values_list("total_minor", flat=True))
    assert notes == [550, 1000]
    assert invoices(organization)[0].due_minor == 3450
    assert "INV-CN-" in page(operator, "/admin/invoices/creditnote/")
    assert len(lines(organization, invoice)) == 2


def test_a_transfer_is_booked_once_and_an_invoice_given_up(
    operator: Client, organization: OrganizationRef
) -> None:
    first, second = invoiced(organization, "30"), invoiced(organization, "20")
    page(operator, path(first, "transfer"))
    body = {"amount": "30", "note": "bank 123", "once": ONCE}

    assert [post(operator, path(first, "transfer"), body)[0] for _ in range(2)] == [302, 302]
    page(operator, path(second, "give-up"))
    assert post(operator, path(second, "give-up"), {"reason": "Gone."})[0] == 302

    paid, given_up = invoices(organization)
    assert (paid.payment_status, paid.paid_minor) == ("paid", 3000)
    assert given_up.payment_status == "uncollectible"


def test_only_what_its_state_allows_is_offered(
    operator: Client, organization: OrganizationRef
) -> None:
    invoice = invoiced(organization, "30")
    shown = page(operator, f"/admin/invoices/invoice/{invoice.id}/change/")
    pay(organization, invoice)
    after = page(operator, f"/admin/invoices/invoice/{invoice.id}/change/")

    offered = [path(invoice, name) for name in ("finalize", "void", "credit", "give-up")]
    assert [one in shown for one in offered] == [False, False, True, True]
    assert [one in after for one in offered] == [False, False, True, False]


def test_an_invoices_page_says_in_money_what_it_is_of_and_what_became_of_it(
    operator: Client, organization: OrganizationRef
) -> None:
    invoice = invoiced(organization, "30")
    pay(organization, invoice, 1000)
    note = credit(organization, invoice, 250, reason="Half of it failed.")
    dunned(BEGINS + timedelta(days=8))

    shown = page(operator, f"/admin/invoices/invoice/{invoice.id}/change/")

    for text in ("30.00 USD", "17.50 USD", "10.00 USD", "Work", note.number, "Half of it failed."):
        assert text in shown, text
    assert "total_minor" not in shown
    ladder = page(operator, f"/admin/invoices/dunning/?q={invoice.number}")
    assert "17.50 USD" in ladder
    assert invoice.number in page(operator, "/admin/invoices/dunningstep/")


def test_invoices_and_notes_are_told_in_words_of_the_readers_language(
    operator: Client, organization: OrganizationRef
) -> None:
    invoice = invoiced(organization, "30")
    pay(organization, invoice, 3000)
    note = credit(organization, invoice, 250)
    listed, noted = "/admin/invoices/invoice/", f"/admin/invoices/creditnote/{note.id}/change/"

    assert all(each in page(operator, listed) for each in ("Outcomes", "Paid", "30.00 USD"))
    assert all(each in page(operator, noted) for each in ("2.50 USD, as credit", "Work"))
    operator.cookies["anneal_language"] = "zh-Hans"
    assert all(each in page(operator, listed) for each in ("成果", "已付"))
    assert all(each in page(operator, noted) for each in ("转为余额", "项目"))


def test_documents_are_downloaded_in_both_languages(
    operator: Client, organization: OrganizationRef
) -> None:
    invoice = invoiced(organization, "30")
    note = credit(organization, invoice, 250)

    for table, row in (("invoice", invoice.id), ("creditnote", note.id)):
        for language in ("en", "zh"):
            answer = operator.get(f"/admin/invoices/{table}/{row}/pdf-{language}/")
            assert (answer.status_code, answer.content[:5]) == (200, b"%PDF-")
            assert answer["Content-Type"] == "application/pdf"


def test_tax_rates_are_added_and_ended(operator: Client) -> None:
    add = "/admin/invoices/taxrate/add-rate/"
    rate = {"name_en": "VAT", "name_zh": "增值税", "country": "DE", "percent": "19"}
    page(operator, add)

    assert "above 0" in post(operator, add, rate | {"percent": "0"})[1]
    assert post(operator, add, rate)[0] == 302
    made = TaxRate.objects.get()
    page(operator, f"/admin/invoices/taxrate/{made.id}/end/")
    assert post(operator, f"/admin/invoices/taxrate/{made.id}/end/", {})[0] == 302
    assert TaxRate.objects.get().ended_at is not None
    assert actors("tax_rate.add", "tax_rate.end") == {"operator@local"}


def test_the_seller_is_changed_by_a_new_version(operator: Client) -> None:
    change = "/admin/invoices/seller/set-seller/"
    body = {"legal_name": "Anneal Ltd", "number_prefix": "AN", "payment_days": "14"}
    page(operator, change)

    assert "capital letters" in post(operator, change, body | {"number_prefix": "a-"})[1]
    assert [post(operator, change, body)[0] for _ in range(2)] == [302, 302]
    assert "Anneal Ltd" in page(operator, change)
    assert list(Seller.objects.order_by("version").values_list("version", flat=True)) == [1, 2]


@pytest.mark.parametrize(
    "table",
    [
        "invoice",
        "invoiceline",
        "invoiceitem",
        "invoicepayment",
        "creditnote",
        "dunning",
        "dunningstep",
        "billingprofile",
        "numberseries",
        "taxrate",
        "seller",
    ],
)
def test_every_list_can_be_looked_at(
    operator: Client, organization: OrganizationRef, table: str
) -> None:
    credit(organization, invoiced(organization, "30"), 100)
    top_up(organization, 500)

    assert page(operator, f"/admin/invoices/{table}/")
    assert page(operator, f"/admin/invoices/{table}/?q=acme")


def test_what_is_not_there_is_not_found(operator: Client) -> None:
    missing = "00000000-0000-7000-8000-000000000009"

    for name in ("finalize", "void", "credit", "transfer", "give-up"):
        assert operator.post(f"/admin/invoices/invoice/{missing}/{name}/").status_code == 404
    assert operator.post(f"/admin/invoices/taxrate/{missing}/end/").status_code == 404
    with system_scope("test"):
        assert not Invoice.objects.exists()
