"""What the operator offers. These run in the system's scope and leave rows in the house's trail."""

import re
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Max

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor
from billing.outcomes.contracts import OutcomeKind, PolicyInfo, PolicyTerms
from billing.outcomes.errors import (
    OutcomePolicyInvalid,
    OutcomePolicyPublished,
    OutcomePolicyTaken,
    OutcomePolicyUnknown,
)
from billing.outcomes.models import OutcomePolicy, OutcomePolicyVersion
from billing.outcomes.rows import policy_info
from billing.prices.contracts import MONEY_METER, PriceModel, PriceTerms
from billing.prices.currency import exponent
from billing.prices.errors import MeterUnknown
from billing.prices.selectors import price_get
from billing.prices.services import price_add
from tenants.accounts.contracts import HOUSE_ORGANIZATION

_CODE: Final = re.compile(r"[a-z][a-z0-9_-]{1,49}")
_MOST_DAYS: Final = 90
_MOST_WINDOW: Final = 89
"""A window begins when its day is over, and feedback is taken for 90 days after its prediction."""


def outcome_policy_add(
    *, actor: Actor, code: str, kind: OutcomeKind | str, name_en: str, name_zh: str
) -> str:
    """Make a policy without terms; return its code. Raises OutcomePolicyInvalid, -Taken."""
    if not _CODE.fullmatch(code) or not name_en.strip() or not name_zh.strip():
        raise OutcomePolicyInvalid(
            "Give a code of small letters, digits, '-' and '_', and a name in both languages.",
            param="code",
        )
    try:
        with transaction.atomic():
            row = OutcomePolicy.objects.create(
                code=code, kind=OutcomeKind(kind).value, name_en=name_en, name_zh=name_zh
            )
    except IntegrityError as error:
        raise OutcomePolicyTaken(param="code") from error
    _audit(actor, "outcome_policy.add", public_id("op_", row.id), {"code": code, "kind": row.kind})
    return code


def outcome_policy_offer(*, actor: Actor, code: str, public: bool) -> None:
    """Let customers choose a policy, or no more; accepted contracts stay. Raises -Unknown."""
    if not OutcomePolicy.objects.filter(code=code).update(public=public):
        raise OutcomePolicyUnknown(param="policy")
    _audit(actor, "outcome_policy.offer", code, {"public": public})


def outcome_policy_version_draft(*, actor: Actor, policy: str, terms: PolicyTerms) -> PolicyInfo:
    """Write a policy's draft: a new one, or in place of the one there is.

    Raises OutcomePolicyUnknown, OutcomePolicyInvalid, CurrencyUnknown.
    """
    # The policy's lock makes two operators' drafts one after the other.
    owner = OutcomePolicy.objects.select_for_update().filter(code=policy).first()
    if owner is None:
        raise OutcomePolicyUnknown(param="policy")
    _check(OutcomeKind(owner.kind), terms)
    versions = OutcomePolicyVersion.objects.filter(policy=owner)
    draft = versions.filter(published_at__isnull=True).first()
    if draft is None:
        last = versions.aggregate(last=Max("version"))["last"] or 0
        draft = OutcomePolicyVersion(policy=owner, version=last + 1)
    draft.price, draft.currency = terms.price, terms.currency
    draft.dispute_days, draft.window_days = terms.dispute_days, terms.window_days
    draft.margin, draft.level = terms.margin, terms.level
    draft.save()
    _audit(actor, "outcome_policy_version.draft", public_id("opv_", draft.id), _told(draft))
    return policy_info(draft)


def outcome_policy_version_publish(*, actor: Actor, version_id: UUID) -> PolicyInfo:
    """Offer a draft from now on. It never changes again. Raises -Unknown, -Published."""
    row = (
        OutcomePolicyVersion.objects.select_related("policy")
        .select_for_update(of=("self",))
        .filter(id=version_id)
        .first()
    )
    if row is None:
        raise OutcomePolicyUnknown
    if row.published_at is not None:
        raise OutcomePolicyPublished
    row.published_at = clock.now()
    row.save(update_fields=["published_at"])
    _fee_priced(actor, row.currency)
    _audit(actor, "outcome_policy_version.publish", public_id("opv_", row.id), _told(row))
    return policy_info(row)


def _fee_priced(actor: Actor, currency: str) -> None:
    """Let the ledger hold fees in this currency: a unit of the fee's meter costs 1 of it."""
    try:
        price_get(meter=MONEY_METER, currency=currency)
    except MeterUnknown:
        terms = PriceTerms(model=PriceModel.PER_UNIT, unit_amount=Decimal(1))
        price_add(actor=actor, meter=MONEY_METER, terms=terms, currency=currency)


def _check(kind: OutcomeKind, terms: PolicyTerms) -> None:
    exponent(terms.currency)
    needs_window = kind is OutcomeKind.CONFIRMED_PREDICTION
    if not 1 <= terms.dispute_days <= _MOST_DAYS or not 0 < terms.price <= 10**9:
        raise OutcomePolicyInvalid
    window = terms.window_days
    fits = 1 <= (window or 0) <= _MOST_WINDOW if needs_window else window is None
    if round(terms.price, 12) != terms.price or not fits:
        raise OutcomePolicyInvalid(
            f"A window of 1 to {_MOST_WINDOW} days belongs to predictions, and to nothing else; a"
            " price has at most 12 decimals.",
            param="window_days",
        )
    if not 0 <= terms.margin <= 1 or not 0 < terms.level <= Decimal("0.5"):
        raise OutcomePolicyInvalid(
            "The margin is from 0 to 1, the level above 0 and at most 0.5.", param="margin"
        )


def _told(row: OutcomePolicyVersion) -> dict[str, Any]:
    return {
        "policy": row.policy.code,
        "version": row.version,
        "price": f"{row.price:f} {row.currency}",
    }


def _audit(actor: Actor, action: str, target: str, detail: dict[str, Any]) -> None:
    audit_record(
        actor=actor, action=action, target=target, detail=detail, organization=HOUSE_ORGANIZATION
    )
