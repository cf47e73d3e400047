"""What webhooks hear of plans."""

from typing import Final

from anneal.kernel.events import PlanChanged
from anneal.kernel.ids import public_id
from tenants.webhooks.contracts import Fact
from tenants.webhooks.registry import public_events_register

CHANGED: Final = "plan.changed"


def register() -> None:
    """Let webhooks hear of changes of plan, when they take effect."""
    public_events_register(
        PlanChanged,
        types={CHANGED: "The organization is on another plan, or on none; id is its subscription."},
        fact=_fact,
    )


def _fact(event: PlanChanged) -> Fact:
    return Fact(
        event.organization,
        CHANGED,
        {
            "id": public_id("sub_", event.subscription_id),
            "plan": event.plan,
            "previous": event.previous,
        },
    )
