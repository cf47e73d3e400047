"""Questions to promotions."""

from decimal import Decimal
from typing import Any

from django.db.models import Q, QuerySet

from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.promotions.contracts import (
    DiscountInfo,
    PromotionKind,
    PromotionTerms,
    RedemptionInfo,
)
from billing.promotions.models import Discount, Redemption


def redemptions(*, organization: OrganizationRef) -> QuerySet[Redemption]:
    """Return the organization's redemptions, their discounts fetched with them, to be paged."""
    require_scope(organization)
    rows: QuerySet[Redemption] = Redemption.objects.filter(
        organization_id=organization.id
    ).prefetch_related("discounts")
    return rows


def discounts_open(*, organization: OrganizationRef, currency: str) -> tuple[DiscountInfo, ...]:
    """Return what an invoice in ``currency`` may take off, oldest first."""
    require_scope(organization)
    rows = Discount.objects.filter(
        Q(invoices_left__gt=0) | Q(remaining__gt=0, currency=currency),
        organization_id=organization.id,
    )
    return tuple(discount_info(row) for row in rows.order_by("id"))


def redemption_info(row: Redemption) -> RedemptionInfo:
    """Copy a row into the shape other apps may hold."""
    discount = next(iter(row.discounts.all()), None)
    return RedemptionInfo(
        id=row.id,
        code=row.code,
        terms=_terms(row.terms),
        redeemed_at=row.redeemed_at,
        discount=discount_info(discount) if discount else None,
    )


def discount_info(row: Discount) -> DiscountInfo:
    """Copy a row into the shape other apps may hold."""
    return DiscountInfo(
        id=row.id,
        percent=row.percent,
        invoices_left=row.invoices_left,
        amount=row.amount,
        remaining=row.remaining,
        currency=row.currency,
    )


def _terms(stored: dict[str, Any]) -> PromotionTerms:
    def number(name: str) -> Decimal | None:
        return Decimal(stored[name]) if name in stored else None

    return PromotionTerms(
        kind=PromotionKind(stored["kind"]),
        percent=number("percent"),
        invoices=stored.get("invoices"),
        amount=number("amount"),
        currency=stored.get("currency", ""),
        unit=stored.get("unit", ""),
        units=number("units"),
        days=stored.get("days"),
    )
