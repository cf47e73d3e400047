"""The trial: promotional grants in the transaction that makes an organization."""

from datetime import timedelta
from typing import Final

from anneal.kernel import clock
from anneal.kernel.events import OrganizationCreated
from billing.ledger.contracts import PREDICTION, TRAINED_TOKEN
from billing.ledger.models import GrantKind
from billing.ledger.services.grants import balance_grant

TRIAL_UNITS: Final = {PREDICTION: 1_000, TRAINED_TOKEN: 10_000_000}
TRIAL_LENGTH: Final = timedelta(days=14)
TRIAL_SOURCE: Final = "trial"


def organization_created(event: OrganizationCreated) -> None:
    """Grant the trial to a new organization, once."""
    for unit, amount in TRIAL_UNITS.items():
        balance_grant(
            organization=event.organization,
            unit=unit,
            amount=amount,
            kind=GrantKind.PROMOTIONAL,
            source=TRIAL_SOURCE,
            expires_at=clock.now() + TRIAL_LENGTH,
        )
