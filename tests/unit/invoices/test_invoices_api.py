"""`/v1/billing/invoices`, `/v1/billing/credit_notes` and `/v1/billing/profile`."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from anneal.kernel import clock
from anneal.kernel.ids import public_id
from anneal.kernel.principal import KeyScope, Role
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.invoices.contracts import ReturnBy
from tenants.accounts.models import User
from tenants.accounts.selectors import members_list
from tests.unit.factories import error_of, make_client
from tests.unit.invoices.helpers import (
    BEGINS,
    FEBRUARY,
    add_credit_plan,
    add_tax,
    credit,
    go,
    invoiced,
    invoices,
    pay,
    set_profile,
    set_seller,
    tick,
    top_up,
    use,
)
from tests.unit.invoices.test_keeping import draft

pytestmark = pytest.mark.django_db

INVOICES = "/v1/billing/invoices"
NOTES = "/v1/billing/credit_notes"
PROFILE = "/v1/billing/profile"


def statements(client: APIClient, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


def test_a_list_has_the_newest_first_and_is_paged(
    organization: OrganizationRef, client_api: APIClient
) -> None:
    for amount in ("10", "20", "30"):
        invoiced(organization, amount)
    pay(organization, invoices(organization)[0])

    body = client_api.get(INVOICES, {"limit": 2}).json()
    rest = client_api.get(INVOICES, {"after": body["last_id"]}).json()
    paid = client_api.get(INVOICES, {"status": "paid"}).json()

    assert [one["total"] for one in body["data"]] == ["30.00", "20.00"]
    assert (body["has_more"], rest["has_more"]) == (True, False)
    assert [one["total"] for one in rest["data"]] == ["10.00"]
    assert paid["data"] == rest["data"]
    assert client_api.get(INVOICES, {"status": "open"}).json()["data"] == body["data"]
    assert error_of(client_api.get(INVOICES, {"status": "late"}))["param"] == "status"


def test_a_list_costs_the_same_however_long_it_is(
    organization: OrganizationRef, client_api: APIClient
) -> None:
    credit(organization, invoiced(organization, "10"), 100)
    before = [statements(client_api, path) for path in (INVOICES, NOTES)]
    for amount in ("20", "30", "40"):
        credit(organization, invoiced(organization, amount), 100)

    after = [statements(client_api, path) for path in (INVOICES, NOTES)]

    assert before == after == [6, 6]


def test_an_invoice_costs_the_same_however_many_lines_it_has(
    organization: OrganizationRef, client_api: APIClient
) -> None:
    short, long = invoiced(organization, "10"), invoiced(organization, *["10"] * 9)
    notes = [credit(organization, one) for one in (short, long)]
    paths = [f"{INVOICES}/{public_id('inv_', one.id)}" for one in (short, long)]
    paths += [f"{NOTES}/{public_id('cn_', note.id)}" for note in notes]

    assert [statements(client_api, path) for path in paths] == [11, 11, 8, 8]


def test_an_invoice_explains_itself(organization: OrganizationRef, client_api: APIClient) -> None:
    set_seller(country="DE")
    set_profile(organization, legal_name="Buyer Ltd")
    add_tax("19")
    add_credit_plan()
    go(organization, "later", BEGINS)
    use(organization, 100_000, BEGINS)
    tick(BEGINS)
    tick(FEBRUARY)
    invoice = invoices(organization)[-1]
    payment_id = uuid4()
    pay(organization, invoice, 1000, payment_id=payment_id, at=FEBRUARY)
    credit(organization, invoice, 500, at=FEBRUARY)

    body = client_api.get(f"{INVOICES}/{public_id('inv_', invoice.id)}").json()

    usage = next(line for line in body["lines"] if line["kind"] == "usage")
    evidence = usage.pop("evidence")
    assert usage.pop("id").startswith("il_")
    assert evidence["booked_before"] == FEBRUARY.isoformat()
    assert usage == {
        "kind": "usage",
        "description": {"en": "Predictions, on credit", "zh-Hans": "预测（信用额度）"},
        "quantity": "100000",
        "unit_price": None,
        "amount": "10.00",
        "exact_amount": "10",
        "tax": "1.90",
        "period": {"starts_at": BEGINS.isoformat(), "ends_at": FEBRUARY.isoformat()},
    }
    assert body["taxes"] == [
        {
            "name": {"en": "VAT", "zh-Hans": "增值税"},
            "percent": "19",
            "base": "40.00",
            "amount": "7.60",
        }
    ]
    assert (body["status"], body["total"], body["amount_due"]) == ("open", "47.60", "32.60")
    assert [one["payment"] for one in body["payments"]] == [public_id("pay_", payment_id)]
    assert [one["total"] for one in body["credit_notes"]] == ["5.00"]
    assert body["customer"]["legal_name"] == "Buyer Ltd"


def test_drafts_are_nobodys_business(organization: OrganizationRef, client_api: APIClient) -> None:
    made = draft(organization, "50")

    assert client_api.get(INVOICES).json()["data"] == []
    answer = client_api.get(f"{INVOICES}/{public_id('inv_', made.id)}")
    assert (answer.status_code, error_of(answer)["code"]) == (404, "not_found")


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_documents_are_pdf_in_both_languages(
    organization: OrganizationRef, client_api: APIClient, language: str
) -> None:
    set_seller(country="CN", footer_zh="谢谢", footer_en="Thanks")
    set_profile(
        organization,
        country="CN",
        legal_name="#set page(width: 1pt) 上海公司",
        fapiao_kind="general",
        fapiao_title="上海公司",
        fapiao_taxpayer_id="91310000",
    )
    add_tax("6", country="CN")
    invoice = invoiced(organization, "1234.56", "-3")
    note = credit(organization, invoice, 100, reason="Wrong *price*")

    paths = (
        f"{INVOICES}/{public_id('inv_', invoice.id)}/pdf",
        f"{NOTES}/{public_id('cn_', note.id)}/pdf",
    )
    for path, number in zip(paths, (invoice.number, note.number), strict=True):
        answer = client_api.get(path, {"language": language})
        assert answer.headers["Content-Type"] == "application/pdf"
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{number}.pdf"'
        assert answer.content.startswith(b"%PDF-")
        assert len(answer.content) > 10_000
        assert client_api.get(path, {"language": "fr"}).status_code == 400
        assert client_api.get(path).status_code == 200


def test_a_credit_note_is_read_with_its_lines(
    organization: OrganizationRef, client_api: APIClient
) -> None:
    made = top_up(organization, 500).invoice
    note = credit(organization, made, 200, return_by=ReturnBy.OUTSIDE)

    body = client_api.get(f"{NOTES}/{public_id('cn_', note.id)}").json()

    assert (body["total"], body["returned"], body["return_by"]) == ("2.00", "2.00", "outside")
    assert body["invoice"] == public_id("inv_", made.id)
    assert [(line["amount"], line["description"]["en"]) for line in body["lines"]] == [
        ("2.00", "Credit")
    ]
    assert client_api.get(NOTES).json()["data"] == [
        {name: value for name, value in body.items() if name != "lines"}
    ]


def test_the_next_invoice_is_shown_before_it_is_made(
    organization: OrganizationRef, client_api: APIClient
) -> None:
    set_profile(organization)
    add_tax("10")
    add_credit_plan()
    go(organization, "later", BEGINS)
    tick(BEGINS)
    use(organization, 100_000, BEGINS)

    with clock.frozen(BEGINS + timedelta(hours=1)):
        body = client_api.get(f"{INVOICES}/upcoming").json()

    assert {line["kind"]: line["amount"] for line in body["lines"]} == {
        "usage": "10.00",
        "fee": "30.00",
    }
    assert (body["subtotal"], body["tax"], body["total"]) == ("40.00", "4.00", "44.00")
    assert body["closes_at"] == FEBRUARY.isoformat()
    assert len(invoices(organization)) == 1


def test_without_anything_to_pay_the_next_invoice_is_empty(client_api: APIClient) -> None:
    body = client_api.get(f"{INVOICES}/upcoming").json()

    assert (body["lines"], body["total"], body["currency"]) == ([], "0.00", "USD")


def test_billing_details_are_kept_and_read(client_api: APIClient) -> None:
    wanted = {"legal_name": " Buyer   Ltd ", "country": "CN", "language": "zh-Hans"}

    kept = client_api.put(PROFILE, wanted, format="json")

    assert (kept.status_code, kept.json()["legal_name"]) == (200, "Buyer Ltd")
    assert client_api.get(PROFILE).json() == kept.json()
    again = client_api.put(PROFILE, {"country": "DE"}, format="json").json()
    assert (again["legal_name"], again["country"]) == ("", "DE")


def test_a_chinese_customers_invoices_are_chinese_from_the_first(
    organization: OrganizationRef, client_api: APIClient
) -> None:
    with tenant_scope(organization):
        owner = members_list(organization=organization)[0]
    User.objects.filter(id=owner.user_id).update(language="zh-hans")

    assert client_api.get(PROFILE).json()["language"] == "zh-Hans"
    assert invoiced(organization, "5").customer["language"] == "zh-Hans"
    saved = client_api.put(PROFILE, {"country": "CN"}, format="json").json()
    assert saved["language"] == "zh-Hans"
    chosen = client_api.put(PROFILE, {"language": "en"}, format="json").json()
    assert chosen["language"] == "en"
    assert client_api.put(PROFILE, {}, format="json").json()["language"] == "en"


def test_wrong_details_are_refused_by_name(client_api: APIClient) -> None:
    answer = client_api.put(PROFILE, {"country": "de"}, format="json")

    assert (answer.status_code, error_of(answer)["code"]) == (400, "billing_profile_invalid")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.DEVELOPER])
def test_money_is_for_those_who_look_after_it(organization: OrganizationRef, role: Role) -> None:
    client = make_client(organization, role)
    paths = (INVOICES, NOTES, PROFILE, f"{INVOICES}/upcoming")

    assert {client.get(path).status_code for path in paths} == {403}


def test_a_key_that_may_read_billing_changes_no_details(organization: OrganizationRef) -> None:
    client: Any = make_client(organization, Role.OWNER, KeyScope.BILLING_READ)

    assert client.get(PROFILE).status_code == 200
    assert client.put(PROFILE, {}, format="json").status_code == 403
