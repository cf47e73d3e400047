"""Answers about outcomes."""

from datetime import datetime
from typing import Any

from anneal.kernel.ids import public_id
from billing.invoices.contracts import InvoiceInfo
from billing.numbers import decimal_text, quantity_json
from billing.outcomes.contracts import (
    CONTRACT_PREFIX,
    OUTCOME_PREFIX,
    ContractInfo,
    ContractQuote,
    OutcomeInfo,
    PolicyInfo,
    StepInfo,
)


def policy_json(policy: PolicyInfo) -> dict[str, Any]:
    """Render a policy on offer."""
    terms = policy.terms
    return {
        "object": "billing.outcome_policy",
        "code": policy.code,
        "version": policy.version,
        "kind": policy.kind.value,
        "name": {"en": policy.name_en, "zh-Hans": policy.name_zh},
        "price": decimal_text(terms.price),
        "currency": terms.currency,
        "margin": decimal_text(terms.margin),
        "level": decimal_text(terms.level),
        "window_days": terms.window_days,
        "dispute_days": terms.dispute_days,
    }


def quote_json(quote: ContractQuote) -> dict[str, Any]:
    """Render terms to read."""
    return {
        "object": "billing.outcome_contract.quote",
        "terms": dict(quote.document),
        "terms_hash": quote.terms_hash,
    }


def contract_json(contract: ContractInfo) -> dict[str, Any]:
    """Render a contract."""
    return {
        "object": "billing.outcome_contract",
        "id": public_id(CONTRACT_PREFIX, contract.id),
        "state": "in_force" if contract.ended_at is None else "ended",
        "kind": contract.kind.value,
        "subject": contract.subject,
        "terms": dict(contract.document),
        "terms_hash": contract.terms_hash,
        "accepted_by": contract.accepted_by,
        "accepted_at": contract.accepted_at.isoformat(),
        "ended_by": contract.ended_by or None,
        "ended_at": _time(contract.ended_at),
    }


def outcome_json(outcome: OutcomeInfo) -> dict[str, Any]:
    """Render an outcome."""
    period = None
    if outcome.period is not None:
        starts_at, ends_at = outcome.period
        period = {"starts_at": starts_at.isoformat(), "ends_at": ends_at.isoformat()}
    return {
        "object": "billing.outcome",
        "id": public_id(OUTCOME_PREFIX, outcome.id),
        "contract": public_id(CONTRACT_PREFIX, outcome.contract_id),
        "kind": outcome.kind.value,
        "subject": outcome.subject,
        "period": period,
        "state": outcome.state.value,
        "quantity": quantity_json(outcome.quantity),
        "unit_price": decimal_text(outcome.unit_price),
        "amount": decimal_text(outcome.amount),
        "currency": outcome.currency,
        "payment": outcome.payment.value or None,
        "settle_at": _time(outcome.settle_at),
        "decided_at": _time(outcome.decided_at),
        "dispute_until": _time(outcome.dispute_until),
        "created_at": outcome.created_at.isoformat(),
    }


def outcome_whole_json(
    outcome: OutcomeInfo, steps: tuple[StepInfo, ...], invoice: InvoiceInfo | None
) -> dict[str, Any]:
    """Render an outcome with its evidence, and the invoice that asks for it."""
    told = [
        {
            "state": step.state.value,
            "at": step.at.isoformat(),
            "actor": step.actor,
            "evidence": dict(step.evidence),
        }
        for step in steps
    ]
    return {
        **outcome_json(outcome),
        "invoice": public_id("inv_", invoice.id) if invoice else None,
        "invoice_number": invoice.number if invoice else None,
        "steps": told,
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
