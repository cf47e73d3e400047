"""Drafts, what is final and never changes, and who is printed on it."""

from uuid import uuid4

import pytest
from django.db import ProgrammingError, transaction

from anneal.kernel import clock
from anneal.kernel.errors import DomainError
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.invoices.contracts import FapiaoKind, InvoiceInfo, Profile, SellerTerms
from billing.invoices.errors import InvoiceEmpty, InvoiceState, ProfileInvalid, TaxRateUnknown
from billing.invoices.models import Invoice, InvoiceItem, InvoiceLine, TaxRate
from billing.invoices.selectors import profile_get
from billing.invoices.services import (
    invoice_draft,
    invoice_finalize,
    invoice_give_up,
    invoice_void,
    profile_set,
    seller_set,
    tax_rate_add,
    tax_rate_end,
)
from tests.unit.invoices.helpers import (
    BEGINS,
    D,
    add_tax,
    ask,
    invoiced,
    invoices,
    lines,
    set_profile,
    set_seller,
    tick,
)

pytestmark = pytest.mark.django_db


def draft(organization: OrganizationRef, *amounts: str) -> InvoiceInfo:
    with tenant_scope(organization), clock.frozen(BEGINS):
        return invoice_draft(
            organization=organization,
            actor=SYSTEM_ACTOR,
            once=uuid4(),
            currency="USD",
            lines=[(D(amount), "Consulting") for amount in amounts],
        )


def finalize(organization: OrganizationRef, invoice: InvoiceInfo) -> InvoiceInfo:
    with tenant_scope(organization), clock.frozen(BEGINS):
        return invoice_finalize(
            organization=organization, actor=SYSTEM_ACTOR, invoice_id=invoice.id
        )


def void(organization: OrganizationRef, invoice: InvoiceInfo) -> InvoiceInfo:
    with tenant_scope(organization), clock.frozen(BEGINS):
        return invoice_void(organization=organization, actor=SYSTEM_ACTOR, invoice_id=invoice.id)


def test_a_draft_becomes_final_once(organization: OrganizationRef) -> None:
    made = draft(organization, "50", "-8")
    first, again = (finalize(organization, made) for _ in range(2))

    assert (made.status, made.number) == ("draft", "")
    assert first == again
    assert (first.status, first.total_minor, first.due_minor) == ("final", 4200, 4200)
    assert [line.kind for line in lines(organization, first)] == ["manual", "manual"]


def test_a_draft_is_thrown_away_with_what_was_written_for_it(
    organization: OrganizationRef,
) -> None:
    made = draft(organization, "50")
    first, again = (void(organization, made) for _ in range(2))
    tick(BEGINS)

    assert first == again
    assert [row.status for row in invoices(organization)] == ["void"]
    with pytest.raises(InvoiceState):
        finalize(organization, made)


def test_what_is_final_is_not_voided(organization: OrganizationRef) -> None:
    with pytest.raises(InvoiceState):
        void(organization, finalize(organization, draft(organization, "50")))


def test_a_draft_of_less_than_nothing_stays_one(organization: OrganizationRef) -> None:
    made = draft(organization, "5", "-6")

    with pytest.raises(InvoiceEmpty):
        finalize(organization, made)
    with pytest.raises(InvoiceEmpty):
        draft(organization)
    assert [row.status for row in invoices(organization)] == ["draft"]


def test_what_is_paid_is_not_given_up(organization: OrganizationRef) -> None:
    invoice = invoiced(organization, "5", "-5")

    assert invoice.payment_status == "paid"
    with tenant_scope(organization), pytest.raises(InvoiceState):
        invoice_give_up(
            organization=organization, actor=SYSTEM_ACTOR, invoice_id=invoice.id, reason="x"
        )


@pytest.mark.parametrize("by_system", [False, True])
def test_nothing_final_is_changed_by_whoever_can_write(
    organization: OrganizationRef, by_system: bool
) -> None:
    invoice = invoiced(organization, "50")
    scope = system_scope("test") if by_system else tenant_scope(organization)
    with scope:
        for values in ({"total_minor": 1}, {"number": "X"}, {"customer": {}}, {"status": "draft"}):
            with pytest.raises(ProgrammingError), transaction.atomic():
                Invoice.objects.filter(id=invoice.id).update(**values)
        for values in ({"amount": 1}, {"invoice": None}):
            with pytest.raises(ProgrammingError), transaction.atomic():
                InvoiceItem.objects.filter(invoice_id=invoice.id).update(**values)
        with pytest.raises(ProgrammingError), transaction.atomic():
            InvoiceLine.objects.create(
                organization_id=organization.id,
                invoice=invoice,
                position=9,
                kind="manual",
                description="text",
                amount=1,
                amount_minor=100,
            )


