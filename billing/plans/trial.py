"""The trial: promotional grants in the transaction that makes an organization."""

from datetime import timedelta
from typing import Final

from anneal.kernel import clock
from anneal.kernel.events import OrganizationCreated
from billing.ledger.models import GrantKind
from billing.ledger.services import balance_grant
from billing.plans.selectors import trial_terms_current

TRIAL_SOURCE: Final = "trial"


def organization_created(event: OrganizationCreated) -> None:
    """Grant the trial to a new organization, once, at the terms of the day."""
    terms = trial_terms_current()
    for unit, amount in terms.units.items():
        balance_grant(
            organization=event.organization,
            unit=unit,
            amount=amount,
            kind=GrantKind.PROMOTIONAL,
            source=TRIAL_SOURCE,
            expires_at=clock.now() + timedelta(days=terms.days),
        )
