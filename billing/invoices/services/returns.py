"""Money that went back without us: a bank took it, or the operator refunded it at the provider."""

from decimal import ROUND_DOWN, Decimal
from uuid import UUID

from django.db.models import Sum

from anneal.kernel.principal import SYSTEM_ACTOR
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.invoices.contracts import CreditNoteInfo, InvoiceInfo, InvoiceKind, ReturnBy
from billing.invoices.models import Invoice, InvoicePayment
from billing.invoices.money import major
from billing.invoices.rests import Rest, rests_of
from billing.invoices.rows import invoice_info
from billing.invoices.services.bought import credit_left, credit_take
from billing.invoices.services.credit_notes import credit_note_issue
from billing.invoices.services.dunning import dunning_charged_back
from billing.invoices.services.payments import invoice_payment_unapply
from billing.invoices.services.settling import final_locked, rest_forgive, rest_small
from billing.prices.currency import exponent


def invoice_charged_back(
    *,
    organization: OrganizationRef,
    invoice_id: UUID,
    payment_id: UUID,
    amount_minor: int,
    key: str,
    reason: str,
) -> InvoiceInfo:
    """Book that a bank took a payment, or a part, back; the invoice is due again.

    ``key`` names the dispute, which whoever tells of it books once.
    Of bought credit what is unspent goes back by a credit note; what was spent is owed, and the
    account is parked until it is paid. What had been paid beyond an invoice is taken back as far as
    it is unspent. Raises InvoiceUnknown, InvoiceState, PaymentMismatch.
    """
    require_scope(organization)
    invoice = final_locked(organization, invoice_id)
    applied = min(
        amount_minor,
        _brought(organization, payment_id),
        invoice.paid_minor - invoice.returned_minor,
    )
    if applied > 0:
        invoice_payment_unapply(
            organization=organization,
            invoice_id=invoice_id,
            payment_id=payment_id,
            amount_minor=applied,
            key=key,
            reason=reason,
        )
    _excess_take(organization, invoice, payment_id, amount_minor - applied, key, reason)
    if invoice.kind == InvoiceKind.TOP_UP:
        _credit_back(organization, invoice, applied, key, reason)
        invoice.refresh_from_db()
        if rest_small(invoice):
            rest_forgive(organization, invoice)
        elif invoice.due_minor:
            dunning_charged_back(organization, invoice)
    invoice.refresh_from_db()
    return invoice_info(invoice)


def invoice_refunded(
    *,
    organization: OrganizationRef,
    invoice_id: UUID,
    payment_id: UUID,
    amount_minor: int,
    key: str,
    reason: str,
) -> CreditNoteInfo | None:
    """Write the credit note of a refund that was made at the provider.

    ``key`` names the refund, which whoever tells of it books once.
    What had been paid beyond the invoice goes first, as far as it is unspent credit. The note is
    never more than what is left of the invoice; None where nothing is. Of bought credit what is
    unspent is taken back. Raises InvoiceUnknown, InvoiceState.
    """
    require_scope(organization)
    invoice = final_locked(organization, invoice_id)
    left = amount_minor - _excess_take(organization, invoice, payment_id, amount_minor, key, reason)
    part = min(
        left,
        invoice.total_minor - invoice.credited_minor,
        invoice.paid_minor - invoice.returned_minor,
    )
    if part <= 0:
        return None
    if invoice.due_minor:
        # A note lowers first what is due; what came and went again must not.
        invoice_payment_unapply(
            organization=organization,
            invoice_id=invoice_id,
            payment_id=payment_id,
            amount_minor=part,
            key=key,
            reason=reason,
        )
    return credit_note_issue(
        organization=organization,
        actor=SYSTEM_ACTOR,
        invoice_id=invoice_id,
        key=key,
        reason=reason,
        amount_minor=part,
        return_by=ReturnBy.OUTSIDE,
        payment_id=payment_id,
    )


def _brought(organization: OrganizationRef, payment_id: UUID) -> int:
    """Return what a payment brought to its invoice and has not been taken back of it."""
    rows = InvoicePayment.objects.filter(organization_id=organization.id, payment_id=payment_id)
    return rows.aggregate(sum=Sum("amount_minor"))["sum"] or 0


def _excess_take(
    organization: OrganizationRef,
    invoice: Invoice,
    payment_id: UUID,
    most: int,
    key: str,
    reason: str,
) -> int:
    """Take back the credit that a payment brought beyond its invoice; return how many coins."""
    name = f"payment:{payment_id}"
    booked = InvoicePayment.objects.filter(organization_id=organization.id, key=name).first()
    coins = min(most, booked.excess_minor if booked is not None else 0)
    if coins <= 0:
        return 0
    taken = credit_take(
        organization,
        SYSTEM_ACTOR,
        currency=invoice.currency,
        source=f"overpaid:{name}",
        most=major(coins, invoice.currency),
        name=key,
        reason=reason,
    )
    return _coins(taken, invoice.currency)


def _credit_back(
    organization: OrganizationRef, invoice: Invoice, most: int, key: str, reason: str
) -> None:
    """Take back what is unspent of bought credit, with its share of the taxes, by a credit note."""
    (line,) = rests_of(invoice)
    unspent = _coins(credit_left(organization, invoice.currency, invoice.source), invoice.currency)
    part = min(most, _gross_within(line, unspent))
    if part > 0:
        credit_note_issue(
            organization=organization,
            actor=SYSTEM_ACTOR,
            invoice_id=invoice.id,
            key=key,
            reason=reason,
            amount_minor=part,
            return_by=ReturnBy.NONE,
        )


def _gross_within(line: Rest, net: int) -> int:
    """Return the most of a line, taxes included, whose part before taxes is within ``net``."""
    if net >= line.amount_minor:
        return line.gross
    part = net * line.gross // line.amount_minor
    return part + 1 if line.credit(part + 1).amount_minor <= net else part


def _coins(amount: Decimal, currency: str) -> int:
    """Return the whole coins of an amount."""
    return int(amount.scaleb(exponent(currency)).quantize(Decimal(1), rounding=ROUND_DOWN))
