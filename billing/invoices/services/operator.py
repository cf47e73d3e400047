"""What the operator does by hand with one invoice: write, void, give up, book a transfer."""

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.events import InvoiceGivenUp, publish
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.invoices.contracts import (
    InvoiceInfo,
    InvoiceKind,
    InvoiceStatus,
    ItemKind,
    PaymentStatus,
)
from billing.invoices.errors import InvoiceEmpty, InvoiceState
from billing.invoices.models import DunningStep, Invoice, InvoiceItem
from billing.invoices.rows import invoice_info
from billing.invoices.services.ladder import dunning_open
from billing.invoices.services.making import invoice_announce, invoice_make_final
from billing.invoices.services.settling import due_give_up, final_locked, invoice_locked
from billing.ledger import functions
from billing.ledger.amounts import reason_read
from billing.prices.terms import coins_read


def invoice_draft(
    *,
    organization: OrganizationRef,
    actor: Actor,
    once: UUID,
    currency: str,
    lines: Sequence[tuple[Decimal, str]],
) -> InvoiceInfo:
    """Write a draft of amounts and texts, once per ``once``.

    Raises InvoiceEmpty, PriceInvalid, CurrencyUnknown, CurrencyDecimals.
    """
    require_scope(organization)
    if not lines:
        raise InvoiceEmpty
    functions.account_open(organization_id=organization.id)
    source = f"manual:{once}"
    known = Invoice.objects.filter(organization_id=organization.id, source=source).first()
    if known is not None:
        return invoice_info(known)
    invoice = Invoice(
        organization_id=organization.id,
        source=source,
        kind=InvoiceKind.MANUAL.value,
        currency=currency,
    )
    invoice.save(force_insert=True)
    InvoiceItem.objects.bulk_create(
        InvoiceItem(
            organization_id=organization.id,
            source=f"{source}:{place}",
            kind=ItemKind.MANUAL.value,
            currency=currency,
            amount=_amount(amount, currency),
            description="text",
            params={"text": text[:300]},
            invoice=invoice,
        )
        for place, (amount, text) in enumerate(lines)
    )
    _audit(organization, actor, "invoice.draft", invoice)
    return invoice_info(invoice)


def _amount(amount: Decimal, currency: str) -> Decimal:
    """Read an amount that may be below zero."""
    return coins_read(abs(amount), currency, param="lines").copy_sign(amount)


def invoice_finalize(
    *, organization: OrganizationRef, actor: Actor, invoice_id: UUID
) -> InvoiceInfo:
    """Make a draft final: it gets its number, its taxes, and is due. Twice is once.

    Raises InvoiceUnknown, InvoiceState, InvoiceEmpty.
    """
    require_scope(organization)
    invoice = invoice_locked(organization, invoice_id)
    if invoice.status == InvoiceStatus.FINAL:
        return invoice_info(invoice)
    if invoice.status != InvoiceStatus.DRAFT:
        raise InvoiceState("The invoice is void: write a new one.")
    invoice_make_final(organization, actor, invoice)
    invoice_announce(organization, invoice)
    return invoice_info(invoice)


def invoice_void(*, organization: OrganizationRef, actor: Actor, invoice_id: UUID) -> InvoiceInfo:
    """Throw a draft away, with what was written for it. Twice is once.

    Raises InvoiceUnknown, InvoiceState.
    """
    require_scope(organization)
    invoice = invoice_locked(organization, invoice_id)
    if invoice.status == InvoiceStatus.VOID:
        return invoice_info(invoice)
    if invoice.status != InvoiceStatus.DRAFT:
        raise InvoiceState
    items = InvoiceItem.objects.filter(invoice=invoice)
    items.filter(kind=ItemKind.MANUAL).update(invoice=None, dropped_at=clock.now())
    items.update(invoice=None)
    invoice.status = InvoiceStatus.VOID.value
    invoice.save(update_fields=["status"])
    _audit(organization, actor, "invoice.void", invoice)
    return invoice_info(invoice)


def invoice_give_up(
    *, organization: OrganizationRef, actor: Actor, invoice_id: UUID, reason: str
) -> InvoiceInfo:
    """Expect no money for an invoice any more; its ladder ends, and a parked account stays so.

    What a change of plan gave back of its fee is asked for again. A payment that comes after all
    is still booked. Raises InvoiceUnknown, InvoiceState.
    """
    require_scope(organization)
    told = reason_read(reason)
    invoice = final_locked(organization, invoice_id)
    if invoice.payment_status == PaymentStatus.UNCOLLECTIBLE:
        return invoice_info(invoice)
    if invoice.payment_status != PaymentStatus.OPEN:
        raise InvoiceState("The invoice is paid: there is nothing to give up.")
    due_give_up(organization, actor, invoice, told)
    ladder = dunning_open(organization, invoice)
    if ladder is not None:
        DunningStep.objects.filter(dunning=ladder, closed_at__isnull=True).update(
            closed_at=clock.now()
        )
    publish(InvoiceGivenUp(organization=organization, invoice_id=invoice.id))
    return invoice_info(invoice)


def _audit(organization: OrganizationRef, actor: Actor, action: str, invoice: Invoice) -> None:
    audit_record(
        actor=actor,
        action=action,
        target=public_id("inv_", invoice.id),
        detail={"number": invoice.number, "kind": invoice.kind},
        organization=organization,
    )
