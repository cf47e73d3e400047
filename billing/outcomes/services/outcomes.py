"""An outcome's way: offered or counted, then confirmed, assumed or reversed, once each.

Each step is a conditional UPDATE on a locked row with a step written beside it; a step that was
made already changes nothing where it is the same, and is refused where it is another.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.events import publish
from anneal.kernel.ids import public_id
from anneal.kernel.principal import SYSTEM_ACTOR, Actor
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.outcomes.contracts import (
    OUTCOME_PREFIX,
    OWED,
    OutcomeInfo,
    OutcomeKind,
    OutcomeMoved,
    OutcomeState,
)
from billing.outcomes.errors import OutcomeContractUnfit, OutcomeSettled, OutcomeUnknown
from billing.outcomes.models import Outcome, OutcomeContract, OutcomeStep
from billing.outcomes.rows import outcome_info
from billing.outcomes.services.charging import amount_charge, amount_hold, amount_return
from billing.outcomes.services.contracts import contract_locked

Evidence = Mapping[str, Any]


def outcome_offer(
    *, organization: OrganizationRef, contract_id: UUID, subject: str, evidence: Evidence
) -> OutcomeInfo:
    """Begin something whose success costs the contract's fee, and hold it if it is paid in advance.

    The same subject again returns the first. Raises OutcomeContractUnknown, OutcomeContractEnded,
    OutcomeContractUnfit, QuotaExhausted, LimitReached.
    """
    require_scope(organization)
    contract = contract_locked(organization, contract_id)
    if contract.kind != OutcomeKind.SUCCESS_FEE:
        raise OutcomeContractUnfit(param="outcome_contract")
    known = _of_subject(organization, OutcomeKind.SUCCESS_FEE, subject)
    if known is not None:
        return outcome_info(known)
    row = _new(contract, subject, quantity=Decimal(1))
    amount_hold(organization, row)
    row.save(force_insert=True)
    step_add(row, SYSTEM_ACTOR, evidence)
    return outcome_info(row)


def outcome_count(
    *,
    organization: OrganizationRef,
    contract_id: UUID,
    period: tuple[datetime, datetime],
    quantity: int,
    evidence: Evidence,
) -> OutcomeInfo:
    """Write down what a period of a contract came to.

    It is to be settled ``window_days`` after the day (UTC) in which it ends.

    The same period again changes nothing. Raises OutcomeContractUnknown.
    """
    require_scope(organization)
    contract = (
        OutcomeContract.objects.select_related("policy_version__policy")
        .select_for_update(of=("self",))
        .get(organization_id=organization.id, id=contract_id)
    )
    known = Outcome.objects.filter(
        organization_id=organization.id,
        kind=contract.kind,
        subject=contract.subject,
        starts_at=period[0],
    ).first()
    if known is not None:
        return outcome_info(known)
    row = _new(contract, contract.subject, quantity=Decimal(quantity))
    row.starts_at, row.ends_at = period
    window = timedelta(days=contract.policy_version.window_days or 0)
    row.settle_at = _day_over(period[1]) + window
    row.save(force_insert=True)
    step_add(row, SYSTEM_ACTOR, evidence)
    return outcome_info(row)


def outcome_confirm(
    *, organization: OrganizationRef, kind: OutcomeKind, subject: str, evidence: Evidence
) -> OutcomeInfo:
    """It came true: the fee is owed. Raises OutcomeUnknown, OutcomeSettled."""
    row = _locked_subject(organization, kind, subject)
    return _owe(organization, row, OutcomeState.CONFIRMED, evidence, SYSTEM_ACTOR)


def outcome_reverse(
    *, organization: OrganizationRef, kind: OutcomeKind, subject: str, evidence: Evidence
) -> OutcomeInfo:
    """It did not come true: what was held is free again. Raises OutcomeUnknown, OutcomeSettled."""
    row = _locked_subject(organization, kind, subject)
    return settle(organization, row, OutcomeState.REVERSED, evidence, SYSTEM_ACTOR)


def outcome_assume(
    *,
    organization: OrganizationRef,
    outcome_id: UUID,
    quantity: int,
    confirmed: int,
    evidence: Evidence,
) -> OutcomeInfo:
    """Its time is over: ``quantity`` of it is owed, of which feedback ``confirmed`` some.

    All confirmed it is confirmed, none owed it is reversed, else it is assumed. Raises
    OutcomeUnknown, OutcomeSettled.
    """
    row = outcome_locked(organization, outcome_id)
    if row.state != OutcomeState.PENDING:
        return outcome_info(row)
    row.quantity = Decimal(quantity)
    row.save(update_fields=["quantity"])
    if not quantity:
        return settle(organization, row, OutcomeState.REVERSED, evidence, SYSTEM_ACTOR)
    state = OutcomeState.CONFIRMED if confirmed >= quantity else OutcomeState.ASSUMED
    return _owe(organization, row, state, evidence, SYSTEM_ACTOR)


def settle(
    organization: OrganizationRef,
    row: Outcome,
    state: OutcomeState,
    evidence: Evidence,
    actor: Actor,
) -> OutcomeInfo:
    """Reverse or owe a locked row, money included, and write the step down."""
    if row.state == state:
        return outcome_info(row)
    if state is OutcomeState.REVERSED:
        told = amount_return(organization, row, str(evidence.get("reason", "reversed")), actor)
        step_make(row, (OutcomeState.PENDING, OutcomeState.DISPUTED), state)
        step_add(row, actor, {**evidence, **told})
        return announced(organization, row)
    return _owe(organization, row, state, evidence, actor)


def step_make(row: Outcome, before: tuple[OutcomeState, ...], state: OutcomeState) -> None:
    """Move a locked row that stands in one of ``before``. Raises OutcomeSettled."""
    now = clock.now()
    values: dict[str, Any] = {"state": state.value, "decided_at": row.decided_at or now}
    if state in OWED and row.state == OutcomeState.PENDING:
        days = row.contract.policy_version.dispute_days
        values |= {"owed_as": state.value, "dispute_until": now + timedelta(days=days)}
    elif state in OWED:
        # It was disputed and upheld: that is done once.
        values["dispute_until"] = None
    values |= {"payment": row.payment, "hold_id": row.hold_id}
    changed = Outcome.objects.filter(
        organization_id=row.organization_id, id=row.id, state__in=before
    ).update(**values)
    if not changed:
        raise OutcomeSettled
    for name, value in values.items():
        setattr(row, name, value)


def step_add(row: Outcome, actor: Actor, evidence: Evidence) -> None:
    """Write down where an outcome stands now, by whom and on which grounds."""
    OutcomeStep(
        organization_id=row.organization_id,
        outcome=row,
        state=row.state,
        at=clock.now(),
        actor=actor.label,
        evidence=dict(evidence),
    ).save(force_insert=True)


def announced(organization: OrganizationRef, row: Outcome, *, upheld: bool = False) -> OutcomeInfo:
    """Tell where an outcome stands now, and return it."""
    info = outcome_info(row)
    publish(OutcomeMoved(organization=organization, outcome=info, upheld=upheld))
    return info


def outcome_locked(organization: OrganizationRef, outcome_id: UUID) -> Outcome:
    """Return an outcome, locked, its terms fetched with it. Raises OutcomeUnknown."""
    require_scope(organization)
    row: Outcome | None = (
        Outcome.objects.select_related("contract__policy_version__policy")
        .select_for_update(of=("self",))
        .filter(organization_id=organization.id, id=outcome_id)
        .first()
    )
    if row is None:
        raise OutcomeUnknown
    return row


def _owe(
    organization: OrganizationRef,
    row: Outcome,
    state: OutcomeState,
    evidence: Evidence,
    actor: Actor,
) -> OutcomeInfo:
    if row.state == state:
        return outcome_info(row)
    if row.state != OutcomeState.PENDING:
        raise OutcomeSettled
    told = amount_charge(organization, row, public_id(OUTCOME_PREFIX, row.id))
    step_make(row, (OutcomeState.PENDING,), state)
    step_add(row, actor, {**evidence, **told})
    return announced(organization, row)


def _day_over(moment: datetime) -> datetime:
    """Return the midnight (UTC) by which a moment's day is over; a midnight is its own."""
    last = moment.astimezone(UTC) + timedelta(days=1) - timedelta.resolution
    return last.replace(hour=0, minute=0, second=0, microsecond=0)


def _new(contract: OutcomeContract, subject: str, *, quantity: Decimal) -> Outcome:
    terms = contract.policy_version
    return Outcome(
        organization_id=contract.organization_id,
        contract=contract,
        kind=contract.kind,
        subject=subject,
        quantity=quantity,
        unit_price=terms.price,
        currency=terms.currency,
    )


def _of_subject(organization: OrganizationRef, kind: OutcomeKind, subject: str) -> Outcome | None:
    found: Outcome | None = Outcome.objects.filter(
        organization_id=organization.id, kind=kind.value, subject=subject, starts_at__isnull=True
    ).first()
    return found


def _locked_subject(organization: OrganizationRef, kind: OutcomeKind, subject: str) -> Outcome:
    require_scope(organization)
    found = _of_subject(organization, kind, subject)
    if found is None:
        raise OutcomeUnknown
    return outcome_locked(organization, found.id)
