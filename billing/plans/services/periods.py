"""Opening a period: the row that says so, and the units it brings."""

from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Final

import psycopg
from django.db import IntegrityError, transaction
from django.db.models import Case, F, Max, Sum, When

from anneal.kernel import clock
from anneal.kernel.events import PeriodOpened, publish
from anneal.kernel.scopes import OrganizationRef
from billing.ledger.models import Grant, GrantKind
from billing.ledger.services import balance_grant
from billing.plans.contracts import PlanTerms
from billing.plans.models import Subscription, SubscriptionPeriod
from billing.plans.rows import plan_terms
from billing.prices.currency import PRECISION

INCLUDED_PRIORITY: Final = 50
CREDIT_LINE_PRIORITY: Final = 100
"""Spent after everything that is paid or given."""
_TICK: Final = timedelta(microseconds=1)


def period_open(
    organization: OrganizationRef,
    subscription: Subscription,
    *,
    starts_at: datetime,
    whole: tuple[datetime, datetime],
    after: PlanTerms | None = None,
) -> bool:
    """Open ``[starts_at, whole's end)`` once and grant what it includes; say whether it was new.

    ``after`` are the terms that held before in the same period: only what is more than theirs is
    granted, in proportion to what is left of it. What was granted under them stays. Of what was
    taken back when a plan was left at once, only what was used counts as granted.
    """
    whole_starts_at, whole_ends_at = whole
    row = SubscriptionPeriod(
        organization_id=organization.id,
        subscription_id=subscription.id,
        plan_version=subscription.plan_version,
        starts_at=starts_at,
        ends_at=whole_ends_at,
        whole_starts_at=whole_starts_at,
        whole_ends_at=whole_ends_at,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        if not _opened_before(error):
            raise
        return False
    if whole_ends_at > clock.now():
        _grant(organization, subscription, starts_at, whole, after)
    publish(PeriodOpened(organization=organization, period_id=row.id))
    return True


def _opened_before(error: IntegrityError) -> bool:
    cause = error.__cause__
    return (
        isinstance(cause, psycopg.errors.UniqueViolation)
        and cause.diag.constraint_name == "plans_subscriptionperiod_once"
    )


def _grant(
    organization: OrganizationRef,
    subscription: Subscription,
    starts_at: datetime,
    whole: tuple[datetime, datetime],
    after: PlanTerms | None,
) -> None:
    """Grant units and credit line for the window; its name is their source, so each comes once."""
    terms = plan_terms(subscription.plan_version)
    share = _share(starts_at, whole) if after else Decimal(1)
    window = f"{subscription.id}:{starts_at:%Y-%m-%dT%H:%M:%S.%fZ}"
    # Money first: it makes the account's row, which calls lock before any balance.
    if terms.credit_line is not None:
        source = "credit_line:"
        line = terms.credit_line - _granted(organization, terms.currency, source, whole)
        if line > 0:
            balance_grant(
                organization=organization,
                unit=terms.currency,
                amount=line,
                kind=GrantKind.CREDIT_LINE,
                priority=CREDIT_LINE_PRIORITY,
                source=f"{source}{window}",
                effective_at=starts_at,
                expires_at=whole[1],
                rest=True,
            )
    # In the order of the text, in which calls lock balances: JSON's keys come in one of their own.
    for meter, units in sorted(terms.included.items()):
        source = "plan:"
        before = after.included.get(meter, Decimal(0)) if after else Decimal(0)
        amount = ((units - before) * share).quantize(Decimal(1), rounding=ROUND_HALF_UP)
        given = _granted(organization, meter, source, whole)
        amount = min(amount, units - given)
        if amount > 0:
            balance_grant(
                organization=organization,
                unit=meter,
                amount=amount,
                # Paid with the fee; what a free plan gives is a gift, and no trial that ends.
                kind=GrantKind.PURCHASED if terms.fee else GrantKind.OPERATOR,
                priority=INCLUDED_PRIORITY,
                source=f"{source}{window}",
                effective_at=starts_at,
                expires_at=whole[1],
            )


def _granted(
    organization: OrganizationRef, unit: str, source: str, whole: tuple[datetime, datetime]
) -> Decimal:
    """Return what plans gave for this period already: going to and fro between plans adds none.

    What was taken back when one was left at once is not given any more, whoever comes back to it.
    """
    left_at = Subscription.objects.filter(
        organization_id=organization.id, returned=True, ends_at__gte=whole[0]
    ).aggregate(last=Max("ends_at"))["last"]
    kept = Case(
        When(effective_at__lt=left_at or whole[0], then=F("amount") - F("voided")),
        default=F("amount"),
    )
    given = Grant.objects.filter(
        organization_id=organization.id,
        unit=unit,
        source__startswith=source,
        effective_at__gte=whole[0],
        expires_at=whole[1],
    ).aggregate(total=Sum(kept))["total"]
    return given or Decimal(0)


def _share(starts_at: datetime, whole: tuple[datetime, datetime]) -> Decimal:
    """Return how much of the period is left, counted in microseconds: DST days have 23 or 25 h."""
    with localcontext(prec=PRECISION):
        left, length = whole[1] - starts_at, whole[1] - whole[0]
        return Decimal(left // _TICK) / Decimal(length // _TICK)