def test_what_is_final_keeps_who_sold_and_bought(organization: OrganizationRef) -> None:
    set_seller(country="DE", number_prefix="AB")
    set_profile(organization, legal_name="Buyer Ltd")
    invoice = invoiced(organization, "50")
    set_seller(country="FR")
    set_profile(organization, legal_name="Other Ltd")

    (kept,) = invoices(organization)
    assert (kept.seller["country"], kept.customer["legal_name"]) == ("DE", "Buyer Ltd")
    assert invoice.number.startswith("AB-2029-")
    assert invoiced(organization, "1").customer["legal_name"] == "Other Ltd"


def test_a_customer_who_gave_no_details_is_known_by_its_name(organization: OrganizationRef) -> None:
    with tenant_scope(organization):
        assert profile_get(organization=organization) == Profile(legal_name="acme")


@pytest.mark.parametrize(
    ("values", "param"),
    [
        ({"country": "de"}, "country"),
        ({"country": "DEU"}, "country"),
        ({"email": "nobody"}, "email"),
        ({"language": "fr"}, "language"),
        ({"legal_name": "x" * 201}, "legal_name"),
        ({"fapiao_kind": FapiaoKind.GENERAL}, "fapiao_kind"),
        ({"country": "CN", "fapiao_kind": FapiaoKind.GENERAL}, "fapiao_title"),
        (
            {
                "country": "CN",
                "fapiao_kind": FapiaoKind.SPECIAL,
                "fapiao_title": "公司",
                "fapiao_taxpayer_id": "9131",
            },
            "fapiao_address",
        ),
    ],
)
def test_details_that_cannot_be_printed_are_refused(
    organization: OrganizationRef, values: dict[str, str], param: str
) -> None:
    with tenant_scope(organization), pytest.raises(ProfileInvalid) as refused:
        profile_set(
            organization=organization,
            actor=SYSTEM_ACTOR,
            profile=Profile(**values),  # type: ignore[arg-type] # texts
        )

    assert refused.value.param == param


@pytest.mark.parametrize(
    "values", [{"percent": D(0)}, {"percent": D(101)}, {"country": "x"}, {"name_zh": " "}]
)
def test_a_tax_that_cannot_be_is_refused(db: None, values: dict[str, object]) -> None:
    rate = {"name_en": "VAT", "name_zh": "增值税", "country": "DE", "percent": D(19)} | values
    with system_scope("test"), pytest.raises(DomainError) as refused:
        tax_rate_add(actor=SYSTEM_ACTOR, **rate)  # type: ignore[arg-type] # wrong on purpose

    assert refused.value.code == "tax_rate_invalid"


def test_a_tax_that_ended_is_asked_for_no_more(organization: OrganizationRef) -> None:
    set_profile(organization)
    add_tax("19")
    ask(organization, "100")
    rate = TaxRate.objects.get()
    with system_scope("test"):
        tax_rate_end(actor=SYSTEM_ACTOR, rate_id=rate.id)
    tick(BEGINS)

    assert invoices(organization)[0].tax_minor == 0
    with system_scope("test"), pytest.raises(TaxRateUnknown):
        tax_rate_end(actor=SYSTEM_ACTOR, rate_id=rate.id)


@pytest.mark.parametrize(
    "terms", [{"number_prefix": "a-"}, {"country": "de"}, {"payment_days": 400}, {"email": "x"}]
)
def test_a_seller_that_cannot_be_printed_is_refused(db: None, terms: dict[str, object]) -> None:
    with system_scope("test"), pytest.raises(DomainError) as refused:
        seller_set(actor=SYSTEM_ACTOR, terms=SellerTerms(**terms))  # type: ignore[arg-type] # wrong

    assert refused.value.code == "seller_invalid"
