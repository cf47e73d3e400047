"""From rows to what other apps may hold."""

from billing.outcomes.contracts import (
    ContractInfo,
    OutcomeInfo,
    OutcomeKind,
    OutcomeState,
    Payment,
    PolicyInfo,
    PolicyTerms,
    StepInfo,
)
from billing.outcomes.models import Outcome, OutcomeContract, OutcomePolicyVersion, OutcomeStep


def policy_terms(row: OutcomePolicyVersion) -> PolicyTerms:
    """Copy a version's terms."""
    return PolicyTerms(
        price=row.price,
        currency=row.currency,
        dispute_days=row.dispute_days,
        margin=row.margin,
        level=row.level,
        window_days=row.window_days,
    )


def policy_info(row: OutcomePolicyVersion) -> PolicyInfo:
    """Copy a version, its policy fetched with it."""
    return PolicyInfo(
        id=row.id,
        code=row.policy.code,
        kind=OutcomeKind(row.policy.kind),
        name_en=row.policy.name_en,
        name_zh=row.policy.name_zh,
        version=row.version,
        terms=policy_terms(row),
        published_at=row.published_at,
    )


def contract_info(row: OutcomeContract) -> ContractInfo:
    """Copy a contract, its version fetched with it."""
    return ContractInfo(
        id=row.id,
        kind=OutcomeKind(row.kind),
        subject=row.subject,
        document=row.document,
        terms_hash=row.terms_hash,
        terms=policy_terms(row.policy_version),
        accepted_by=row.accepted_by,
        accepted_at=row.accepted_at,
        ended_by=row.ended_by,
        ended_at=row.ended_at,
    )


def outcome_info(row: Outcome) -> OutcomeInfo:
    """Copy an outcome."""
    period = None
    if row.starts_at is not None and row.ends_at is not None:
        period = (row.starts_at, row.ends_at)
    return OutcomeInfo(
        id=row.id,
        contract_id=row.contract_id,
        kind=OutcomeKind(row.kind),
        subject=row.subject,
        period=period,
        state=OutcomeState(row.state),
        quantity=row.quantity,
        unit_price=row.unit_price,
        amount=row.quantity * row.unit_price,
        currency=row.currency,
        payment=Payment(row.payment),
        settle_at=row.settle_at,
        decided_at=row.decided_at,
        dispute_until=row.dispute_until,
        created_at=row.created_at,
    )


def step_info(row: OutcomeStep) -> StepInfo:
    """Copy a step."""
    return StepInfo(OutcomeState(row.state), row.at, row.actor, row.evidence)
