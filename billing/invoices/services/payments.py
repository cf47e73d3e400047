"""What payments do to invoices: apply money, take it back, and invoice credit that was bought."""

from decimal import Decimal
from typing import Final
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.events import PaymentExcess, publish
from anneal.kernel.ids import public_id
from anneal.kernel.principal import SYSTEM_ACTOR, Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.invoices.contracts import (
    InvoiceDue,
    InvoiceInfo,
    InvoiceKind,
    InvoiceStatus,
    ItemKind,
    LineDraft,
    TaxDraft,
    TopUpInfo,
)
from billing.invoices.errors import InvoiceUnknown, PaymentExceeded, PaymentMismatch
from billing.invoices.models import Invoice, InvoiceItem, InvoicePayment
from billing.invoices.money import major
from billing.invoices.parties import profile_current, seller_current
from billing.invoices.rows import invoice_due, invoice_info
from billing.invoices.services.making import invoice_announce, invoice_make_final
from billing.invoices.services.settling import final_locked, settled_look
from billing.invoices.taxes import rates_for, taxes_within
from billing.ledger import functions
from billing.ledger.errors import CurrencyMismatch
from billing.ledger.models import Grant, GrantKind
from billing.ledger.services import balance_grant
from billing.prices.currency import exponent

MOST_MINOR: Final = 10**15


def invoice_payable(*, organization: OrganizationRef, invoice_id: UUID) -> InvoiceDue:
    """Return what is due on a final invoice, 0 if nothing is. Raises InvoiceUnknown."""
    require_scope(organization)
    row = Invoice.objects.filter(
        organization_id=organization.id, id=invoice_id, status=InvoiceStatus.FINAL
    ).first()
    if row is None:
        raise InvoiceUnknown
    return invoice_due(row)


def invoice_payment_apply(
    *,
    organization: OrganizationRef,
    invoice_id: UUID,
    payment_id: UUID | None,
    amount_minor: int,
    actor: Actor = SYSTEM_ACTOR,
    key: str = "",
    note: str = "",
) -> InvoiceInfo:
    """Book a payment for an invoice, once per payment; what comes beyond the due becomes credit.

    Where the account keeps no credit in that currency, whoever collected it hears `PaymentExcess`.
    Without a payment of ours (``payment_id`` None: a transfer that the operator saw) ``key`` names
    it. Raises InvoiceUnknown, InvoiceState, PaymentMismatch, PaymentExceeded.
    """
    require_scope(organization)
    row = final_locked(organization, invoice_id)
    name = f"payment:{payment_id}" if payment_id else f"outside:{key}"
    known = _booked(organization, name)
    if known is not None:
        if (known.invoice_id, known.amount_minor + known.excess_minor) != (row.id, amount_minor):
            raise PaymentMismatch
        return invoice_info(row)
    _amount_check(amount_minor)
    return _apply(organization, actor, row, name, payment_id, amount_minor, note)


def _apply(
    organization: OrganizationRef,
    actor: Actor,
    row: Invoice,
    name: str,
    payment_id: UUID | None,
    amount_minor: int,
    note: str,
) -> InvoiceInfo:
    """Pay what is due; what goes beyond becomes credit."""
    applied = min(amount_minor, row.due_minor)
    _book(row, name, payment_id, applied, note, excess=amount_minor - applied)
    if amount_minor > applied:
        _excess_keep(organization, actor, row, name, payment_id, amount_minor - applied)
    row.paid_minor += applied
    _audit(organization, actor, "invoice.pay", row, amount_minor, note)
    settled_look(organization, row)
    return invoice_info(row)


def invoice_payment_unapply(
    *,
    organization: OrganizationRef,
    invoice_id: UUID,
    payment_id: UUID,
    amount_minor: int,
    key: str,
    reason: str,
    actor: Actor = SYSTEM_ACTOR,
) -> InvoiceInfo:
    """Take a payment, or a part, off an invoice again, once per ``key``: a bank took it back.

    The invoice is then open again: its customer owes it still. Money that goes back by a credit
    note needs no such booking. Raises InvoiceUnknown, PaymentExceeded, PaymentMismatch.
    """
    require_scope(organization)
    row = final_locked(organization, invoice_id)
    name = f"unapply:{key}"
    known = _booked(organization, name)
    if known is not None:
        if (known.invoice_id, known.amount_minor) != (row.id, -amount_minor):
            raise PaymentMismatch
        return invoice_info(row)
    _amount_check(amount_minor)
    if amount_minor > row.paid_minor - row.returned_minor:
        raise PaymentExceeded
    _book(row, name, payment_id, -amount_minor, reason)
    row.paid_minor -= amount_minor
    _audit(organization, actor, "invoice.unpay", row, -amount_minor, reason)
    settled_look(organization, row)
    return invoice_info(row)


def invoice_regained(
    *,
    organization: OrganizationRef,
    invoice_id: UUID,
    payment_id: UUID,
    key: str,
    reason: str,
    actor: Actor = SYSTEM_ACTOR,
) -> InvoiceInfo:
    """Book that a bank gave back what was taken off an invoice under ``key``, once.

    It pays what is due; what was paid meanwhile, or was credit that had been taken back, becomes
    credit. Raises InvoiceUnknown, InvoiceState.
    """
    require_scope(organization)
    row = final_locked(organization, invoice_id)
    taken, name = _booked(organization, f"unapply:{key}"), f"regained:{key}"
    if taken is None or _booked(organization, name) is not None:
        return invoice_info(row)
    return _apply(organization, actor, row, name, payment_id, -taken.amount_minor, reason)


