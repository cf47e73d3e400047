"""A customer says that something is not owed; the operator decides."""

from typing import Final
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.audit import audit_record
from anneal.kernel.errors import InvalidRequest
from anneal.kernel.ids import public_id
from anneal.kernel.principal import Actor
from anneal.kernel.scopes import OrganizationRef
from billing.invoices.services import item_dispute, item_uphold
from billing.outcomes.contracts import OUTCOME_PREFIX, OWED, OutcomeInfo, OutcomeState, source_of
from billing.outcomes.errors import OutcomeDisputeLate, OutcomeSettled
from billing.outcomes.services.outcomes import (
    announced,
    outcome_locked,
    settle,
    step_add,
    step_make,
)

LONGEST_REASON: Final = 500


def outcome_dispute(
    *, organization: OrganizationRef, actor: Actor, outcome_id: UUID, reason: str
) -> OutcomeInfo:
    """Dispute what is owed. Until the operator has decided its money stays as it is.

    What no invoice has asked for waits meanwhile. Raises OutcomeUnknown, OutcomeDisputeLate.
    """
    said = _reason(reason)
    row = outcome_locked(organization, outcome_id)
    over = row.dispute_until is None or row.dispute_until <= clock.now()
    if row.state not in OWED or over:
        raise OutcomeDisputeLate
    item_dispute(organization=organization, source=source_of(row.id))
    step_make(row, OWED, OutcomeState.DISPUTED)
    step_add(row, actor, {"reason": said})
    _audit(organization, actor, row.id, "outcome.dispute", said)
    return announced(organization, row)


def outcome_dispute_decide(
    *, organization: OrganizationRef, actor: Actor, outcome_id: UUID, reverse: bool, reason: str
) -> OutcomeInfo:
    """Reverse a disputed outcome and give its money back, or say that it is owed after all.

    Raises OutcomeUnknown, OutcomeSettled.
    """
    said = _reason(reason)
    row = outcome_locked(organization, outcome_id)
    if row.state != OutcomeState.DISPUTED:
        raise OutcomeSettled
    _audit(organization, actor, row.id, "outcome.reverse" if reverse else "outcome.uphold", said)
    if reverse:
        return settle(organization, row, OutcomeState.REVERSED, {"reason": said}, actor)
    item_uphold(organization=organization, source=source_of(row.id))
    step_make(row, (OutcomeState.DISPUTED,), OutcomeState(row.owed_as))
    step_add(row, actor, {"reason": said})
    return announced(organization, row, upheld=True)


def _reason(reason: str) -> str:
    said = reason.strip()
    if not 0 < len(said) <= LONGEST_REASON:
        raise InvalidRequest(f"reason: 1 to {LONGEST_REASON} characters.", param="reason")
    return said


def _audit(
    organization: OrganizationRef, actor: Actor, outcome_id: UUID, action: str, reason: str
) -> None:
    audit_record(
        actor=actor,
        action=action,
        target=public_id(OUTCOME_PREFIX, outcome_id),
        detail={"reason": reason},
        organization=organization,
    )
