"""Reading what the provider's own list of events holds, for those that never arrived."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from anneal.kernel import clock
from anneal.kernel.rounds import Due
from anneal.kernel.scopes import system_scope
from billing.payments.contracts import CheckoutState
from billing.payments.models import CheckoutSession, SweepCursor
from billing.payments.provider import provider_current
from billing.payments.services.intake import event_keep
from tenants.accounts.selectors import due_of

_NAME: Final = "events"
_OVERLAP: Final = timedelta(minutes=10)
"""Lists are behind by some seconds, and clocks differ."""
_REACH: Final = timedelta(days=29)
"""Stripe keeps events for thirty days."""
_BATCH: Final = 100


def events_sweep() -> int:
    """Keep the events that no webhook brought; return how many. Opens its own scopes."""
    begun = clock.now()
    with system_scope("payment events sweep"):
        cursor = SweepCursor.objects.filter(name=_NAME).first()
    since = max(cursor.moment - _OVERLAP if cursor else begun - _OVERLAP, begun - _REACH)
    told = list(provider_current().events_since(since))
    with system_scope("payment events sweep"):
        new = sum(event_keep(each) for each in reversed(told))
        SweepCursor.objects.update_or_create(name=_NAME, defaults={"moment": begun})
    return new


def pages_due(*, after: UUID) -> list[Due]:
    """Return checkouts whose page's time is over and whose end nobody told. System scope."""
    rows = CheckoutSession.objects.filter(
        id__gt=after, state=CheckoutState.OPEN, expires_at__lte=clock.now()
    )
    return due_of(rows.order_by("id").values_list("id", "organization_id")[:_BATCH])
