"""Plans, use and invoices of an organization, at moments of a test's choice."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from anneal.kernel import clock
from anneal.kernel.events import Event, _handlers, subscribe
from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, system_scope, tenant_scope
from billing.invoices.contracts import (
    CreditNoteInfo,
    InvoiceInfo,
    ItemInfo,
    ItemKind,
    Profile,
    SellerTerms,
    TopUpInfo,
)
from billing.invoices.models import Invoice, InvoiceLine, InvoicePayment
from billing.invoices.services import (
    credit_note_issue,
    invoice_payment_apply,
    invoice_top_up,
    item_add,
    profile_set,
    seller_set,
    tax_rate_add,
)
from billing.invoices.tasks import close
from billing.ledger.reconcile import ledger_drift
from billing.ledger.services import hold_capture, hold_take
from billing.payments.models import Payment, PaymentAttempt
from billing.plans.contracts import Overage
from billing.plans.tasks import renew
from tests.unit.billing.test_plans_subscriptions import add_plan, go

D = Decimal
BEGINS = datetime(2029, 1, 31, 12, tzinfo=UTC)
FEBRUARY = datetime(2029, 2, 28, tzinfo=UTC)
MARCH = datetime(2029, 3, 31, tzinfo=UTC)
APRIL = datetime(2029, 4, 30, tzinfo=UTC)

__all__ = ["add_plan", "go"]


def tick(at: datetime) -> None:
    """Let the scheduler do its work at a moment."""
    with clock.frozen(at):
        renew()
        close()


def add_credit_plan(code: str = "later", fee: str = "30", line: str = "100") -> None:
    """Offer a plan without units: all that is used is paid afterwards."""
    add_plan(code, fee=D(fee), overage=Overage.INVOICE, credit_line=D(line))


def use(organization: OrganizationRef, units: int, at: datetime, **more: Any) -> UUID:
    """Take and capture so many predictions at a moment; the hold's id."""
    with clock.frozen(at), tenant_scope(organization):
        name = uuid4().hex
        hold = hold_take(
            organization=organization,
            unit="prediction",
            amount=units,
            key=name,
            ttl_seconds=600,
            **more,
        )
        hold_capture(organization=organization, hold_id=hold.id, amount=units, event_id=name)
    return hold.id


def ask(
    organization: OrganizationRef,
    amount: str,
    at: datetime = BEGINS,
    *,
    source: str = "",
    currency: str = "USD",
    **more: Any,
) -> ItemInfo:
    """Ask for an outcome's amount, due at once."""
    with clock.frozen(at), tenant_scope(organization):
        values = {"kind": ItemKind.OUTCOME, "due_at": at, "description_code": "text"} | more
        return item_add(
            organization=organization,
            source=source or f"test:{uuid4()}",
            currency=currency,
            amount=D(amount),
            params={"text": "Work"},
            **values,
        )


def invoices(organization: OrganizationRef) -> list[Invoice]:
    with tenant_scope(organization):
        return list(Invoice.objects.order_by("id"))


def lines(organization: OrganizationRef, invoice: Invoice | InvoiceInfo) -> list[InvoiceLine]:
    with tenant_scope(organization):
        return list(InvoiceLine.objects.filter(invoice_id=invoice.id).order_by("position"))


def invoiced(organization: OrganizationRef, *amounts: str, at: datetime = BEGINS) -> Invoice:
    """Make one invoice of these amounts; the newest there is then."""
    for amount in amounts:
        ask(organization, amount, at)
    tick(at)
    return invoices(organization)[-1]


def pay(
    organization: OrganizationRef,
    invoice: Invoice,
    minor: int | None = None,
    *,
    at: datetime = BEGINS,
    payment_id: UUID | None = None,
) -> InvoiceInfo:
    came = payment_id or uuid4()
    amount = invoice.due_minor if minor is None else minor
    with clock.frozen(at), tenant_scope(organization):
        paid = invoice_payment_apply(
            organization=organization, invoice_id=invoice.id, payment_id=came, amount_minor=amount
        )
    keep_payment(organization, came, paid, amount)
    return paid


