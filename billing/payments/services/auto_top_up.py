"""Buying credit by itself: one charge closes the gap, and a day has a cap."""

from decimal import ROUND_CEILING, Decimal
from typing import Any, Final
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Sum

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor
from anneal.kernel.rounds import Due
from anneal.kernel.scopes import OrganizationRef, require_scope, tenant_scope
from billing.ledger import functions
from billing.ledger.errors import CurrencyMismatch
from billing.ledger.selectors import account_get, accounts_parked, balance_own
from billing.payments.contracts import AttemptInfo, AttemptState, AutoTopUpTerms
from billing.payments.errors import AutoTopUpInvalid, CardNeeded
from billing.payments.limits import amount_read, currency_of, least_most
from billing.payments.models import AutoTopUp, PaymentAttempt
from billing.payments.provider import provider_current
from billing.payments.provider.amounts import chargeable_within
from billing.payments.rows import auto_top_up_terms
from billing.payments.services.attempts import Claim, attempt_ask, claim_of
from billing.payments.services.customers import card_default_ref
from billing.payments.services.pausing import OPERATOR, auto_top_up_pause
from billing.prices.currency import minor_units, require_decimals
from tenants.accounts.selectors import due_of

CAP_REACHED = "daily_cap"
_BATCH: Final = 200


def auto_top_up_get(*, organization: OrganizationRef) -> AutoTopUpTerms:
    """Return when credit is bought by itself; never, unless somebody said so."""
    require_scope(organization)
    row = AutoTopUp.objects.filter(organization_id=organization.id).first()
    if row is None:
        return AutoTopUpTerms(currency=currency_of(organization))
    return auto_top_up_terms(row)


def auto_top_up_set(
    *, organization: OrganizationRef, actor: Actor, terms: AutoTopUpTerms
) -> AutoTopUpTerms:
    """Keep when credit is bought by itself. Raises AutoTopUpInvalid, AmountInvalid, CardNeeded."""
    require_scope(organization)
    functions.account_open(organization_id=organization.id)
    currency = currency_of(organization)
    if terms.enabled:
        _check(organization, terms, currency)
    row = AutoTopUp.objects.filter(organization_id=organization.id).first() or AutoTopUp(
        organization_id=organization.id
    )
    row.enabled, row.currency, row.threshold = terms.enabled, currency, terms.threshold
    row.amount, row.daily_cap = terms.amount, terms.daily_cap
    if row.paused_reason != OPERATOR:
        row.retry_at, row.paused_reason = None, ""
    row.save()
    audit_record(
        actor=actor,
        action="auto_top_up.set",
        target=public_id("atu_", row.id),
        detail={"enabled": row.enabled, "amount": f"{row.amount:f} {currency}"},
        organization=organization,
    )
    return auto_top_up_terms(row)


def auto_top_up_look(*, organization: OrganizationRef) -> AttemptInfo | None:
    """Buy credit if less money of its own than the threshold is left; return the try.

    What a credit line lends does not count. Opens its own scopes.

    While one is under way no second begins, one that was refused waits a day, and a parked account
    buys nothing that it may not use.
    """
    with tenant_scope(organization):
        claim = _claim(organization)
    if claim is None:
        return None
    return attempt_ask(organization, provider_current(), claim)


def auto_top_ups_due(*, after: UUID) -> list[Due]:
    """Return where less than the threshold is left and nothing keeps from buying. System scope."""
    rows = _with_own(AutoTopUp.objects.all()).filter(
        Q(retry_at__isnull=True) | Q(retry_at__lte=clock.now()),
        ~Q(paused_reason=OPERATOR),
        ~Exists(_tried(OuterRef("organization_id")).filter(state=AttemptState.OPEN)),
        ~Exists(accounts_parked(OuterRef("organization_id"))),
        id__gt=after,
        enabled=True,
        threshold__gt=F("own"),
    )
    return due_of(rows.order_by("id").values_list("id", "organization_id")[:_BATCH])


def _check(organization: OrganizationRef, terms: AutoTopUpTerms, currency: str) -> None:
    amount_read(terms.amount, currency)
    require_decimals(terms.daily_cap, currency, param="daily_cap")
    if terms.threshold < 0 or terms.daily_cap < terms.amount:
        raise AutoTopUpInvalid(param="daily_cap")
    card_default_ref(organization)


def _claim(organization: OrganizationRef) -> Claim | None:
    functions.account_open(organization_id=organization.id)
    buying = AutoTopUp.objects.filter(organization_id=organization.id, enabled=True)
    row = _with_own(buying).exclude(paused_reason=OPERATOR).first()
    if row is None or (row.retry_at is not None and row.retry_at > clock.now()):
        return None
    if account_get(organization=organization).parked_at is not None:
        return None
    if currency_of(organization) != row.currency:
        # It was set before the account had a currency: what is bought would go back to its card.
        auto_top_up_pause(organization=organization, reason=CurrencyMismatch.code)
        return None
    gap = row.threshold - row.own
    if gap <= 0 or _tried(organization.id).filter(state=AttemptState.OPEN).exists():
        return None
    coins = chargeable_within(min(_needed(row, gap), _left_today(row)), row.currency)
    if coins < least_most(row.currency)[0]:
        auto_top_up_pause(organization=organization, reason=CAP_REACHED)
        return None
    try:
        card = card_default_ref(organization)
    except CardNeeded as error:
        auto_top_up_pause(organization=organization, reason=error.code)
        return None
    return claim_of(_attempt(organization, row, card, coins))


def _with_own(rows: QuerySet[AutoTopUp]) -> QuerySet[Any]:
    own = balance_own(OuterRef("organization_id"), OuterRef("currency"), clock.now())
    return rows.annotate(own=own)


def _attempt(
    organization: OrganizationRef, row: AutoTopUp, card: str, coins: int
) -> PaymentAttempt:
    row.round += 1
    row.save(update_fields=["round"])
    attempt = PaymentAttempt(
        organization_id=organization.id,
        amount_minor=coins,
        currency=row.currency,
        key=f"auto:{row.id}:{row.round}",
        number=row.round,
        card_ref=card,
        automatic=True,
        asked_at=clock.now(),
    )
    attempt.save(force_insert=True)
    return attempt


def _needed(row: AutoTopUp, gap: Decimal) -> int:
    """Return the fewest whole amounts that close the gap, in coins, as far as one payment goes."""
    times = (gap / row.amount).to_integral_value(rounding=ROUND_CEILING)
    return min(minor_units(times * row.amount, row.currency), least_most(row.currency)[1])


def _left_today(row: AutoTopUp) -> int:
    """Return how much may still be bought today, in coins."""
    today = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    bought = _tried(row.organization_id).filter(state=AttemptState.SUCCEEDED, ended_at__gte=today)
    coins = bought.aggregate(total=Sum("amount_minor"))["total"]
    return minor_units(row.daily_cap, row.currency) - (coins or 0)


def _tried(organization_id: UUID | OuterRef) -> QuerySet[PaymentAttempt]:
    """Return the tries to buy credit by itself."""
    rows: QuerySet[PaymentAttempt] = PaymentAttempt.objects.filter(
        organization_id=organization_id, automatic=True, invoice_id__isnull=True
    )
    return rows
