"""From items to a final invoice: lines, discounts, taxes, and last of all the number."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from math import ceil

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.events import InvoiceFinalized, publish
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef
from billing.invoices.contracts import (
    InvoiceKind,
    InvoiceStatus,
    ItemKind,
    LineDraft,
    TaxDraft,
)
from billing.invoices.errors import InvoiceEmpty
from billing.invoices.models import Invoice, InvoiceItem, InvoiceLine, InvoiceTax
from billing.invoices.money import major
from billing.invoices.parties import printed, profile_current, seller_current, time_zone_of
from billing.invoices.services.numbers import number_take
from billing.invoices.services.settling import settled_look
from billing.invoices.taxes import rates_for, taxes_on
from billing.prices.currency import minor_units
from billing.promotions.contracts import DiscountInfo
from billing.promotions.selectors import discounts_open
from billing.promotions.services import discount_draw

DISCOUNTED = frozenset({InvoiceKind.SUBSCRIPTION, InvoiceKind.OUTCOME})
"""What promotion codes take something off: neither credit bought nor what the operator writes."""


def line_of(item: InvoiceItem) -> LineDraft:
    """Return an item's line, rounded once."""
    return LineDraft(
        kind=ItemKind(item.kind),
        description=item.description,
        params=item.params,
        amount=item.amount,
        amount_minor=minor_units(item.amount, item.currency),
        item_id=item.id,
        quantity=item.quantity,
        unit_price=item.unit_price,
        starts_at=item.starts_at,
        ends_at=item.ends_at,
    )


def invoice_make_final(
    organization: OrganizationRef,
    actor: Actor,
    invoice: Invoice,
    *,
    taxes: tuple[TaxDraft, ...] | None = None,
    lines: Sequence[LineDraft] | None = None,
) -> None:
    """Make a draft final. The account is locked, so nothing else of the organization moves money.

    ``lines`` with their ``taxes`` are given where the taxes are within what was paid. Raises
    InvoiceEmpty.
    """
    now = clock.now()
    seller, profile = seller_current(), profile_current(organization)
    rates, reverse = rates_for(profile, seller)
    if lines is None:
        items = InvoiceItem.objects.filter(invoice=invoice).order_by("id")
        lines = [line_of(item) for item in items]
        lines = [*lines, *_discounts(organization, invoice, lines)]
    subtotal = sum(line.amount_minor for line in lines)
    if not lines or subtotal < 0:
        raise InvoiceEmpty
    if taxes is None:
        taxes = taxes_on([line.amount_minor for line in lines], rates)
    _write(invoice, lines, taxes)
    invoice.seller = printed(seller)
    invoice.customer = printed(profile) | {"time_zone": time_zone_of(organization)}
    invoice.reverse_charge = reverse
    invoice.subtotal_minor = subtotal
    invoice.tax_minor = sum(tax.amount_minor for tax in taxes)
    invoice.total_minor = invoice.subtotal_minor + invoice.tax_minor
    invoice.issued_at, invoice.due_at = now, now + timedelta(days=seller.payment_days)
    invoice.series, invoice.sequence, invoice.number = number_take(seller, now)
    invoice.status = InvoiceStatus.FINAL.value
    invoice.save()
    audit_record(
        actor=actor,
        action="invoice.finalize",
        target=public_id("inv_", invoice.id),
        detail={
            "number": invoice.number,
            "total": f"{major(invoice.total_minor, invoice.currency):f} {invoice.currency}",
        },
        organization=organization,
    )


def invoice_announce(organization: OrganizationRef, invoice: Invoice) -> None:
    """Tell that an invoice is final, and that it is paid where it asks for nothing."""
    publish(
        InvoiceFinalized(
            organization=organization,
            invoice_id=invoice.id,
            number=invoice.number,
            kind=invoice.kind,
            currency=invoice.currency,
            amount_due_minor=invoice.due_minor,
        )
    )
    settled_look(organization, invoice)


def _discounts(
    organization: OrganizationRef, invoice: Invoice, lines: Sequence[LineDraft]
) -> list[LineDraft]:
    """Take promotion codes off, oldest first, each of what the ones before left.

    Nothing is taken off what is given back: of a fee that is what it was asked for with.
    """
    left = sum(line.amount_minor for line in lines)
    sold = sum(line.amount_minor for line in lines if not _given_back(line))
    taken: list[LineDraft] = []
    if InvoiceKind(invoice.kind) not in DISCOUNTED:
        return taken
    for discount in discounts_open(organization=organization, currency=invoice.currency):
        if left <= 0:
            break
        amount = discount_draw(
            organization=organization,
            discount_id=discount.id,
            key=f"invoice:{invoice.id}",
            amount=major(_discounted(discount, sold, left), invoice.currency),
            currency=invoice.currency,
        )
        off = min(minor_units(amount, invoice.currency), left)
        left, sold = left - off, sold - off
        if off:
            taken.append(_discount_line(discount.percent, amount, off, invoice, discount.id.hex))
    return taken


def _given_back(line: LineDraft) -> bool:
    """Say whether a line gives back what codes were taken off before; usage comes back whole."""
    return line.amount_minor < 0 and line.kind != ItemKind.USAGE


def _discounted(discount: DiscountInfo, sold: int, left: int) -> int:
    """Return what a discount is taken off, so that it comes to ``left`` at most."""
    if discount.percent is None:
        return left
    return min(sold, ceil(left * 100 / discount.percent))


def _discount_line(
    percent: Decimal | None, amount: Decimal, off: int, invoice: Invoice, discount: str
) -> LineDraft:
    said = {"percent": f"{percent.normalize():f}"} if percent else {}
    return LineDraft(
        kind=ItemKind.DISCOUNT,
        description="discount_percent" if percent else "discount",
        params={"discount": discount, **said},
        amount=-amount,
        amount_minor=-off,
    )


def _write(invoice: Invoice, lines: Sequence[LineDraft], taxes: Sequence[TaxDraft]) -> None:
    InvoiceLine.objects.bulk_create(
        InvoiceLine(
            organization_id=invoice.organization_id,
            invoice=invoice,
            position=place,
            kind=line.kind.value,
            item_id=line.item_id,
            description=line.description,
            params=line.params,
            quantity=line.quantity,
            unit_price=line.unit_price,
            starts_at=line.starts_at,
            ends_at=line.ends_at,
            amount=line.amount,
            amount_minor=line.amount_minor,
            tax_minor=sum(tax.shares[place] for tax in taxes),
            taxes=[[str(tax.rate.id), tax.shares[place]] for tax in taxes],
        )
        for place, line in enumerate(lines)
    )
    InvoiceTax.objects.bulk_create(
        InvoiceTax(
            organization_id=invoice.organization_id,
            invoice=invoice,
            rate_id=tax.rate.id,
            name_en=tax.rate.name_en,
            name_zh=tax.rate.name_zh,
            percent=tax.rate.percent,
            base_minor=tax.base_minor,
            amount_minor=tax.amount_minor,
        )
        for tax in taxes
    )