def invoice_top_up(
    *,
    organization: OrganizationRef,
    payment_id: UUID,
    amount_minor: int,
    currency: str,
    actor: Actor = SYSTEM_ACTOR,
) -> TopUpInfo:
    """Invoice credit that was paid for and give it, once per payment, in one transaction.

    Where the seller's top-ups are taxed, the tax is within the amount, and the rest becomes credit.
    Raises PaymentMismatch, PaymentExceeded, CurrencyMismatch, CurrencyUnknown.
    """
    require_scope(organization)
    _amount_check(amount_minor)
    exponent(currency)
    functions.account_open(organization_id=organization.id)
    source = f"payment:{payment_id}"
    known = Invoice.objects.filter(organization_id=organization.id, source=source).first()
    if known is not None:
        if (known.total_minor, known.currency) != (amount_minor, currency):
            raise PaymentMismatch
        return _top_up_info(organization, known)
    invoice = _top_up_invoice(organization, actor, source, amount_minor, currency)
    _book(invoice, source, payment_id, amount_minor, "")
    balance_grant(
        organization=organization,
        actor=actor,
        unit=currency,
        amount=major(invoice.subtotal_minor, currency),
        kind=GrantKind.PURCHASED,
        source=source,
        reason=f"Bought with {invoice.number}.",
    )
    # Kept before it is announced: whoever hears of it must find nothing due.
    invoice.paid_minor = amount_minor
    invoice.save(update_fields=["paid_minor"])
    invoice_announce(organization, invoice)
    return _top_up_info(organization, invoice)


def _top_up_invoice(
    organization: OrganizationRef, actor: Actor, source: str, amount_minor: int, currency: str
) -> Invoice:
    taxes: tuple[TaxDraft, ...] = ()
    seller = seller_current()
    if seller.top_ups_taxed:
        rates, _ = rates_for(profile_current(organization), seller)
        taxes = taxes_within(amount_minor, rates)
    net = amount_minor - sum(tax.amount_minor for tax in taxes)
    invoice = Invoice(
        organization_id=organization.id,
        source=source,
        kind=InvoiceKind.TOP_UP.value,
        currency=currency,
    )
    invoice.save(force_insert=True)
    item = InvoiceItem(
        organization_id=organization.id,
        source=source,
        kind=ItemKind.TOP_UP.value,
        currency=currency,
        amount=major(net, currency),
        description="top_up",
        invoice=invoice,
    )
    item.save(force_insert=True)
    line = LineDraft(
        kind=ItemKind.TOP_UP,
        description=item.description,
        params={},
        amount=item.amount,
        amount_minor=net,
        item_id=item.id,
    )
    invoice_make_final(organization, actor, invoice, lines=[line], taxes=taxes)
    return invoice


def _top_up_info(organization: OrganizationRef, invoice: Invoice) -> TopUpInfo:
    grant = Grant.objects.get(
        organization_id=organization.id, unit=invoice.currency, source=invoice.source
    )
    return TopUpInfo(invoice_info(invoice), grant.id, Decimal(grant.amount))


def _excess_keep(
    organization: OrganizationRef,
    actor: Actor,
    row: Invoice,
    name: str,
    payment_id: UUID | None,
    excess: int,
) -> None:
    try:
        balance_grant(
            organization=organization,
            actor=actor,
            unit=row.currency,
            amount=major(excess, row.currency),
            kind=GrantKind.PURCHASED,
            source=f"overpaid:{name}",
            reason=f"Paid beyond what was due on {row.number}.",
        )
    except CurrencyMismatch as error:
        _audit(organization, actor, "invoice.excess", row, excess, error.text)
        publish(
            PaymentExcess(organization=organization, payment_id=payment_id, amount_minor=excess)
        )


def _amount_check(amount_minor: int) -> None:
    if not 0 < amount_minor <= MOST_MINOR:
        raise PaymentExceeded("A payment is above 0 and at most 10^15 of the smallest coins.")


def _booked(organization: OrganizationRef, key: str) -> InvoicePayment | None:
    row: InvoicePayment | None = InvoicePayment.objects.filter(
        organization_id=organization.id, key=key
    ).first()
    return row


def _book(
    invoice: Invoice,
    key: str,
    payment_id: UUID | None,
    amount_minor: int,
    note: str,
    *,
    excess: int = 0,
) -> None:
    InvoicePayment(
        organization_id=invoice.organization_id,
        invoice=invoice,
        payment_id=payment_id,
        key=key,
        amount_minor=amount_minor,
        excess_minor=excess,
        note=note[:500],
        booked_at=clock.now(),
    ).save(force_insert=True)


def _audit(
    organization: OrganizationRef,
    actor: Actor,
    action: str,
    invoice: Invoice,
    amount_minor: int,
    note: str,
) -> None:
    audit_record(
        actor=actor,
        action=action,
        target=public_id("inv_", invoice.id),
        detail={
            "number": invoice.number,
            "amount": f"{major(amount_minor, invoice.currency):f} {invoice.currency}",
            "note": note[:500],
        },
        organization=organization,
    )
