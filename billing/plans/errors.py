"""Refusals of plans."""

from typing import ClassVar, Final

from anneal.kernel.errors import Conflict, DomainError, InvalidRequest, NotFound, RateLimited
from billing.plans.contracts import LimitsInForce

_GIGABYTE: Final = 10**9


class PlanUnknown(NotFound):
    """No such plan, or none that is offered."""

    code = "plan_not_found"
    message = "No such plan: GET /v1/billing/plans lists those offered here."


class PlanInvalid(InvalidRequest):
    """Terms of a plan or of the trial that cannot be kept."""

    code = "plan_invalid"
    message = "The plan cannot be kept: its numbers are whole and not negative."


class PlanTaken(Conflict):
    """A plan of this code exists."""

    code = "plan_taken"
    message = "A plan with this code exists: choose another code, or add a version to it."


class PlanPublished(Conflict):
    """A version that is offered is a promise."""

    code = "plan_published"
    message = "This version is published and never changes: draft a new version of the plan."


class TimeZoneInvalid(InvalidRequest):
    """A time zone that nobody knows."""

    code = "time_zone_invalid"
    message = "No such time zone: use an IANA name such as Europe/Berlin or Asia/Shanghai."


class SubscriptionUnchanged(Conflict):
    """The plan asked for is the plan there is."""

    code = "subscription_unchanged"
    message = "The organization is on this plan already."


class SubscriptionNone(Conflict):
    """There is no plan to leave."""

    code = "subscription_none"
    message = "The organization is on no plan."


class SubscriptionFree(Conflict):
    """A plan that asks for nothing is left by choosing another."""

    code = "subscription_free"
    message = "This plan costs nothing, so there is nothing to cancel: choose another plan instead."


class CancellationNone(Conflict):
    """Nothing was cancelled, or it took effect."""

    code = "cancellation_none"
    message = "No cancellation waits: there is nothing to take back."


class PlanCurrency(Conflict):
    """An account is kept in one currency."""

    code = "plan_currency"
    message = "The account is kept in another currency: choose a plan in that currency."


class PaymentMethodRequired(DomainError):
    """A plan with a fee or a credit line, and nothing to pay it with."""

    code: ClassVar[str] = "payment_method_required"
    status: ClassVar[int] = 402
    message: ClassVar[str] = (
        "This plan must be paid, by its fee or by invoice for what is used beyond its units, and no"
        " payment method is set up: choose a free plan without a credit line, or ask the operator"
        " of this installation to put the organization on it."
    )


class PlanLimitReached(DomainError):
    """What the plan allows at once is there already; `param` names the limit."""

    code: ClassVar[str] = "plan_limit_reached"
    status: ClassVar[int] = 402
    message: ClassVar[str] = "The plan allows no more of this: free some, or choose a larger plan."


def requests_per_minute_reached(found: LimitsInForce, *, retry_after: int) -> RateLimited:
    """Return the refusal of a call above the minute's."""
    return RateLimited(
        f"{_whose(found)} {found.limits.requests_per_minute:,} requests a minute"
        f" (requests_per_minute): wait {retry_after} s, or {_more(found)}.",
        param="requests_per_minute",
        retry_after=retry_after,
    )


def calls_in_flight_reached(found: LimitsInForce) -> RateLimited:
    """Return the refusal of a call beside too many others."""
    return RateLimited(
        f"{_whose(found)} {found.limits.calls_in_flight:,} online calls at once (calls_in_flight):"
        f" wait for an answer before the next call, send several texts in one, or {_more(found)}.",
        param="calls_in_flight",
        retry_after=1,
    )


def storage_reached(found: LimitsInForce, *, stored: int, more: int) -> PlanLimitReached:
    """Return the refusal of a file that does not fit."""
    return PlanLimitReached(
        f"{_whose(found)} {found.limits.storage_gb:,} GB of files (storage_gb);"
        f" {stored / _GIGABYTE:.3f} GB are used and this file has {more / _GIGABYTE:.3f} GB:"
        f" delete files (DELETE /v1/files/...), or {_more(found)}.",
        param="storage_gb",
    )


def seats_reached(found: LimitsInForce, *, taken: int) -> PlanLimitReached:
    """Return the refusal of one more member."""
    return PlanLimitReached(
        f"{_whose(found)} {found.limits.seats:,} seats (seats); {taken:,} are taken by members and"
        f" open invitations: remove or revoke one, or {_more(found)}.",
        param="seats",
    )


def _whose(found: LimitsInForce) -> str:
    if found.plan is None:
        return "This installation allows an organization without a plan"
    return f"The plan '{found.plan}' allows"


def _more(found: LimitsInForce) -> str:
    if found.plan is None:
        return "choose a plan (GET /v1/billing/plans), or ask the operator"
    return "choose a larger plan (GET /v1/billing/plans)"
