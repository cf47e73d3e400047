"""What webhooks hear of outcomes, in the shape of `GET /v1/billing/outcomes`' own ids."""

from typing import Final

from anneal.kernel.ids import public_id
from billing.outcomes.contracts import (
    CONTRACT_PREFIX,
    OUTCOME_PREFIX,
    OWED,
    OutcomeMoved,
    OutcomeState,
)
from tenants.webhooks.contracts import Fact
from tenants.webhooks.registry import public_events_register

CONFIRMED: Final = "outcome.confirmed"
DISPUTED: Final = "outcome.disputed"
UPHELD: Final = "outcome.upheld"
REVERSED: Final = "outcome.reversed"


def register() -> None:
    """Let webhooks hear of outcomes that are owed, disputed and reversed."""
    public_events_register(
        OutcomeMoved,
        types={
            CONFIRMED: "An outcome is owed: it came true, or nobody said in time that it did not.",
            DISPUTED: "An outcome that is owed was disputed; the operator decides.",
            UPHELD: "A dispute was decided: the outcome is owed after all.",
            REVERSED: "An outcome is not owed; what was charged for it is given back.",
        },
        fact=_fact,
    )


def _fact(event: OutcomeMoved) -> Fact:
    outcome = event.outcome
    data = {
        "id": public_id(OUTCOME_PREFIX, outcome.id),
        "contract": public_id(CONTRACT_PREFIX, outcome.contract_id),
        "subject": outcome.subject,
        "state": outcome.state.value,
    }
    return Fact(event.organization, _type(event), data)


def _type(event: OutcomeMoved) -> str:
    if event.outcome.state in OWED:
        return UPHELD if event.upheld else CONFIRMED
    return DISPUTED if event.outcome.state is OutcomeState.DISPUTED else REVERSED
