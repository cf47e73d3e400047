"""What payments do to invoices: once each, never beyond what is due, and taken back again."""

from uuid import uuid4

import pytest

from anneal.kernel import clock
from anneal.kernel.events import InvoiceFinalized, InvoicePaid, PaymentExcess
from anneal.kernel.models import AuditEvent
from anneal.kernel.scopes import OrganizationRef, tenant_scope
from billing.invoices.contracts import InvoiceDue, InvoiceInfo
from billing.invoices.errors import InvoiceUnknown, PaymentExceeded, PaymentMismatch
from billing.invoices.models import Invoice, InvoicePayment
from billing.invoices.selectors import invoice_get
from billing.invoices.services import invoice_payable, invoice_payment_unapply
from billing.ledger.errors import CurrencyMismatch
from billing.ledger.models import Grant
from billing.ledger.selectors import balance_get
from billing.plans.selectors import subscription_get
from tests.unit.invoices.helpers import (
    BEGINS,
    D,
    add_tax,
    drifts,
    go,
    heard,
    invoiced,
    invoices,
    pay,
    set_profile,
    set_seller,
    tick,
    top_up,
)

pytestmark = pytest.mark.django_db


def due(organization: OrganizationRef, invoice: Invoice | InvoiceInfo) -> InvoiceDue:
    with tenant_scope(organization):
        return invoice_payable(organization=organization, invoice_id=invoice.id)


def unapply(
    organization: OrganizationRef, invoice: Invoice, minor: int, key: str = "dispute"
) -> InvoiceInfo:
    with clock.frozen(BEGINS), tenant_scope(organization):
        return invoice_payment_unapply(
            organization=organization,
            invoice_id=invoice.id,
            payment_id=uuid4(),
            amount_minor=minor,
            key=key,
            reason="The bank took it back.",
        )


def credit_of(organization: OrganizationRef) -> int:
    with tenant_scope(organization), clock.frozen(BEGINS):
        return int(balance_get(organization=organization, unit="USD").available)


def test_a_payment_settles_an_invoice_and_is_told_once(organization: OrganizationRef) -> None:
    invoice = invoiced(organization, "50")
    payment_id = uuid4()
    with heard(InvoicePaid) as told:
        first = pay(organization, invoice, 5000, payment_id=payment_id)
        again = pay(organization, invoice, 5000, payment_id=payment_id)

    assert first == again
    assert (first.payment_status, first.due_minor) == ("paid", 0)
    assert [event.invoice_id for event in told] == [invoice.id]
    assert due(organization, invoice).amount_due_minor == 0


def test_a_payment_names_its_amount_and_invoice_for_ever(organization: OrganizationRef) -> None:
    first, second = invoiced(organization, "50"), invoiced(organization, "50")
    payment_id = uuid4()
    pay(organization, first, 5000, payment_id=payment_id)

    for invoice, minor in ((first, 4999), (second, 5000)):
        with pytest.raises(PaymentMismatch):
            pay(organization, invoice, minor, payment_id=payment_id)


def test_parts_are_paid_one_after_the_other(organization: OrganizationRef) -> None:
    invoice = invoiced(organization, "50")

    assert pay(organization, invoice, 2000).payment_status == "open"
    assert due(organization, invoice).amount_due_minor == 3000
    assert pay(organization, invoice, 3000).payment_status == "paid"


def test_what_is_paid_beyond_the_due_becomes_credit(organization: OrganizationRef) -> None:
    invoice = invoiced(organization, "50")
    pay(organization, invoice, 6000)
    pay(organization, invoice, 500)

    assert credit_of(organization) == 15
    with tenant_scope(organization):
        assert invoice_get(organization=organization, invoice_id=invoice.id).paid_minor == 5000
        assert [row.excess_minor for row in InvoicePayment.objects.order_by("id")] == [1000, 500]
    assert drifts(organization) == []


