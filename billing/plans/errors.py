"""Refusals of plans."""

from typing import ClassVar

from anneal.kernel.errors import Conflict, DomainError, InvalidRequest, NotFound


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


class PlanCurrency(Conflict):
    """An account is kept in one currency."""

    code = "plan_currency"
    message = "The account is kept in another currency: choose a plan in that currency."


class PaymentMethodRequired(DomainError):
    """A plan that costs money, and nothing to pay it with."""

    code: ClassVar[str] = "payment_method_required"
    status: ClassVar[int] = 402
    message: ClassVar[str] = (
        "This plan costs money and no payment method is set up: choose a free plan, or ask the"
        " operator of this installation to put the organization on it."
    )
