"""The single door for whatever is to be paid: an item, once per source."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Any, Final
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.invoices.contracts import InvoiceStatus, ItemInfo, ItemKind
from billing.invoices.errors import ItemConflict, ItemInvalid, ItemUnknown
from billing.invoices.models import Invoice, InvoiceItem
from billing.invoices.rows import item_info
from billing.invoices.services.schedule import schedule_due
from billing.ledger import functions
from billing.plans.selectors import billing_period
from billing.prices.currency import PRECISION, exponent

LONGEST_SOURCE: Final = 200
LARGEST: Final = Decimal(10) ** 15
_DECIMALS: Final = 12


def item_add(
    *,
    organization: OrganizationRef,
    source: str,
    kind: ItemKind | str,
    currency: str,
    amount: Decimal,
    description_code: str,
    params: Mapping[str, str] | None = None,
    quantity: Decimal | None = None,
    unit_price: Decimal | None = None,
    period: tuple[datetime, datetime] | None = None,
    evidence: Mapping[str, Any] | None = None,
    due_at: datetime | None = None,
    meter: str = "",
    price_id: UUID | None = None,
) -> ItemInfo:
    """Ask for an amount, or give one back below zero, once per ``source``.

    The same again returns the first. The next invoice takes it, which is made at ``due_at`` at the
    latest: by default at the end of the billing period. ``description_code`` and ``params`` become
    the line's text in the reader's language (texts.py). Locks the account.
    Raises ItemInvalid, ItemConflict, CurrencyUnknown.
    """
    require_scope(organization)
    _check(source, kind, currency, amount)
    functions.account_open(organization_id=organization.id)
    starts_at, ends_at = period or (None, None)
    wanted = InvoiceItem(
        organization_id=organization.id,
        source=source,
        kind=ItemKind(kind).value,
        currency=currency,
        amount=amount,
        quantity=quantity,
        unit_price=unit_price,
        meter=meter,
        price_id=price_id,
        starts_at=starts_at,
        ends_at=ends_at,
        description=description_code,
        params=dict(params or {}),
        evidence=dict(evidence or {}),
        due_at=due_at or billing_period(organization=organization, at=clock.now())[1],
    )
    return item_info(_kept(organization, wanted))


def _kept(organization: OrganizationRef, wanted: InvoiceItem) -> InvoiceItem:
    found = item_known(organization, wanted.source)
    if found is None:
        wanted.save(force_insert=True)
        schedule_due(organization, wanted.due_at or clock.now())
        return wanted
    asked = (wanted.kind, wanted.currency, wanted.amount)
    if (found.kind, found.currency, found.amount) != asked:
        raise ItemConflict(param="source")
    return found


def item_get(*, organization: OrganizationRef, source: str) -> ItemInfo:
    """Return what was asked for under a source. Raises ItemUnknown."""
    require_scope(organization)
    found = item_known(organization, source)
    if found is None:
        raise ItemUnknown
    return item_info(found)


def items_pending(organization: OrganizationRef) -> list[InvoiceItem]:
    """Return what waits for an invoice, oldest first; not what is disputed."""
    return list(
        InvoiceItem.objects.filter(
            organization_id=organization.id,
            invoice__isnull=True,
            dropped_at__isnull=True,
            disputed_at__isnull=True,
        ).order_by("id")
    )


def item_dispute(*, organization: OrganizationRef, source: str) -> None:
    """Let no invoice take what waits under a source, until its dispute is decided."""
    _disputed(organization, source, clock.now())


def item_uphold(*, organization: OrganizationRef, source: str) -> None:
    """Let the next invoice take what was disputed: it is owed after all."""
    _disputed(organization, source, None)


def _disputed(organization: OrganizationRef, source: str, at: datetime | None) -> None:
    require_scope(organization)
    functions.account_open(organization_id=organization.id)
    InvoiceItem.objects.filter(
        organization_id=organization.id,
        source=source,
        invoice__isnull=True,
        dropped_at__isnull=True,
    ).update(disputed_at=at)


def items_take(invoice: Invoice, items: list[InvoiceItem]) -> None:
    """Put items on a draft."""
    if invoice.status != InvoiceStatus.DRAFT:
        raise AssertionError("Only a draft takes items.")
    InvoiceItem.objects.filter(id__in=[item.id for item in items]).update(invoice=invoice)


def item_known(organization: OrganizationRef, source: str) -> InvoiceItem | None:
    """Return the item of a source, if something was asked for under it."""
    row: InvoiceItem | None = InvoiceItem.objects.filter(
        organization_id=organization.id, source=source
    ).first()
    return row


def _check(source: str, kind: ItemKind | str, currency: str, amount: Decimal) -> None:
    if not 0 < len(source) <= LONGEST_SOURCE:
        raise ItemInvalid(f"source: 1 to {LONGEST_SOURCE} characters.", param="source")
    if kind not in set(ItemKind) - {ItemKind.DISCOUNT}:
        raise ItemInvalid("kind: no such kind of item.", param="kind")
    exponent(currency)
    with localcontext(prec=PRECISION):
        kept = amount.is_finite() and abs(amount) <= LARGEST and round(amount, _DECIMALS) == amount
    if not kept or not amount:
        raise ItemInvalid(
            "amount: a number other than 0, at most 10^15, with at most 12 decimals.",
            param="amount",
        )
