"""Keeping automatic top-ups from trying a refused card again and again."""

from datetime import timedelta
from typing import Final

from anneal.kernel import clock
from anneal.kernel.scopes import OrganizationRef, require_scope
from billing.payments.models import AutoTopUp

PAUSE: Final = timedelta(days=1)
OPERATOR: Final = "operator"
"""The reason that only an operator takes away again."""


def auto_top_up_pause(*, organization: OrganizationRef, reason: str) -> None:
    """Wait a day before credit is bought by itself again, and say why."""
    require_scope(organization)
    rows = AutoTopUp.objects.filter(organization_id=organization.id)
    rows.exclude(paused_reason=OPERATOR).update(
        retry_at=clock.now() + PAUSE, paused_reason=reason[:200]
    )