def keep_payment(
    organization: OrganizationRef, payment_id: UUID, invoice: InvoiceInfo, minor: int
) -> None:
    """Write down the payment that came, once, as payments do."""
    with tenant_scope(organization):
        _payment_write(organization.id, payment_id, invoice.id, invoice.currency, minor)


def keep_payments() -> None:
    """Write down whatever came and invoices alone know of, of every organization."""
    with system_scope("test"):
        came = InvoicePayment.objects.filter(key__startswith="payment:").select_related("invoice")
        for each in came:
            amount = each.amount_minor + each.excess_minor
            _payment_write(
                each.organization_id,
                each.payment_id,
                each.invoice_id,
                each.invoice.currency,
                amount,
            )


def _payment_write(
    organization_id: UUID, payment_id: UUID, invoice_id: UUID, currency: str, minor: int
) -> None:
    shared = {
        "id": payment_id,
        "organization_id": organization_id,
        "invoice_id": invoice_id,
        "amount_minor": minor,
        "currency": currency,
    }
    attempt = PaymentAttempt(key=f"test:{payment_id}", state="succeeded", asked_at=BEGINS, **shared)
    payment = Payment(attempt=attempt, intent_ref=f"test:{payment_id}", **shared)
    PaymentAttempt.objects.bulk_create([attempt], ignore_conflicts=True)
    Payment.objects.bulk_create([payment], ignore_conflicts=True)


def credit(
    organization: OrganizationRef,
    invoice: Invoice | InvoiceInfo,
    minor: int | None = None,
    **more: Any,
) -> CreditNoteInfo:
    at = more.pop("at", BEGINS)
    with clock.frozen(at), tenant_scope(organization):
        return credit_note_issue(
            organization=organization,
            actor=SYSTEM_ACTOR,
            invoice_id=invoice.id,
            amount_minor=minor,
            **{"key": uuid4().hex, "reason": "It was wrong."} | more,
        )


def top_up(
    organization: OrganizationRef,
    minor: int,
    currency: str = "USD",
    *,
    payment_id: UUID | None = None,
    at: datetime = BEGINS,
) -> TopUpInfo:
    came = payment_id or uuid4()
    with clock.frozen(at), tenant_scope(organization):
        sold = invoice_top_up(
            organization=organization, payment_id=came, amount_minor=minor, currency=currency
        )
    keep_payment(organization, came, sold.invoice, minor)
    return sold


def add_tax(percent: str, country: str = "DE", **more: Any) -> None:
    with system_scope("test"):
        tax_rate_add(
            actor=SYSTEM_ACTOR,
            name_en="VAT",
            name_zh="增值税",
            country=country,
            percent=D(percent),
            **more,
        )


def set_seller(**terms: Any) -> None:
    with system_scope("test"):
        seller_set(actor=SYSTEM_ACTOR, terms=SellerTerms(legal_name="Seller", **terms))


def set_profile(organization: OrganizationRef, **values: Any) -> None:
    with tenant_scope(organization):
        profile_set(
            organization=organization,
            actor=SYSTEM_ACTOR,
            profile=Profile(**{"legal_name": "Buyer", "country": "DE"} | values),
        )


def drifts(organization: OrganizationRef) -> list[Any]:
    with tenant_scope(organization):
        return list(ledger_drift())


@contextlib.contextmanager
def heard(*types: type[Event]) -> Iterator[list[Any]]:
    """Collect the events of these types that are published meanwhile."""
    told: list[Any] = []

    def keep(event: Event) -> None:
        told.append(event)

    for one in types:
        subscribe(one, keep)
    try:
        yield told
    finally:
        for one in types:
            _handlers[one].remove(keep)
