"""Making, ending and redeeming codes, and taking discounts off."""

from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.errors import DomainError
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from anneal.kernel.tries import wrong_tries_counted
from billing.ledger.models import GrantKind
from billing.ledger.services import balance_grant
from billing.prices.terms import coins_read
from billing.promotions.contracts import PromotionKind, PromotionTerms, RedemptionInfo
from billing.promotions.errors import (
    DiscountMismatch,
    DiscountUnknown,
    PromotionNotYet,
    PromotionOver,
    PromotionRedeemed,
    PromotionTaken,
    PromotionUnknown,
    PromotionUsedUp,
)
from billing.promotions.models import Promotion
from billing.promotions.selectors import redemption_info, redemptions
from billing.promotions.terms import code_check, code_read, promotion_terms_read
from billing.promotions.trial import trial_extend
from tenants.accounts.contracts import HOUSE_ORGANIZATION

WRONG_A_MINUTE: Final = 10
_REFUSALS: Final[dict[str, type[DomainError]]] = {
    "unknown": PromotionUnknown,
    "not_yet": PromotionNotYet,
    "over": PromotionOver,
    "used_up": PromotionUsedUp,
    "redeemed": PromotionRedeemed,
}


def promotion_add(*, actor: Actor, code: str, terms: PromotionTerms) -> str:
    """Make a code; return it as it is kept. System scope.

    Raises PromotionInvalid, PromotionTaken, PriceInvalid, CurrencyUnknown, CurrencyDecimals.
    """
    kept = code_read(code)
    code_check(kept)
    values = asdict(promotion_terms_read(terms, clock.now()))
    try:
        with transaction.atomic():
            row = Promotion(code=kept, **values)
            row.save(force_insert=True)
    except IntegrityError as error:
        raise PromotionTaken(param="code") from error
    told = {name: _told(value) for name, value in values.items() if value not in (None, "")}
    _house_audit(actor, "promotion.add", row.id, {"code": kept, **told})
    return kept


def promotion_end(*, actor: Actor, code: str) -> None:
    """Let nobody redeem a code any more; what was redeemed stays. Raises PromotionUnknown."""
    now = clock.now()
    row = Promotion.objects.filter(code=code_read(code), ended_at__isnull=True).first()
    if row is None:
        raise PromotionUnknown(param="code")
    Promotion.objects.filter(id=row.id).update(ended_at=now)
    _house_audit(actor, "promotion.end", row.id, {"code": row.code})


def promotion_redeem(*, organization: OrganizationRef, actor: Actor, code: str) -> RedemptionInfo:
    """Redeem a code for the organization, once.

    Units and more trial days come at once; a discount waits for invoices. Raises PromotionUnknown,
    PromotionNotYet, PromotionOver, PromotionUsedUp, PromotionRedeemed, PromotionUnfit,
    RateLimited when too many codes were wrong, Unavailable.
    """
    require_scope(organization)
    with wrong_tries_counted(
        f"promotion:{organization.id}",
        wrong=PromotionUnknown,
        most=WRONG_A_MINUTE,
        message=(
            f"An organization may try {WRONG_A_MINUTE} wrong promotion codes a minute: check the"
            " code."
        ),
        param="code",
    ):
        redemption_id = _redemption(organization, code)
    redeemed = redemption_info(redemptions(organization=organization).get(id=redemption_id))
    audit_record(
        actor=actor,
        action="promotion.redeem",
        target=public_id("promo_", redeemed.id),
        detail={"code": redeemed.code, "kind": redeemed.terms.kind.value},
        organization=organization,
    )
    # What follows may refuse, and takes the redemption back with it.
    if redeemed.terms.kind == PromotionKind.UNITS:
        _units_grant(organization, actor, redeemed)
    elif redeemed.terms.kind == PromotionKind.TRIAL:
        trial_extend(organization=organization, actor=actor, redeemed=redeemed)
    return redeemed


def _redemption(organization: OrganizationRef, code: str) -> UUID:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT outcome, redemption_id FROM promotion_redeem(%s, %s, %s)",
            [organization.id, code_read(code), clock.now()],
        )
        outcome, redemption_id = cursor.fetchone()
    if outcome != "ok":
        raise _REFUSALS[outcome](param="code")
    return UUID(str(redemption_id))


def discount_draw(
    *, organization: OrganizationRef, discount_id: UUID, key: str, amount: Decimal, currency: str
) -> Decimal:
    """Take a discount off ``amount`` once per ``key``; return how much that was.

    Never more than the amount or than is left; the same key and amount return the first answer.
    Raises DiscountUnknown, DiscountMismatch, PriceInvalid, CurrencyUnknown, CurrencyDecimals.
    """
    require_scope(organization)
    coins_read(amount, currency, param="amount", zero=True)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT code, taken FROM discount_draw(%s, %s, %s, %s, %s, %s)",
            [organization.id, discount_id, key, amount, currency, clock.now()],
        )
        code, taken = cursor.fetchone()
    if code == "unknown":
        raise DiscountUnknown
    if code == "mismatch":
        raise DiscountMismatch(param="amount")
    return Decimal(taken)


def _units_grant(organization: OrganizationRef, actor: Actor, redeemed: RedemptionInfo) -> None:
    days = redeemed.terms.days
    balance_grant(
        organization=organization,
        actor=actor,
        unit=redeemed.terms.unit,
        amount=redeemed.terms.units or Decimal(0),
        kind=GrantKind.PROMOTIONAL,
        source=f"promotion:{redeemed.id}",
        expires_at=clock.now() + timedelta(days=days) if days else None,
    )


def _told(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return f"{value:f}" if isinstance(value, Decimal) else value


def _house_audit(actor: Actor, action: str, target: UUID, detail: dict[str, Any]) -> None:
    audit_record(
        actor=actor,
        action=action,
        target=public_id("promotion_", target),
        detail=detail,
        organization=HOUSE_ORGANIZATION,
    )