def test_what_is_paid_too_much_where_credit_is_of_another_currency_goes_back(
    organization: OrganizationRef,
) -> None:
    invoice = invoiced(organization, "50")
    top_up(organization, 2500, "JPY")
    payment_id = uuid4()

    with heard(PaymentExcess) as told:
        for _ in range(2):
            paid = pay(organization, invoice, 5100, payment_id=payment_id)

    assert (paid.payment_status, paid.due_minor) == ("paid", 0)
    assert [(one.payment_id, one.amount_minor) for one in told] == [(payment_id, 100)]
    assert credit_of(organization) == 0
    # Payments did not collect it and so do not send it back, which the books notice.
    assert [one.check for one in drifts(organization)] == ["grants.overpaid"]


@pytest.mark.parametrize("minor", [0, -1, 10**16])
def test_what_is_no_payment_is_refused(organization: OrganizationRef, minor: int) -> None:
    with pytest.raises(PaymentExceeded):
        pay(organization, invoiced(organization, "50"), minor)


def test_a_payment_that_a_bank_takes_back_opens_the_invoice_again(
    organization: OrganizationRef,
) -> None:
    invoice = invoiced(organization, "50")
    pay(organization, invoice)

    first = unapply(organization, invoice, 5000)

    assert (first.payment_status, first.due_minor) == ("open", 5000)
    assert unapply(organization, invoice, 5000) == first
    with pytest.raises(PaymentExceeded):
        unapply(organization, invoice, 1, key="another")
    assert pay(organization, invoice, 5000).payment_status == "paid"


def test_anothers_invoice_is_not_there(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    invoice = invoiced(organization, "50")

    with pytest.raises(InvoiceUnknown):
        due(other_organization, invoice)
    with pytest.raises(InvoiceUnknown):
        pay(other_organization, invoice, 5000)


def test_bought_credit_is_given_with_a_paid_invoice_once(organization: OrganizationRef) -> None:
    payment_id = uuid4()
    with heard(InvoiceFinalized, InvoicePaid) as told:
        first = top_up(organization, 2500, payment_id=payment_id)
        again = top_up(organization, 2500, payment_id=payment_id)

    assert first == again
    assert (first.credit, first.invoice.payment_status) == (25, "paid")
    assert credit_of(organization) == 25
    assert [type(event).__name__ for event in told] == ["InvoiceFinalized", "InvoicePaid"]
    assert told[0].amount_due_minor == 0
    with pytest.raises(PaymentMismatch):
        top_up(organization, 2600, payment_id=payment_id)


def test_r19_coins_of_no_and_of_three_decimals(
    organization: OrganizationRef, other_organization: OrganizationRef
) -> None:
    yen, dinar = top_up(organization, 2500, "JPY"), top_up(other_organization, 2500, "KWD")

    assert (yen.credit, dinar.credit) == (2500, D("2.5"))
    with pytest.raises(CurrencyMismatch):
        top_up(organization, 100, "USD")


def test_bought_credit_can_be_taxed_within_what_was_paid(organization: OrganizationRef) -> None:
    set_seller(country="DE", top_ups_taxed=True)
    set_profile(organization)
    add_tax("19")

    made = top_up(organization, 10000)

    assert (made.invoice.subtotal_minor, made.invoice.tax_minor) == (8403, 1597)
    assert (made.invoice.total_minor, made.credit) == (10000, D("84.03"))


def test_no_code_takes_anything_off_credit_and_no_plan_follows(
    organization: OrganizationRef,
) -> None:
    top_up(organization, 2500)

    with tenant_scope(organization), clock.frozen(BEGINS):
        assert subscription_get(organization=organization) is None
        assert Grant.objects.filter(unit="USD").get().kind == "purchased"


def test_what_is_done_with_money_is_in_the_trail(organization: OrganizationRef) -> None:
    invoice = invoiced(organization, "50")
    pay(organization, invoice)
    unapply(organization, invoice, 5000)

    with tenant_scope(organization):
        actions = list(
            AuditEvent.objects.filter(action__startswith="invoice.")
            .order_by("id")
            .values_list("action", flat=True)
        )
    assert actions == ["invoice.finalize", "invoice.pay", "invoice.unpay"]


def test_a_renewal_leaves_what_was_paid_alone(organization: OrganizationRef) -> None:
    go(organization, "starter", BEGINS)
    tick(BEGINS)
    pay(organization, invoices(organization)[0])
    tick(BEGINS)

    assert [row.payment_status for row in invoices(organization)] == ["paid"]
