"""How far ``max_charge`` lets a training go that would cost more."""

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from anneal.kernel.scopes import OrganizationRef
from billing.ledger.contracts import HoldQuote
from billing.ledger.errors import ChargeTooHigh
from billing.ledger.services import hold_quote
from mlworker.jobs.contracts import METER
from mlworker.jobs.errors import MaxChargeExceeded
from mlworker.jobs.quoting import Plan

_GRAIN = 1024
"""Tokens to which the limit is looked for."""


class Allowance(NamedTuple):
    """How many tokens may be trained, what a hold of them would be told, and one of all."""

    tokens: int
    told: HoldQuote
    whole: HoldQuote


def job_quoter(
    *,
    organization: OrganizationRef,
    dims: dict[str, str],
    api_key_id: UUID | None,
    member_id: UUID | None,
    max_charge: Decimal | None,
) -> Callable[[int], HoldQuote]:
    """Return what asks the ledger how a job's hold of some tokens would be answered."""

    def quote(tokens: int) -> HoldQuote:
        return hold_quote(
            organization=organization,
            unit=METER,
            amount=tokens,
            dims=dims,
            api_key_id=api_key_id,
            member_id=member_id,
            most=max_charge,
        )

    return quote


def tokens_allowed(
    plan: Plan, max_charge: Decimal | None, quote: Callable[[int], HoldQuote]
) -> Allowance:
    """Return how many of the plan's tokens may be trained: all, or as many as the charge buys.

    MaxChargeExceeded when that is not one pass over the rows: such a model would be
    of no use, and tier head has no more than one.
    """
    told = whole = quote(plan.trained_tokens)
    if not _too_high(whole):
        return Allowance(plan.trained_tokens, whole, whole)
    # Nothing below one pass is of use, so the search begins there.
    if plan.pass_tokens < plan.trained_tokens:
        told = quote(plan.pass_tokens)
    if _too_high(told) and (plan.study.folds or plan.study.trials):
        raise MaxChargeExceeded(
            f"With its folds and trials it can cost up to {whole.cost} {whole.currency}, above "
            f"max_charge {max_charge}: ask for fewer, or use tier head, where they are free.",
            param="max_charge",
        )
    if _too_high(told):
        raise MaxChargeExceeded(
            f"It can cost up to {whole.cost} {whole.currency} and one pass over the rows up to "
            f"{told.cost}: both are above max_charge {max_charge}.",
            param="max_charge",
        )
    low, high = plan.pass_tokens, plan.trained_tokens
    while high - low > _GRAIN:
        middle = (low + high) // 2
        found = quote(middle)
        if _too_high(found):
            high = middle
        else:
            low, told = middle, found
    return Allowance(low, told, whole)


def _too_high(told: HoldQuote) -> bool:
    return told.refusal == ChargeTooHigh.code
