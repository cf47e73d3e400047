"""What a plan asks of an account, and what it allows at most there."""

from collections.abc import Iterable
from typing import Final

from anneal.kernel.events import PlanChanged, PlanPaying, publish
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef
from billing.ledger import functions
from billing.ledger.models import LimitScope
from billing.ledger.selectors import account_get, limits_list
from billing.ledger.services import limit_remove, limit_set
from billing.plans.errors import PaymentMethodRequired, PlanCurrency
from billing.plans.models import PlanVersion, Subscription
from billing.plans.rows import plan_terms

CURRENCY: Final = "currency"
PAYMENT: Final = "payment"


def account_first(organization: OrganizationRef, versions: Iterable[PlanVersion | None]) -> None:
    """Open the account if one of the plans will need it, before anything is granted or locked."""
    if any(version and (must_be_paid(version) or version.caps) for version in versions):
        functions.account_open(organization_id=organization.id)


def currency_check(organization: OrganizationRef, wanted: PlanVersion) -> None:
    """Refuse a plan whose money is not the account's. Raises PlanCurrency."""
    kept_in = account_get(organization=organization).currency
    if _asks_for_money(wanted) and kept_in not in ("", wanted.currency):
        raise PlanCurrency(
            f"The account is kept in {kept_in} and the plan '{wanted.plan.code}' in"
            f" {wanted.currency}: choose a plan in {kept_in}.",
            param="plan",
        )


def fault_found(organization: OrganizationRef, wanted: PlanVersion, *, assigned: bool) -> str:
    """Say why a change of plan that waited cannot begin: the currency, the payment, or nothing."""
    try:
        currency_check(organization, wanted)
        if not assigned:
            payment_check(organization, wanted)
    except PlanCurrency:
        return CURRENCY
    except PaymentMethodRequired:
        return PAYMENT
    return ""


def payment_check(organization: OrganizationRef, wanted: PlanVersion) -> None:
    """Let whoever collects refuse a plan that must be paid. Raises PaymentMethodRequired."""
    if not must_be_paid(wanted):
        return
    costs = (
        f"costs {wanted.fee.normalize():f} {wanted.currency} a {wanted.period}"
        if wanted.fee
        else "invoices what is used beyond its units"
    )
    publish(PlanPaying(organization=organization, plan=wanted.plan.code, costs=costs))


def must_be_paid(version: PlanVersion) -> bool:
    """Say whether somebody must pay for the plan: a credit line is spent before it is paid."""
    return bool(version.fee or version.credit_line)


def plan_changed(
    organization: OrganizationRef,
    row: Subscription,
    wanted: PlanVersion | None,
    *,
    previous: PlanVersion | None,
) -> None:
    """Say that the organization is on another plan now, or on none any more."""
    publish(
        PlanChanged(
            organization=organization,
            subscription_id=row.id,
            plan=wanted.plan.code if wanted else None,
            previous=previous.plan.code if previous else None,
        )
    )


def caps_apply(organization: OrganizationRef, version: PlanVersion | None, actor: Actor) -> None:
    """Make the plan's caps, and no other plan's, the organization's limits of scope plan.

    What counts in the present window already goes on, decision 0027.
    """
    caps = plan_terms(version).caps if version else ()
    wanted = {(cap.unit, cap.window.value): cap for cap in caps}
    present = {
        (limit.unit, limit.window): limit
        for limit in limits_list(organization=organization)
        if limit.scope == LimitScope.PLAN
    }
    for key, limit in present.items():
        if key not in wanted:
            limit_remove(organization=organization, limit_id=limit.id, actor=actor, of_plan=True)
    for key, cap in wanted.items():
        same = present.get(key)
        if same is not None and (same.amount, same.hard) == (cap.amount, cap.hard):
            continue
        limit_set(
            organization=organization,
            actor=actor,
            scope=LimitScope.PLAN,
            unit=cap.unit,
            window=cap.window.value,
            amount=cap.amount,
            hard=cap.hard,
        )


def _asks_for_money(version: PlanVersion) -> bool:
    caps = plan_terms(version).caps
    return must_be_paid(version) or any(cap.unit == version.currency for cap in caps)
