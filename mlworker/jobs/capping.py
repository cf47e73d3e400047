"""How far ``max_charge`` lets a training go that would cost more."""

from decimal import Decimal
from typing import Final

from anneal.kernel.scopes import OrganizationRef
from billing.prices.services import price_quote
from mlworker.jobs.contracts import METER
from mlworker.jobs.errors import MaxChargeExceeded
from mlworker.jobs.quoting import Plan

_GRAIN: Final = 1024
"""Tokens to which the limit is looked for."""


def tokens_allowed(
    *,
    organization: OrganizationRef,
    plan: Plan,
    dims: dict[str, str],
    max_charge: Decimal | None,
) -> int:
    """Return how many of the plan's tokens may be trained: all, or as many as the charge buys.

    MaxChargeExceeded when that is not one pass over the rows: such a model would be of no use, and
    tier head has no more than one.
    """

    def price(tokens: int) -> Decimal:
        return price_quote(meter=METER, units=tokens, organization=organization, dims=dims).amount

    if max_charge is None or price(plan.trained_tokens) <= max_charge:
        return plan.trained_tokens
    # Nothing below one pass is of use, so the search begins there.
    if plan.pass_tokens >= plan.trained_tokens or price(plan.pass_tokens) > max_charge:
        raise _refusal(organization, plan, dims, max_charge)
    low, high = plan.pass_tokens, plan.trained_tokens
    while high - low > _GRAIN:
        middle = (low + high) // 2
        if price(middle) <= max_charge:
            low = middle
        else:
            high = middle
    return low


def cap_warning(limit: int, plan: Plan) -> str:
    """Say in one sentence what the limit does."""
    return (
        f"max_charge ends the training after {limit:,} of {plan.trained_tokens:,} trained tokens, "
        "with the best weights found until then."
    )


def _refusal(
    organization: OrganizationRef, plan: Plan, dims: dict[str, str], max_charge: Decimal
) -> MaxChargeExceeded:
    whole = price_quote(
        meter=METER, units=plan.trained_tokens, organization=organization, dims=dims
    )
    least = price_quote(meter=METER, units=plan.pass_tokens, organization=organization, dims=dims)
    return MaxChargeExceeded(
        f"The price is {whole.amount} {whole.currency} and one pass over the rows costs "
        f"{least.amount}: both are above max_charge {max_charge}.",
        param="max_charge",
    )
